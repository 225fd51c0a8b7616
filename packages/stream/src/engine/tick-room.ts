/** How many bytes a part of a tick may still put into the commit: the rest is for the next tick. */
export class TickRoom {
  readonly #bytesMax: number;
  #bytes = 0;
  #isCutShort = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  beginTick(): void {
    this.#isCutShort = false;
    this.beginPart();
  }

  /** None of a tick's parts holds up the others. */
  beginPart(): void {
    this.#bytes = 0;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /** To be asked where there is something more to do: if not, the tick is cut short. */
  hasRoom(): boolean {
    const hasRoom = this.#bytes < this.#bytesMax;
    this.#isCutShort ||= !hasRoom;
    return hasRoom;
  }

  /** Something more is to be done, and it is not at hand: the tick is cut short. */
  leave(): void {
    this.#isCutShort = true;
  }

  get isCutShort(): boolean {
    return this.#isCutShort;
  }
}
