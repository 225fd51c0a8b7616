import type { ReadingColumns } from "@millrace/stream";

/** What a reading's key says of it: new, seen before, or older than what is still remembered. */
export type KeyVerdict = "fresh" | "duplicate" | "undeduplicated";

interface SeriesKeys {
  /** Source times, ascending, from `head` to `end`; equal times stand side by side with their values. */
  timesMs: Float64Array;
  values: Float64Array;
  /** Of the redo entry that each stands in, the number's lower 32 bits. */
  entries: Uint32Array;
  /** `entries` ascend, as where readings come in order: the first tells of all. */
  areEntriesInOrder: boolean;
  head: number;
  end: number;
  maxTimeMs: number;
  /** Keys older than this have been forgotten. */
  floorMs: number;
}

const FIRST_CAPACITY = 16;

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
    for (; at < keys.end && keys.timesMs[at] === timeMs; at += 1) {
      if (keys.values[at] === value) return "duplicate";
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
    if (keys.end + ahead > keys.timesMs.length) makeRoom(keys, ahead);
    const { timesMs, values, entries, end } = keys;
    for (let at = 0; at < ahead; at += 1) {
      timesMs[end + at] = timeMs[at];
      values[end + at] = value[at];
      entries[end + at] = entry;
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
      const { timesMs, values, entries, head, end } = keys;
      if (head === end || (keys.areEntriesInOrder && isAfter(entries[head], last))) continue;
      keys.areEntriesInOrder = true;
      for (let at = head; at < end; at += 1) {
        if (!isAfter(entries[at], last)) {
          take(series, timesMs[at], values[at]);
          entries[at] = next;
        }
        if (at > head && isAfter(entries[at - 1], entries[at])) keys.areEntriesInOrder = false;
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
    if (keys.end === keys.timesMs.length) at -= makeRoom(keys, 1);
    if (at < keys.end) {
      keys.timesMs.copyWithin(at + 1, at, keys.end);
      keys.values.copyWithin(at + 1, at, keys.end);
      keys.entries.copyWithin(at + 1, at, keys.end);
      keys.areEntriesInOrder = false;
    }
    keys.timesMs[at] = timeMs;
    keys.values[at] = value;
    keys.entries[at] = this.#entry;
    keys.end += 1;
    this.#keyCount += 1;
  }

  #expire(keys: SeriesKeys): void {
    const oldestMs = keys.maxTimeMs - this.#horizonMs;
    while (keys.head < keys.end && keys.timesMs[keys.head] < oldestMs) {
      keys.head += 1;
      this.#keyCount -= 1;
    }
  }

  /** Where there are too many, forgets every key of the oldest time: half of a time's keys would let its duplicates pass as fresh. */
  #bound(keys: SeriesKeys): void {
    while (this.#keyCount > this.#keysMax) {
      const oldestMs = keys.timesMs[keys.head];
      while (keys.head < keys.end && keys.timesMs[keys.head] === oldestMs) {
        keys.head += 1;
        this.#keyCount -= 1;
      }
      keys.floorMs = keys.head < keys.end ? keys.timesMs[keys.head] : oldestMs + 1;
      this.#forgottenCount += 1;
    }
  }
}

/** Of numbers nearer to each other than 2^31 the lower bits tell which is greater. */
function isAfter(entry: number, other: number): boolean {
  return ((entry - other) | 0) > 0;
}

function emptyKeys(): SeriesKeys {
  return {
    timesMs: new Float64Array(FIRST_CAPACITY),
    values: new Float64Array(FIRST_CAPACITY),
    entries: new Uint32Array(FIRST_CAPACITY),
    areEntriesInOrder: true,
    head: 0,
    end: 0,
    maxTimeMs: Number.NEGATIVE_INFINITY,
    floorMs: Number.NEGATIVE_INFINITY,
  };
}

/**
 * For so many more keys: slides the live ones to the front, into longer arrays where they would fill more than half. Returns
 * how far they moved.
 */
function makeRoom(keys: SeriesKeys, count: number): number {
  const { timesMs, values, entries, head, end } = keys;
  let capacity = timesMs.length;
  while (end - head + count > capacity / 2) capacity *= 2;
  if (capacity > timesMs.length) {
    keys.timesMs = new Float64Array(capacity);
    keys.values = new Float64Array(capacity);
    keys.entries = new Uint32Array(capacity);
  }
  keys.timesMs.set(timesMs.subarray(head, end));
  keys.values.set(values.subarray(head, end));
  keys.entries.set(entries.subarray(head, end));
  keys.head = 0;
  keys.end = end - head;
  return head;
}

function firstAtOrAfter(keys: SeriesKeys, timeMs: number): number {
  let low = keys.head;
  let high = keys.end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys.timesMs[middle] < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
