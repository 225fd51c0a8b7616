/** Writes one chunk of a state: little-endian, texts as UTF-16 units, so that lone surrogates come back. */
export class StateWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  get byteCount(): number {
    return this.#end;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#end, value);
    this.#end += 1;
  }

  word(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#end, value, true);
    this.#end += 4;
  }

  float(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#end, value, true);
    this.#end += 8;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  /** A text or a number, as one of them. */
  scalar(value: string | number): void {
    this.byte(typeof value === "string" ? 1 : 0);
    if (typeof value === "number") return this.float(value);
    this.word(value.length);
    this.#reserve(2 * value.length);
    for (let at = 0; at < value.length; at++, this.#end += 2)
      this.#view.setUint16(this.#end, value.charCodeAt(at), true);
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#end);
    this.#end = 0;
    return taken;
  }

  #reserve(byteCount: number): void {
    const needed = this.#end + byteCount;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
