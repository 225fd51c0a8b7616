const FIRST_CAPACITY = 8;

/**
 * Pairs of time and value, ascending by time, in a ring: in order a pair costs one write, the oldest leave without a copy.
 * A pair takes 16 bytes; the ring has room for a quarter more than it holds, at most for twice as many.
 */
export class KeyRing {
  #timesMs = new Float64Array(FIRST_CAPACITY);
  #values = new Float64Array(FIRST_CAPACITY);
  #head = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get capacity(): number {
    return this.#timesMs.length;
  }

  timeAt(place: number): number {
    return this.#timesMs[this.#at(place)];
  }

  valueAt(place: number): number {
    return this.#values[this.#at(place)];
  }

  append(timeMs: number, value: number): void {
    if (this.#count === this.#timesMs.length) this.#resize();
    const at = this.#at(this.#count);
    this.#timesMs[at] = timeMs;
    this.#values[at] = value;
    this.#count += 1;
  }

  /** Puts the pair before the one that stands at `place`. */
  insert(place: number, timeMs: number, value: number): void {
    if (this.#count === this.#timesMs.length) this.#resize();
    const at = this.#at(place);
    moveUp(this.#timesMs, at, this.#at(this.#count));
    moveUp(this.#values, at, this.#at(this.#count));
    this.#timesMs[at] = timeMs;
    this.#values[at] = value;
    this.#count += 1;
  }

  dropFirst(count: number): void {
    this.#head = this.#at(count);
    this.#count -= count;
    if (this.#count < this.#timesMs.length / 2 && this.#timesMs.length > 2 * FIRST_CAPACITY) this.#resize();
  }

  /** Place of the first pair at that time or later. */
  firstAtOrAfter(timeMs: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(place: number): number {
    const at = this.#head + place;
    return at < this.#timesMs.length ? at : at - this.#timesMs.length;
  }

  #resize(): void {
    const capacity = this.#count + Math.max(FIRST_CAPACITY, this.#count >>> 2);
    this.#timesMs = straightened(this.#timesMs, this.#head, this.#count, capacity);
    this.#values = straightened(this.#values, this.#head, this.#count, capacity);
    this.#head = 0;
  }
}

function straightened(
  ring: Float64Array,
  head: number,
  count: number,
  capacity: number,
): Float64Array<ArrayBuffer> {
  const line = new Float64Array(capacity);
  const untilEnd = Math.min(count, ring.length - head);
  line.set(ring.subarray(head, head + untilEnd));
  line.set(ring.subarray(0, count - untilEnd), untilEnd);
  return line;
}

/** What stands from `from` up to `end`, where nothing is, moves one place up. */
function moveUp(ring: Float64Array, from: number, end: number): void {
  if (from <= end) {
    ring.copyWithin(from + 1, from, end);
    return;
  }
  const last = ring.length - 1;
  ring.copyWithin(1, 0, end);
  ring[0] = ring[last];
  ring.copyWithin(from + 1, from, last);
}
