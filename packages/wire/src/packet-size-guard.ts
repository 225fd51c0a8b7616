/**
 * Watches a connection's bytes for MQTT packets above a limit, without buffering them: the parser behind it would keep
 * up to 256 MB before anyone could refuse. Fixed header: one byte type, then the remaining length, 7 bits a byte, least
 * first, at most 4 bytes (MQTT 3.1.1, 2.2.3).
 */
export class PacketSizeGuard {
  readonly #packetBytesMax: number;
  /** Of the packet whose length is next. */
  #nextBytesMax: number;
  #bodyBytesLeft = 0;
  #length = 0;
  /** -1: the next byte is a type; otherwise how many length bytes have been read. */
  #lengthBytes = -1;

  /** `firstBytesMax`: of the first packet, which comes from nobody knows whom. */
  constructor(packetBytesMax: number, firstBytesMax = packetBytesMax) {
    this.#packetBytesMax = packetBytesMax;
    this.#nextBytesMax = firstBytesMax;
  }

  /** False once a packet is greater than the limit, or its length is malformed; then the connection must go. */
  accepts(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyBytesLeft > 0) {
        const skipped = Math.min(this.#bodyBytesLeft, chunk.length - at);
        this.#bodyBytesLeft -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at++];
      if (this.#lengthBytes < 0) {
        this.#lengthBytes = 0;
        this.#length = 0;
        continue;
      }
      this.#length += (byte & 127) * 128 ** this.#lengthBytes++;
      if (this.#length > this.#nextBytesMax) return false;
      if (byte < 128) {
        this.#nextBytesMax = this.#packetBytesMax;
        this.#bodyBytesLeft = this.#length;
        this.#lengthBytes = -1;
      } else if (this.#lengthBytes === 4) {
        return false;
      }
    }
    return true;
  }
}
