import type { ReadingColumns } from "@millrace/stream";
import { KeyRing } from "./key-ring.ts";

/** What a reading's key says of it: new, seen before, or older than what is still remembered. */
export type KeyVerdict = "fresh" | "duplicate" | "undeduplicated";

interface SeriesKeys {
  /** Source times and values; equal times stand side by side. */
  readonly ring: KeyRing;
  maxTimeMs: number;
  /** Keys older than this have been forgotten. */
  floorMs: number;
  /** The newest time of all series when this one spoke last. */
  heardAtMs: number;
}

/** A series that is silent for so long, by the times of the others, is forgotten: its keys are carried on no longer. */
const SILENT_MS_MAX = 86_400_000;
/** Of what is held at the bound, this share goes at once: finding the oldest costs as much for many as for one. */
const SHARE_FORGOTTEN = 1 / 8;
/** Keys that are looked at to find how old the oldest are. */
const SAMPLES = 4096;
const GOLDEN = 0.618_033_988_749_895;

/**
 * Remembers (source time, value) of each series for `horizonMs` of event time, so that a reading delivered twice counts
 * once. The same time with another value is another reading. In order, a key costs one append; out of order, a binary
 * search.
 *
 * At most `keysMax` keys in all: beyond it the oldest go, of whatever series, and those say so by `undeduplicated`. How old
 * a key is goes by the newest time of its own series, so that a clock that is behind is no disadvantage, and by how long
 * that has been silent meanwhile: what is dead goes before what lives.
 */
export class Deduplicator {
  readonly #horizonMs: number;
  readonly #keysMax: number;
  readonly #series: (SeriesKeys | undefined)[] = [];
  #keyCount = 0;
  #forgottenCount = 0;
  /** Newest time of all series. */
  #newestMs = Number.NEGATIVE_INFINITY;
  #silentSoughtAtMs = Number.NEGATIVE_INFINITY;

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
    const keys = this.#keysOf(series, timeMs);
    keys.heardAtMs = this.#newestMs;
    return this.#judge(keys, timeMs, value, entry);
  }

  /**
   * The same for the readings of a series at the front of these columns whose times ascend beyond all that it has had: they
   * are fresh, and nothing has to be looked up. Returns how many they are, no more than there is room for.
   */
  admitAhead(series: number, columns: Omit<ReadingColumns, "series">, entry: number): number {
    const { timeMs } = columns;
    const countMax = Math.min(columns.count, this.#keysMax - this.#keyCount);
    let maxTimeMs = this.#series[series]?.maxTimeMs ?? Number.NEGATIVE_INFINITY;
    let ahead = 0;
    for (; ahead < countMax && timeMs[ahead] > maxTimeMs; ahead += 1) maxTimeMs = timeMs[ahead];
    if (ahead === 0) return 0;
    const keys = this.#keysOf(series, maxTimeMs);
    keys.heardAtMs = this.#newestMs;
    keys.maxTimeMs = maxTimeMs;
    keys.ring.appendRun(columns, ahead, entry);
    this.#keyCount += ahead;
    this.#expire(keys);
    return ahead;
  }

  /** A key that was carried on: the series need not have spoken since its time. */
  recall(series: number, timeMs: number, value: number, entry: number): void {
    const keys = this.#keysOf(series, timeMs);
    keys.heardAtMs = Math.max(keys.heardAtMs, timeMs);
    this.#judge(keys, timeMs, value, entry);
  }

  /** The redo entries up to `last` go: gives each key that stands in them, and takes it to stand in entry `next` from now on. */
  carry(last: number, next: number, take: (series: number, timeMs: number, value: number) => void): void {
    for (const [series, keys] of this.#series.entries())
      keys?.ring.carry(last, next, (timeMs, value) => take(series, timeMs, value));
  }

  /**
   * Nothing can be later than `limitMs`. A series whose keys are, by more than the horizon, got them of a wrong clock and
   * would take all that comes now as too old: it begins anew there, knowing nothing of what is older.
   */
  forgetBeyond(limitMs: number): void {
    this.#newestMs = Math.min(this.#newestMs, limitMs);
    this.#silentSoughtAtMs = Math.min(this.#silentSoughtAtMs, limitMs);
    for (const [series, keys] of this.#series.entries()) {
      if (keys === undefined) continue;
      keys.heardAtMs = Math.min(keys.heardAtMs, limitMs);
      if (keys.maxTimeMs - this.#horizonMs <= limitMs) continue;
      this.#keyCount -= keys.ring.count;
      this.#series[series] = {
        ...emptyKeys(series),
        maxTimeMs: limitMs,
        floorMs: limitMs,
        heardAtMs: keys.heardAtMs,
      };
    }
  }

  #keysOf(series: number, timeMs: number): SeriesKeys {
    if (timeMs > this.#newestMs) this.#advance(timeMs);
    return (this.#series[series] ??= emptyKeys(series));
  }

  #judge(keys: SeriesKeys, timeMs: number, value: number, entry: number): KeyVerdict {
    const { ring } = keys;
    if (timeMs > keys.maxTimeMs) {
      keys.maxTimeMs = timeMs;
      ring.append(timeMs, value, entry);
      this.#expire(keys);
      this.#counted();
      return "fresh";
    }
    if (timeMs < keys.floorMs || timeMs < keys.maxTimeMs - this.#horizonMs) return "undeduplicated";
    let place = ring.firstAtOrAfter(timeMs);
    for (; place < ring.count && ring.timeAt(place) === timeMs; place += 1) {
      if (ring.valueAt(place) === value) return "duplicate";
    }
    ring.insert(place, timeMs, value, entry);
    this.#counted();
    return "fresh";
  }

  #counted(): void {
    this.#keyCount += 1;
    if (this.#keyCount > this.#keysMax) this.#forgetOldest();
  }

  #expire({ ring, maxTimeMs }: SeriesKeys): void {
    const oldestMs = maxTimeMs - this.#horizonMs;
    while (ring.timeAt(0) < oldestMs) {
      ring.dropFirst(1);
      this.#keyCount -= 1;
    }
  }

  #advance(timeMs: number): void {
    this.#newestMs = timeMs;
    if (timeMs - this.#silentSoughtAtMs < this.#horizonMs) return;
    this.#silentSoughtAtMs = timeMs;
    for (const keys of this.#series) {
      if (keys !== undefined && timeMs - keys.heardAtMs > Math.max(SILENT_MS_MAX, this.#horizonMs))
        this.#forgetUpTo(keys, keys.maxTimeMs);
    }
  }

  #forgetOldest(): void {
    const countBefore = this.#keyCount;
    const ages = this.#sampleAges();
    const age = ages[Math.min(ages.length - 1, Math.floor(ages.length * (1 - SHARE_FORGOTTEN)))];
    for (const keys of this.#series) {
      // Up to the whole ms: what is as old as the sample goes in any case.
      if (keys !== undefined) this.#forgetUpTo(keys, Math.ceil(keys.maxTimeMs + this.#silentMs(keys) - age));
    }
    this.#forgottenCount += countBefore - this.#keyCount;
  }

  /** Ages of keys from all over, ascending; of few keys, of each. */
  #sampleAges(): Float64Array {
    const count = Math.min(this.#keyCount, SAMPLES);
    const stride = this.#keyCount / count;
    const ages = new Float64Array(count);
    let sample = 0;
    let before = 0;
    for (const keys of this.#series) {
      if (keys === undefined) continue;
      const newestMs = keys.maxTimeMs + this.#silentMs(keys);
      // Within each stride at a place of its own: no regularity of the series can be hit again and again.
      for (; sample < count; sample += 1) {
        const place = Math.floor((sample + ((sample * GOLDEN) % 1)) * stride) - before;
        if (place >= keys.ring.count) break;
        ages[sample] = newestMs - keys.ring.timeAt(place);
      }
      before += keys.ring.count;
    }
    return ages.sort();
  }

  #silentMs(keys: SeriesKeys): number {
    return this.#newestMs - keys.heardAtMs;
  }

  /** All keys of a time go together: half of them would let its duplicates pass as fresh. */
  #forgetUpTo(keys: SeriesKeys, timeMs: number): void {
    const { ring } = keys;
    if (ring.count === 0 || ring.timeAt(0) > timeMs) return;
    let count = ring.firstAtOrAfter(timeMs);
    while (count < ring.count && ring.timeAt(count) <= timeMs) count += 1;
    const newestMs = ring.timeAt(count - 1);
    ring.dropFirst(count);
    this.#keyCount -= count;
    keys.floorMs = ring.count > 0 ? ring.timeAt(0) : newestMs + 1;
  }
}

function emptyKeys(series: number): SeriesKeys {
  return {
    ring: new KeyRing((series * GOLDEN) % 1),
    maxTimeMs: Number.NEGATIVE_INFINITY,
    floorMs: Number.NEGATIVE_INFINITY,
    heardAtMs: Number.NEGATIVE_INFINITY,
  };
}
