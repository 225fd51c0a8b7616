import { connect, type Socket } from "node:net";
import { mqttPacket } from "@millrace/testkit";

export interface RawMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly isRetained: boolean;
}

const PACKET = { connect: 1, connack: 2, publish: 3, puback: 4, subscribe: 8, suback: 9 } as const;

/**
 * An MQTT 3.1.1 client of a few lines, byte by byte, so that tests see and send flags that a library would hide. One
 * packet at a time goes out; what comes in is kept.
 */
export class RawMqtt {
  readonly messages: RawMessage[] = [];
  readonly #socket: Socket;
  readonly #waiting = new Map<string, () => void>();
  #received = Buffer.alloc(0);
  #packetId = 0;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => (this.#isClosed = true));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  /** Rejects when the broker refuses. */
  static async connect(options: {
    readonly port: number;
    readonly clientId: string;
    readonly username?: string;
    readonly password?: string;
  }): Promise<RawMqtt> {
    const { port, clientId, username, password } = options;
    const client = new RawMqtt(connect(port, "127.0.0.1"));
    const hasName = username === undefined ? 0 : 0x80;
    const hasPassword = password === undefined ? 0 : 0x40;
    const flags = 0x02 | hasName | hasPassword;
    const fields = [clientId, username, password].filter((field) => field !== undefined);
    const head = ["MQTT", Buffer.from([4, flags, 0, 60])];
    await client.#request(mqttPacket(PACKET.connect << 4, ...head, ...fields), "connack");
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves with the PUBACK; QoS 0 at once. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    { qos = 1, isRetained = false }: { readonly qos?: 0 | 1; readonly isRetained?: boolean } = {},
  ): Promise<void> {
    if (this.#isClosed) throw new Error("the connection is closed");
    this.#packetId = (this.#packetId % 65_535) + 1;
    const id = qos === 0 ? Buffer.alloc(0) : uint16(this.#packetId);
    const first = (PACKET.publish << 4) | (qos << 1) | Number(isRetained);
    const bytes = mqttPacket(first, topic, id, Buffer.from(payload));
    if (qos === 0) this.#socket.write(bytes);
    else await this.#request(bytes, `puback ${this.#packetId}`);
  }

  /** QoS 1. */
  async subscribe(filter: string): Promise<void> {
    this.#packetId = (this.#packetId % 65_535) + 1;
    const bytes = mqttPacket((PACKET.subscribe << 4) | 2, uint16(this.#packetId), filter, Buffer.from([1]));
    await this.#request(bytes, `suback ${this.#packetId}`);
  }

  /** Bytes that need not be MQTT. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #request(bytes: Buffer, answer: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => reject(new Error(`the broker closed the connection before its ${answer}`));
      this.#socket.once("close", onClose);
      this.#waiting.set(answer, () => {
        this.#socket.off("close", onClose);
        resolve();
      });
      this.#socket.write(bytes);
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const length = remainingLength(this.#received);
      if (length === undefined || this.#received.length < length.end + length.value) return;
      const body = this.#received.subarray(length.end, length.end + length.value);
      this.#take(this.#received[0] ?? 0, body);
      this.#received = this.#received.subarray(length.end + length.value);
    }
  }

  #take(first: number, body: Buffer): void {
    const type = first >> 4;
    if (type === PACKET.connack && body[1] === 0) this.#answered("connack");
    if (type === PACKET.puback) this.#answered(`puback ${body.readUInt16BE(0)}`);
    if (type === PACKET.suback && (body[2] ?? 0x80) < 0x80) this.#answered(`suback ${body.readUInt16BE(0)}`);
    if (type !== PACKET.publish) return;
    const topicEnd = 2 + body.readUInt16BE(0);
    const qos = (first >> 1) & 3;
    const payload = body.subarray(qos === 0 ? topicEnd : topicEnd + 2).toString();
    this.messages.push({
      topic: body.subarray(2, topicEnd).toString(),
      payload,
      qos,
      isRetained: (first & 1) === 1,
    });
    if (qos > 0) this.#socket.write(mqttPacket(PACKET.puback << 4, body.subarray(topicEnd, topicEnd + 2)));
  }

  #answered(answer: string): void {
    this.#waiting.get(answer)?.();
    this.#waiting.delete(answer);
  }
}

function remainingLength(bytes: Buffer): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = 1; at <= 4; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
