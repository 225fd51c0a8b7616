import type { EventTimeMs } from "./event-time.ts";
import { PaneIndex } from "./pane-index.ts";
import type { PaneKeys } from "./pane-index.ts";

/** No pane's: what is refused goes there. */
export const REFUSED = 0;
const SLOTS_FIRST = 64;
const FREE = 0xffff_ffff;

export interface PaneSlotsOptions {
  readonly paneMs: number;
  /** Most open panes. */
  readonly panesMax: number;
  /** Called before a slot is used for a pane: its state is to be made empty. */
  readonly onOpen: (slot: number) => void;
}

/**
 * Gives each open pane a slot: a small number, so that what the panes hold can stand in arrays. A series' newest pane is found
 * with two look-ups by series, and there nearly every reading belongs; older panes are found by hash. Opening a newer pane moves
 * nothing. Slots are used again once they are free.
 */
export class PaneSlots {
  readonly #paneMs: number;
  readonly #panesMax: number;
  readonly #onOpen: (slot: number) => void;
  readonly #older = new PaneIndex();

  /** By series: end of its newest pane, -Infinity where it has none. */
  #endMs = new Float64Array(0);
  /** By series: slot of its newest pane. */
  #newest = new Uint32Array(0);

  /** Of the older panes that are being selected: by series the first slot, by slot the next; 0 ends. */
  #first = new Uint32Array(0);
  #next = new Uint32Array(SLOTS_FIRST);
  /** By slot. A free one has the series FREE. */
  #keys: PaneKeys = keysOf(SLOTS_FIRST);
  #top = 1;
  readonly #free: number[] = [];
  #openCount = 0;
  #refusedCount = 0;

  constructor({ paneMs, panesMax, onOpen }: PaneSlotsOptions) {
    this.#paneMs = paneMs;
    this.#panesMax = panesMax;
    this.#onOpen = onOpen;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Readings refused: `panesMax` panes were open, their time is no whole number of ms, or by `refuse`. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  seriesOf(slot: number): number {
    return this.#keys.series[slot];
  }

  startMsOf(slot: number): EventTimeMs {
    return this.#keys.number[slot] * this.#paneMs;
  }

  /** The slot of the pane that holds a time of a series, opened if need be; REFUSED, and counted, where that cannot be. */
  at(series: number, timeMs: EventTimeMs): number {
    const endMs = series < this.#endMs.length ? this.#endMs[series] : -Infinity;
    return timeMs < endMs && timeMs >= endMs - this.#paneMs
      ? this.#newest[series]
      : this.#seek(series, timeMs);
  }

  /** The first of the times `from` … `to - 1` that is not in this pane; `to` where all are. */
  endOfStretch(slot: number, timeMs: Float64Array, from: number, to: number): number {
    const startMs = this.startMsOf(slot);
    const endMs = startMs + this.#paneMs;
    for (let at = from; at < to; at++) if (!(timeMs[at] >= startMs && timeMs[at] < endMs)) return at;
    return to;
  }

  /** Counts a reading that cannot be taken. */
  refuse(): typeof REFUSED {
    this.#refusedCount++;
    return REFUSED;
  }

  /** The same for the readings `from` … `to - 1`. */
  atEach(series: Uint32Array, timeMs: Float64Array, slots: Uint32Array, from: number, to: number): void {
    for (let at = from; ; at++) {
      at = this.#atNewest(series, timeMs, slots, at, to);
      if (at === to) return;
      slots[at] = this.#seek(series[at], timeMs[at]);
    }
  }

  /** The slot of the pane that starts there, and whether it was opened; beyond `panesMax` too. */
  open(series: number, startMs: EventTimeMs): { readonly slot: number; readonly isNew: boolean } {
    const number = Math.round(startMs / this.#paneMs);
    const slot = this.#find(series, number);
    return slot === 0 ? { slot: this.#openAt(series, number), isNew: true } : { slot, isNew: false };
  }

  /** Slots of the open panes that are accepted, at most so many, by series, then start. */
  select(accept: (slot: number) => boolean, panesMax = Infinity): readonly number[] {
    const { series, number } = this.#keys;
    let leftCount = panesMax;
    for (let slot = 1; slot < this.#top && leftCount > 0; slot++) {
      if (!this.#isOlder(slot) || !accept(slot)) continue;
      this.#next[slot] = this.#first[series[slot]];
      this.#first[series[slot]] = slot;
      leftCount--;
    }
    const selected: number[] = [];
    for (let own = 0; own < this.#endMs.length; own++) {
      const from = selected.length;
      for (let slot = this.#first[own]; slot !== 0; slot = this.#next[slot]) selected.push(slot);
      this.#first[own] = 0;
      if (leftCount > 0 && this.#endMs[own] !== -Infinity && accept(this.#newest[own])) {
        selected.push(this.#newest[own]);
        leftCount--;
      }
      if (selected.length - from > 1) {
        // The newest that is open may have been opened behind older ones: a newer one has been closed.
        const sorted = selected.splice(from).sort((a, b) => number[a] - number[b]);
        for (const slot of sorted) selected.push(slot);
      }
    }
    return selected;
  }

  close(slot: number): void {
    const series = this.#keys.series[slot];
    if (this.#isOlder(slot)) this.#older.remove(this.#keys, slot);
    else this.#endMs[series] = -Infinity;
    this.#keys.series[slot] = FREE;
    this.#free.push(slot);
    this.#openCount--;
  }

  #isOlder(slot: number): boolean {
    const series = this.#keys.series[slot];
    return series !== FREE && (this.#newest[series] !== slot || this.#endMs[series] === -Infinity);
  }

  /** Slots of readings of their series' newest panes, up to the first other reading: a loop in which nothing changes but that. */
  #atNewest(series: Uint32Array, timeMs: Float64Array, slots: Uint32Array, from: number, to: number): number {
    const paneMs = this.#paneMs;
    const endMs = this.#endMs;
    const newest = this.#newest;
    for (let at = from; at < to; at++) {
      const own = series[at];
      const time = timeMs[at];
      if (!(own < endMs.length && time < endMs[own] && time >= endMs[own] - paneMs)) return at;
      slots[at] = newest[own];
    }
    return to;
  }

  #seek(series: number, timeMs: EventTimeMs): number {
    const number = Math.floor(timeMs / this.#paneMs);
    const isTime =
      Number.isSafeInteger(number * this.#paneMs) && Number.isSafeInteger((number + 1) * this.#paneMs);
    let slot = isTime ? this.#find(series, number) : REFUSED;
    if (slot === REFUSED && isTime && this.#openCount < this.#panesMax) slot = this.#openAt(series, number);
    return slot === REFUSED ? this.refuse() : slot;
  }

  /** The slot of an open pane, or 0. */
  #find(series: number, number: number): number {
    if (series < this.#endMs.length && this.#endMs[series] === (number + 1) * this.#paneMs)
      return this.#newest[series];
    return this.#older.find(this.#keys, series, number);
  }

  #openAt(series: number, number: number): number {
    if (series >= this.#endMs.length) this.#growSeries(series);
    const slot = this.#free.pop() ?? this.#top++;
    if (slot === this.#keys.series.length) this.#growKeys();
    this.#keys.series[slot] = series;
    this.#keys.number[slot] = number;
    this.#openCount++;
    this.#onOpen(slot);
    const endMs = (number + 1) * this.#paneMs;
    if (endMs < this.#endMs[series]) this.#older.add(this.#keys, slot);
    else {
      if (this.#endMs[series] !== -Infinity) this.#older.add(this.#keys, this.#newest[series]);
      this.#newest[series] = slot;
      this.#endMs[series] = endMs;
    }
    return slot;
  }

  #growSeries(series: number): void {
    const capacity = Math.max(SLOTS_FIRST, 2 ** Math.ceil(Math.log2(series + 1)));
    const endMs = new Float64Array(capacity).fill(-Infinity);
    endMs.set(this.#endMs);
    this.#endMs = endMs;
    const newest = new Uint32Array(capacity);
    newest.set(this.#newest);
    this.#newest = newest;
    this.#first = new Uint32Array(capacity);
  }

  #growKeys(): void {
    const keys = keysOf(this.#keys.series.length * 2);
    keys.series.set(this.#keys.series);
    keys.number.set(this.#keys.number);
    this.#keys = keys;
    this.#next = new Uint32Array(keys.series.length);
  }
}

function keysOf(capacity: number): PaneKeys {
  return { series: new Uint32Array(capacity), number: new Float64Array(capacity) };
}
