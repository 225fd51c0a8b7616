import { LENGTH_BYTES_MAX, packetBodyAt, packetLengthAt, type PacketSizeGuard } from "@millrace/wire";

/** A PUBLISH that needs no broker: QoS 0 or 1, not retained, to a topic that nobody subscribes to. */
export interface DirectPublish<Topic> {
  readonly topic: Topic;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  /** With QoS 0 without meaning. */
  readonly packetId: number;
}

export interface DirectPublishesOptions<Topic> {
  /** Sees all bytes that are left for the broker, and only those. */
  readonly guard: PacketSizeGuard;
  /** Greater packets are left for the broker; at most so much of a packet is kept until the rest comes. */
  readonly packetBytesMax: number;
  /** What is known of a topic whose messages may be taken here; undefined where the broker must see them. */
  topicAt(bytes: Uint8Array, from: number, to: number): Topic | undefined;
  take(publish: DirectPublish<Topic>): void;
  /** A great packet, left for the broker in parts, begins; false: it has to wait, and `read` is to be called again. */
  begin(bytes: number): boolean;
  /** The last of it has been left for the broker. */
  end(): void;
}

/** Type and flags of a PUBLISH that may be direct; 0x08 (DUP) may be set beside QoS 1 (MQTT 3.1.1, 3.3.1). */
const PUBLISH_QOS_0 = 0x30;
const PUBLISH_QOS_1 = 0x32;
const DUP = 0x08;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One connection's bytes on their way to the broker: takes the direct publishes out at the front of what has come, and leaves
 * everything from the first other packet on to the broker, packets always whole (but for great ones). So whatever the
 * broker handles comes to it in the order in which it was sent, and the handler, too, sees all messages in that order.
 */
export class DirectPublishes<Topic> {
  readonly #options: DirectPublishesOptions<Topic>;
  /** The beginning of a packet whose rest is still to come. */
  #begun: Buffer = NOTHING;
  /** Of a packet whose beginning the broker has. */
  #bytesLeft = 0;
  #hasFirst = false;
  #isHeldBack = false;
  /** What stands behind the first packet is held back until the connection stands: before, aedes would take it for anybody's. */
  isOpen = false;

  constructor(options: DirectPublishesOptions<Topic>) {
    this.#options = options;
  }

  /** What has come has to wait, for the connection to stand or for room; then `read` is to be called with nothing. */
  get isHeldBack(): boolean {
    return this.#isHeldBack;
  }

  /** What is left for the broker, null for nothing. Undefined: a packet exceeds the guard's limit; the connection must go. */
  read(chunk: Buffer): Buffer | null | undefined {
    const bytes = this.#begun.length === 0 ? chunk : this.#withBegun(chunk);
    this.#begun = NOTHING;
    this.#isHeldBack = false;
    if (!this.isOpen) return this.#readFirst(bytes);
    const skipped = Math.min(this.#bytesLeft, bytes.length);
    this.#bytesLeft -= skipped;
    if (skipped > 0 && this.#bytesLeft === 0) this.#options.end();
    const from = skipped === 0 ? this.#takeDirect(bytes) : 0;
    const to = this.#endOfPackets(bytes, Math.max(from, skipped));
    this.#begun = to === bytes.length ? NOTHING : bytes.subarray(to);
    return this.#guarded(bytes.subarray(from, to));
  }

  /** What has come is given back: of a packet whose beginning is kept a copy is. */
  letGo(): void {
    if (this.#begun.length > 0) this.#begun = Buffer.from(this.#begun);
  }

  /** Leaves the first packet for the broker, and holds back what comes behind it. */
  #readFirst(bytes: Buffer): Buffer | null | undefined {
    const end = this.#hasFirst ? 0 : this.#bytesLeft || endOfFirst(bytes);
    const to = Math.min(end, bytes.length);
    this.#bytesLeft = end - to;
    this.#begun = bytes.subarray(to);
    if (end > 0 && this.#bytesLeft === 0) this.#hasFirst = true;
    this.#isHeldBack = this.#hasFirst;
    return this.#guarded(bytes.subarray(0, to));
  }

  #guarded(left: Buffer): Buffer | null | undefined {
    if (left.length === 0) return null;
    return this.#options.guard.accepts(left) ? left : undefined;
  }

  /** The chunk behind the packet that had begun, where that could be taken; otherwise both together. */
  #withBegun(chunk: Buffer): Buffer {
    const begun = this.#begun;
    const { buffer, byteOffset, length } = begun;
    // Parts of what was read at once mostly: they still stand together.
    if (buffer === chunk.buffer && byteOffset + length === chunk.byteOffset)
      return Buffer.from(buffer, byteOffset, length + chunk.length);
    const body = packetBodyAt(begun, 0);
    const missing = body < 0 ? Infinity : body + packetLengthAt(begun, 0) - begun.length;
    if (missing > 0 && missing <= chunk.length && this.isOpen) {
      const packet = Buffer.concat([begun, chunk.subarray(0, missing)]);
      if (this.#takeDirect(packet) === packet.length) return chunk.subarray(missing);
    }
    return Buffer.concat([begun, chunk]);
  }

  /** Takes direct publishes from the front; returns where the first packet begins that is none, or is not whole. */
  #takeDirect(bytes: Buffer): number {
    const { packetBytesMax, topicAt, take } = this.#options;
    let at = 0;
    for (;;) {
      const qos = bytes[at] === PUBLISH_QOS_0 ? 0 : (bytes[at] & ~DUP) === PUBLISH_QOS_1 ? 1 : -1;
      if (qos === -1 || at >= bytes.length) return at;
      const body = packetBodyAt(bytes, at);
      if (body < 0) return at;
      const end = body + packetLengthAt(bytes, at);
      if (end > bytes.length || end - at > packetBytesMax) return at;
      const topicEnd = body + 2 + ((bytes[body] << 8) | bytes[body + 1]);
      const payloadAt = topicEnd + 2 * qos;
      if (end - body < 2 || payloadAt > end) return at;
      const packetId = qos === 0 ? 0 : (bytes[topicEnd] << 8) | bytes[topicEnd + 1];
      if (qos === 1 && packetId === 0) return at;
      const topic = topicAt(bytes, body + 2, topicEnd);
      if (topic === undefined) return at;
      take({ topic, payload: bytes.subarray(payloadAt, end), qos: qos === 0 ? 0 : 1, packetId });
      at = end;
    }
  }

  /** Where the last whole packet ends; a great one may end beyond. Behind a malformed length the guard decides. */
  #endOfPackets(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const body = packetBodyAt(bytes, at);
      if (body < 0) return bytes.length - at > LENGTH_BYTES_MAX ? bytes.length : at;
      const end = body + packetLengthAt(bytes, at);
      if (end > bytes.length) {
        if (end - at <= this.#options.packetBytesMax) return at;
        this.#isHeldBack = !this.#options.begin(end - at);
        if (this.#isHeldBack) return at;
        this.#bytesLeft = end - bytes.length;
        return bytes.length;
      }
      at = end;
    }
    return at;
  }
}

/** Of the first packet; 0 while its length is not whole, and all there is where that is malformed: the guard decides. */
function endOfFirst(bytes: Buffer): number {
  const body = packetBodyAt(bytes, 0);
  if (body > 0) return body + packetLengthAt(bytes, 0);
  return bytes.length > LENGTH_BYTES_MAX ? bytes.length : 0;
}
