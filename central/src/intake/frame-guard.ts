/**
 * Follows the frames of an MQTT 3.1.1 byte stream and tells when one is larger than allowed, before it is gathered:
 * the broker's parser has no bound of its own.
 *
 *   frame: type and flags u8 | remaining length, 1 to 4 bytes of 7 bits, low first | that many bytes
 */
export class FrameGuard {
  readonly #frameBytesMax: number;
  #state: "type" | "length" | "body" = "type";
  #bodyBytesLeft = 0;
  #lengthShift = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** False when a frame in the bytes so far is too large or its length is malformed. */
  accepts(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "body") {
        const step = Math.min(this.#bodyBytesLeft, chunk.length - at);
        this.#bodyBytesLeft -= step;
        at += step;
        if (this.#bodyBytesLeft === 0) this.#state = "type";
      } else if (this.#state === "type") {
        this.#state = "length";
        this.#bodyBytesLeft = 0;
        this.#lengthShift = 0;
        at += 1;
      } else {
        const byte = chunk[at] ?? 0;
        at += 1;
        this.#bodyBytesLeft += (byte & 0x7f) * 2 ** this.#lengthShift;
        this.#lengthShift += 7;
        if (this.#bodyBytesLeft > this.#frameBytesMax) return false;
        if (byte < 0x80) this.#state = this.#bodyBytesLeft === 0 ? "type" : "body";
        else if (this.#lengthShift > 21) return false;
      }
    }
    return true;
  }
}
