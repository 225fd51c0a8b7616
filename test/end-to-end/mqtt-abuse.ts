import { connect, type Socket } from "node:net";
import { mqttPacket } from "@millrace/testkit";

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
    const qos = Buffer.from([1]);
    const filters = [filter, qos, "x".repeat(60_000), qos];
    await this.#tell(socket, mqttPacket(0x82, Buffer.from([0, 1]), ...filters), 0x90);
    socket.destroy();
  }

  /** A persistent session that publishes with QoS 2, never releases, and is left for ever. */
  async leaveUnreleased(topic: string, payload: Buffer): Promise<void> {
    const socket = await this.#hello(0);
    await this.#tell(socket, mqttPacket(0x34, topic, Buffer.from([0, 1]), payload), 0x50);
    socket.destroy();
  }

  /** One connection that publishes with QoS 2 and never releases. */
  async neverRelease(topic: string, payload: Buffer, count: number): Promise<void> {
    const socket = await this.#hello(0x02);
    for (let id = 1; id <= count; id += 1)
      await write(socket, mqttPacket(0x34, topic, Buffer.from([id >> 8, id & 0xff]), payload));
  }

  /** Invented topics of that length. */
  async inventTopics(length: number, count: number): Promise<void> {
    const socket = await this.#hello(0x02);
    for (let number = 0; number < count; number += 1) {
      const topic = `${number}/`.padEnd(length, "x");
      await write(socket, mqttPacket(0x30, topic, Buffer.from("1")));
    }
  }

  /** A connection that begins a CONNECT of two megabytes, and one of fifteen kilobytes, and goes on with neither. */
  async beginToConnect(): Promise<void> {
    for (const bytes of [2_000_000, 15_000]) {
      const packet = mqttPacket(0x10, Buffer.alloc(bytes, 0x41));
      await write(await this.#opened(), packet.subarray(0, bytes - 1_000));
    }
  }

  /** A client that sends all but the last of a packet of a megabyte. */
  async beginToPublish(): Promise<void> {
    const packet = mqttPacket(0x30, "factory/alpha/1/m9/temperature", Buffer.alloc(2 ** 20));
    const socket = await this.#hello(0x02);
    await write(socket, packet.subarray(0, packet.length - 1_000));
  }

  async #hello(flags: number): Promise<Socket> {
    this.#number += 1;
    const id = `abuse-${this.#number}`.padEnd(100, "-");
    const socket = await this.#opened();
    await this.#tell(socket, mqttPacket(0x10, "MQTT", Buffer.from([4, flags, 0, 0]), id), 0x20);
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
    const done = () => {
      clearTimeout(timer);
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, QUIET_MS_MAX);
    socket.once("drain", done);
    socket.once("close", done);
  });
}
