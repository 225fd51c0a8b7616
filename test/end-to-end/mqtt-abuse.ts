import { connect, type Socket } from "node:net";

const QUIET_MS_MAX = 2_000;

/**
 * What an MQTT client may do to a broker that keeps everything it is given: each method begins connections of its own, with
 * new client ids, and counts on no answer.
 */
export class MqttAbuse {
  readonly #port: number;
  readonly #open = new Set<Socket>();
  #number = 0;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** A persistent session that subscribes to the filter and to one too long, and is left for ever. */
  async leaveSession(filter: string): Promise<void> {
    const socket = await this.#hello(0);
    const filters = [filter, "x".repeat(60_000)].map((one) => Buffer.concat([text(one), Buffer.from([1])]));
    await this.#tell(socket, packet(0x82, Buffer.concat([Buffer.from([0, 1]), ...filters])), 0x90);
    socket.destroy();
  }

  /** A persistent session that publishes with QoS 2, never releases, and is left for ever. */
  async leaveUnreleased(topic: string, payload: Buffer): Promise<void> {
    const socket = await this.#hello(0);
    const body = Buffer.concat([text(topic), Buffer.from([0, 1]), payload]);
    await this.#tell(socket, packet(0x34, body), 0x50);
    socket.destroy();
  }

  /** One connection that publishes with QoS 2 and never releases. */
  async neverRelease(topic: string, payload: Buffer, count: number): Promise<void> {
    const socket = await this.#hello(0x02);
    for (let id = 1; id <= count; id += 1) {
      const body = Buffer.concat([text(topic), Buffer.from([id >> 8, id & 0xff]), payload]);
      await write(socket, packet(0x34, body));
    }
  }

  /** Invented topics of that length. */
  async inventTopics(length: number, count: number): Promise<void> {
    const socket = await this.#hello(0x02);
    for (let number = 0; number < count; number += 1) {
      const topic = `${number}/`.padEnd(length, "x");
      await write(socket, packet(0x30, Buffer.concat([text(topic), Buffer.from("1")])));
    }
  }

  /** A connection that begins a CONNECT of two megabytes, and one of fifteen kilobytes, and goes on with neither. */
  async beginToConnect(): Promise<void> {
    for (const bytes of [2_000_000, 15_000])
      await write(await this.#opened(), packet(0x10, Buffer.alloc(bytes, 0x41)).subarray(0, bytes - 1_000));
  }

  /** A client that sends all but the last of a packet of a megabyte. */
  async beginToPublish(): Promise<void> {
    const body = Buffer.concat([text("factory/alpha/1/m9/temperature"), Buffer.alloc(2 ** 20)]);
    const socket = await this.#hello(0x02);
    await write(socket, packet(0x30, body).subarray(0, body.length - 1_000));
  }

  async #hello(flags: number): Promise<Socket> {
    this.#number += 1;
    const body = [
      text("MQTT"),
      Buffer.from([4, flags, 0, 0]),
      text(`abuse-${this.#number}`.padEnd(100, "-")),
    ];
    const socket = await this.#opened();
    await this.#tell(socket, packet(0x10, Buffer.concat(body)), 0x20);
    return socket;
  }

  #opened(): Promise<Socket> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1");
      this.#open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#open.delete(socket));
      socket.on("data", () => {});
      socket.once("connect", () => resolve(socket));
      socket.once("close", () => resolve(socket));
    });
  }

  /** Until an answer of that type has come, or none will. */
  #tell(socket: Socket, bytes: Buffer, answer: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, QUIET_MS_MAX);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.on("data", (chunk: Buffer) => chunk[0] === answer && done());
      socket.once("close", done);
      if (socket.destroyed) done();
      else socket.write(bytes);
    });
  }
}

/** Until the connection takes more, or has ended, or takes nothing. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.write(bytes)) return resolve();
    const timer = setTimeout(resolve, QUIET_MS_MAX);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    socket.once("drain", done);
    socket.once("close", done);
  });
}

function packet(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function text(value: string): Buffer {
  const length = Buffer.byteLength(value);
  return Buffer.concat([Buffer.from([length >> 8, length & 0xff]), Buffer.from(value)]);
}
