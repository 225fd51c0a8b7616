import type { ReadingColumns } from "@millrace/stream";

/** What a reading's key says of it: new, seen before, or older than what is still remembered. */
export type KeyVerdict = "fresh" | "duplicate" | "undeduplicated";

interface SeriesKeys {
  /**
   * STRIDE numbers of each key, by source time ascending, from key `head` to `end`; equal times stand side by side. Together,
   * for where readings of many series come in turns each key is in no cache.
   */
  cells: Float64Array;
  /** The entries ascend, as where readings come in order: the first tells of all. */
  areEntriesInOrder: boolean;
  head: number;
  end: number;
  maxTimeMs: number;
  /** Keys older than this have been forgotten. */
  floorMs: number;
}

const FIRST_CAPACITY = 16;
/** Source time, value, and the number of the redo entry that the reading stands in. */
const STRIDE = 3;
const VALUE = 1;
const ENTRY = 2;

/**
 * Remembers (source time, value) of each series for `horizonMs` of event time, so that a reading delivered twice counts
 * once. The same time with another value is another reading. In order, a key costs one append; out of order, a binary
 * search. At most `keysMax` keys in all: beyond it a series forgets its own oldest, and says so by `undeduplicated`.
 */
export class Deduplicator {
  readonly #horizonMs: number;
  readonly #keysMax: number;
  readonly #series: (SeriesKeys | undefined)[] = [];
  /** Into which what is judged goes. */
  #entry = 0;
  #keyCount = 0;
  #forgottenCount = 0;

  constructor(options: { readonly horizonMs: number; readonly keysMax: number }) {
    this.#horizonMs = options.horizonMs;
    this.#keysMax = options.keysMax;
  }

  get keyCount(): number {
    return this.#keyCount;
  }

  /** Keys dropped because `keysMax` was reached. */
  get forgottenCount(): number {
    return this.#forgottenCount;
  }

  /**
   * Judges the key and, unless it is a duplicate, remembers it. `timeMs` is at the source's full resolution; `entry` is the
   * redo entry that the reading goes into.
   */
  judge(series: number, timeMs: number, value: number, entry: number): KeyVerdict {
    this.#entry = entry;
    const keys = (this.#series[series] ??= emptyKeys());
    if (timeMs > keys.maxTimeMs) {
      keys.maxTimeMs = timeMs;
      this.#insert(keys, keys.end, timeMs, value);
      this.#expire(keys);
      this.#bound(keys);
      return "fresh";
    }
    if (timeMs < keys.floorMs || timeMs < keys.maxTimeMs - this.#horizonMs) return "undeduplicated";
    let at = firstAtOrAfter(keys, timeMs);
    for (; at < keys.end && keys.cells[at * STRIDE] === timeMs; at += 1) {
      if (keys.cells[at * STRIDE + VALUE] === value) return "duplicate";
    }
    this.#insert(keys, at, timeMs, value);
    this.#bound(keys);
    return "fresh";
  }

  /**
   * The same for the readings of a series at the front of these columns whose times ascend beyond all that it has had: they
   * are fresh, and nothing has to be looked up. Returns how many they are.
   */
  admitAhead(
    series: number,
    { count, timeMs, value }: Omit<ReadingColumns, "series">,
    entry: number,
  ): number {
    const keys = (this.#series[series] ??= emptyKeys());
    let ahead = 0;
    for (let maxTimeMs = keys.maxTimeMs; ahead < count && timeMs[ahead] > maxTimeMs; ahead += 1)
      maxTimeMs = timeMs[ahead];
    if ((keys.end + ahead) * STRIDE > keys.cells.length) makeRoom(keys, ahead);
    const { cells } = keys;
    for (let at = 0, cell = keys.end * STRIDE; at < ahead; at += 1, cell += STRIDE) {
      cells[cell] = timeMs[at];
      cells[cell + VALUE] = value[at];
      cells[cell + ENTRY] = entry;
    }
    if (ahead > 0) keys.maxTimeMs = timeMs[ahead - 1];
    keys.end += ahead;
    this.#keyCount += ahead;
    this.#expire(keys);
    this.#bound(keys);
    return ahead;
  }

  /** The redo entries up to `last` go: gives each key that stands in them, and takes it to stand in entry `next` from now on. */
  carry(last: number, next: number, take: (series: number, timeMs: number, value: number) => void): void {
    for (const [series, keys] of this.#series.entries()) {
      if (keys === undefined) continue;
      const { cells, head, end } = keys;
      if (head === end || (keys.areEntriesInOrder && cells[head * STRIDE + ENTRY] > last)) continue;
      keys.areEntriesInOrder = true;
      for (let at = head, before = 0; at < end; at += 1) {
        const cell = at * STRIDE;
        if (cells[cell + ENTRY] <= last) {
          take(series, cells[cell], cells[cell + VALUE]);
          cells[cell + ENTRY] = next;
        }
        if (cells[cell + ENTRY] < before) keys.areEntriesInOrder = false;
        before = cells[cell + ENTRY];
      }
    }
  }

  /**
   * Nothing can be later than `limitMs`. A series whose keys are, by more than the horizon, got them of a wrong clock and
   * would take all that comes now as too old: it begins anew there, knowing nothing of what is older.
   */
  forgetBeyond(limitMs: number): void {
    for (const [series, keys] of this.#series.entries()) {
      if (keys === undefined || keys.maxTimeMs - this.#horizonMs <= limitMs) continue;
      this.#keyCount -= keys.end - keys.head;
      this.#series[series] = { ...emptyKeys(), maxTimeMs: limitMs, floorMs: limitMs };
    }
  }

  #insert(keys: SeriesKeys, at: number, timeMs: number, value: number): void {
    if (keys.end * STRIDE === keys.cells.length) at -= makeRoom(keys, 1);
    const { cells } = keys;
    const cell = at * STRIDE;
    if (at < keys.end) {
      cells.copyWithin(cell + STRIDE, cell, keys.end * STRIDE);
      keys.areEntriesInOrder = false;
    }
    cells[cell] = timeMs;
    cells[cell + VALUE] = value;
    cells[cell + ENTRY] = this.#entry;
    keys.end += 1;
    this.#keyCount += 1;
  }

  #expire(keys: SeriesKeys): void {
    const oldestMs = keys.maxTimeMs - this.#horizonMs;
    while (keys.head < keys.end && keys.cells[keys.head * STRIDE] < oldestMs) {
      keys.head += 1;
      this.#keyCount -= 1;
    }
  }

  /** Where there are too many, forgets every key of the oldest time: half of a time's keys would let its duplicates pass as fresh. */
  #bound(keys: SeriesKeys): void {
    while (this.#keyCount > this.#keysMax) {
      const oldestMs = keys.cells[keys.head * STRIDE];
      while (keys.head < keys.end && keys.cells[keys.head * STRIDE] === oldestMs) {
        keys.head += 1;
        this.#keyCount -= 1;
      }
      keys.floorMs = keys.head < keys.end ? keys.cells[keys.head * STRIDE] : oldestMs + 1;
      this.#forgottenCount += 1;
    }
  }
}

function emptyKeys(): SeriesKeys {
  return {
    cells: new Float64Array(FIRST_CAPACITY * STRIDE),
    areEntriesInOrder: true,
    head: 0,
    end: 0,
    maxTimeMs: Number.NEGATIVE_INFINITY,
    floorMs: Number.NEGATIVE_INFINITY,
  };
}

/** For so many more keys: slides the live ones to the front, of a longer array where they would fill half. Returns how far they moved. */
function makeRoom(keys: SeriesKeys, count: number): number {
  const { cells, head, end } = keys;
  let length = cells.length;
  while ((end - head + count) * STRIDE > length / 2) length *= 2;
  if (length > cells.length) keys.cells = new Float64Array(length);
  keys.cells.set(cells.subarray(head * STRIDE, end * STRIDE));
  keys.head = 0;
  keys.end = end - head;
  return head;
}

function firstAtOrAfter(keys: SeriesKeys, timeMs: number): number {
  let low = keys.head;
  let high = keys.end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys.cells[middle * STRIDE] < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
