/** Places in a chunk are numbered with 16 bits. */
const CHUNK_BITS = 16;
const CHUNK_BINS = 2 ** CHUNK_BITS;
/** Of the first chunk: most tables have few panes. */
const FIRST_CHUNK_BINS = 2 ** 12;

/**
 * Runs of bins, each a power of two long and within one chunk. Chunks are never copied, so that a great pool grows without a
 * pause. A run that is given back serves the next of its length.
 */
export class BinPool {
  readonly chunks: Uint16Array[] = [];
  #usedBins = 0;
  /** By binary logarithm of the length. */
  readonly #free: number[][] = Array.from({ length: CHUNK_BITS }, () => []);

  /** A run of bins that are all 0: its place, of which `chunkOf` and `startOf` are told. */
  take(length: number): number {
    const free = this.#free[Math.log2(length)].pop();
    if (free !== undefined) return free;
    const last = this.chunks.at(-1);
    if (last === undefined || this.#usedBins + length > last.length) {
      this.chunks.push(new Uint16Array(Math.min(CHUNK_BINS, 4 * (last?.length ?? FIRST_CHUNK_BINS / 4))));
      this.#usedBins = 0;
    }
    const place = (this.chunks.length - 1) * CHUNK_BINS + this.#usedBins;
    this.#usedBins += length;
    return place;
  }

  giveBack(place: number, length: number): void {
    const start = startOf(place);
    this.chunks[chunkOf(place)].fill(0, start, start + length);
    this.#free[Math.log2(length)].push(place);
  }
}

export function chunkOf(place: number): number {
  return Math.floor(place / CHUNK_BINS);
}

export function startOf(place: number): number {
  return place % CHUNK_BINS;
}
