import { LENGTH_BYTES_MAX, packetBodyAt } from "@millrace/wire";

const NOTHING = Buffer.alloc(0);

/**
 * Cuts MQTT packets above a limit down to it, on their way to a parser that would keep up to 256 MB of one: their length is another
 * (MQTT 3.1.1, 2.2.3), and what lies beyond is left out. Of a PUBLISH what stands before the payload has to be within the limit. A
 * broker that is refused such a message, because the connection goes, only brings it again.
 */
export class PacketCutter {
  readonly #packetBytesMax: () => number;
  /** A fixed header that is not whole. */
  #begun: Buffer = NOTHING;
  /** Of the packet whose body has begun. */
  #passedLeft = 0;
  #droppedLeft = 0;

  /** `packetBytesMax`: of a body; asked for each. */
  constructor(packetBytesMax: () => number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** What is to be parsed in the place of this chunk: mostly itself. */
  cut(chunk: Buffer): Buffer {
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#begun = NOTHING;
    const parts: Buffer[] = [];
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#passedLeft > 0) {
        const passed = Math.min(this.#passedLeft, bytes.length - at);
        this.#passedLeft -= passed;
        at += passed;
      } else if (this.#droppedLeft > 0) {
        if (at > from) parts.push(bytes.subarray(from, at));
        const dropped = Math.min(this.#droppedLeft, bytes.length - at);
        this.#droppedLeft -= dropped;
        at += dropped;
        from = at;
      } else {
        const bodyAt = endOfHeader(bytes, at);
        if (bodyAt < 0) break;
        const length = lengthAt(bytes, at, bodyAt);
        const lengthMax = this.#packetBytesMax();
        this.#passedLeft = Math.min(length, lengthMax);
        this.#droppedLeft = length - this.#passedLeft;
        if (this.#droppedLeft > 0) {
          if (at > from) parts.push(bytes.subarray(from, at));
          parts.push(headerOf(bytes[at], lengthMax));
          from = bodyAt;
        }
        at = bodyAt;
      }
    }
    // The buffer is not kept for a few bytes of it.
    if (at < bytes.length) this.#begun = Buffer.from(bytes.subarray(at));
    if (parts.length === 0 && from === 0) return bytes.subarray(0, at);
    return Buffer.concat([...parts, bytes.subarray(from, at)]);
  }
}

/** Behind the fixed header; -1 while it is not whole. A length of more bytes than there may be ends there: the parser refuses it. */
function endOfHeader(bytes: Buffer, at: number): number {
  const bodyAt = packetBodyAt(bytes, at);
  return bodyAt < 0 && bytes.length - at > LENGTH_BYTES_MAX ? at + LENGTH_BYTES_MAX + 1 : bodyAt;
}

function lengthAt(bytes: Buffer, at: number, bodyAt: number): number {
  let length = 0;
  for (let index = bodyAt - 1; index > at; index -= 1) length = length * 128 + (bytes[index] & 127);
  return length;
}

function headerOf(first: number, length: number): Buffer {
  const header = [first];
  let left = length;
  do {
    header.push((left % 128) | (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.from(header);
}
