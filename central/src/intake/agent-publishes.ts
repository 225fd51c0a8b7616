import { packetBodyAt, packetLengthAt } from "@millrace/wire";

/** The payload is a view of what was read. */
export type TakePublish<Name> = (name: Name, payload: Uint8Array) => void;

const PUBLISH_QOS_0 = 0x30;

/**
 * One connection's bytes on their way to the broker. Once it stands, PUBLISH packets of QoS 0 (MQTT 3.1.1, 3.3) to topics of
 * its own are taken out, and that is nearly all that an agent sends: nobody subscribes to them, and the broker takes longer over
 * one than central needs to open it. Everything else is left for the broker, in the order sent. That no packet is greater than
 * it may be has been looked at before.
 */
export class AgentPublishes<Name> {
  readonly #leave: (bytes: Buffer) => void;
  /** By topic. Null until the connection stands. */
  #names: ReadonlyMap<string, Name> | null = null;
  #take: TakePublish<Name> = () => {};
  /** Of a packet that is not whole what has come, in the parts that it came in. */
  #begun: Buffer[] = [];
  #missingBytes = 0;
  /** Of a packet whose beginning the broker has. */
  #brokerBytes = 0;

  constructor(leave: (bytes: Buffer) => void) {
    this.#leave = leave;
  }

  /** The connection stands: from now on messages on these topics are taken. */
  open(names: ReadonlyMap<string, Name>, take: TakePublish<Name>): void {
    this.#names = names;
    this.#take = take;
  }

  read(chunk: Buffer): void {
    const bytes = this.#withBegun(chunk);
    if (bytes === null) return;
    let at = this.#brokerBytes;
    let leftFrom = 0;
    while (at < bytes.length) {
      const body = packetBodyAt(bytes, at);
      const end = body < 0 ? bytes.length + 1 : body + packetLengthAt(bytes, at);
      const mayBeTaken = this.#names !== null && bytes[at] === PUBLISH_QOS_0;
      if (end > bytes.length && (mayBeTaken || body < 0)) {
        this.#begun.push(bytes.subarray(at));
        this.#missingBytes = end - bytes.length;
        break;
      }
      if (mayBeTaken && this.#isTaken(bytes, body, end)) {
        if (at > leftFrom) this.#leave(bytes.subarray(leftFrom, at));
        leftFrom = end;
      }
      at = end;
    }
    this.#brokerBytes = Math.max(0, at - bytes.length);
    const leftTo = Math.min(at, bytes.length);
    if (leftTo > leftFrom) this.#leave(bytes.subarray(leftFrom, leftTo));
  }

  /** The chunk, behind what had begun; null while the packet is still not whole. */
  #withBegun(chunk: Buffer): Buffer | null {
    if (this.#begun.length === 0) return chunk;
    this.#begun.push(chunk);
    this.#missingBytes -= chunk.length;
    return this.#missingBytes > 0 ? null : Buffer.concat(this.#begun.splice(0));
  }

  #isTaken(bytes: Buffer, body: number, end: number): boolean {
    const payloadAt = body + 2 + ((bytes[body] << 8) | bytes[body + 1]);
    if (end - body < 2 || payloadAt > end) return false;
    const name = this.#names?.get(bytes.toString("latin1", body + 2, payloadAt));
    if (name === undefined) return false;
    this.#take(name, bytes.subarray(payloadAt, end));
    return true;
  }
}
