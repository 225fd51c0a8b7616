const SEGMENT_COUNT = 256;
const SEGMENT_SHIFT = 24;
const SLOTS_FIRST = 16;
/** Of a segment's places; above it the segment doubles. */
const USED_SHARE_MAX = 0.6;

/** Where the panes lie that the index finds. */
export interface PaneKeys {
  /** By slot. */
  readonly series: Uint32Array;
  /** By slot: number of the pane, its start in panes since 1970. */
  readonly number: Float64Array;
}

/**
 * Finds the slot of a pane by its series and number: open addressing in many small tables, chosen by hash. Each grows by
 * itself, so no growth takes longer than a fraction of a millisecond however many panes are open.
 */
export class PaneIndex {
  /** Of each segment: slots, 0 where none is (slot 0 is no pane's). Undefined until it is used. */
  readonly #segments: (Int32Array | undefined)[] = Array.from({ length: SEGMENT_COUNT });
  readonly #usedCounts = new Uint32Array(SEGMENT_COUNT);

  /** The slot of a pane, or 0. */
  find(keys: PaneKeys, series: number, number: number): number {
    const hash = hashOf(series, number);
    const places = this.#segments[hash >>> SEGMENT_SHIFT];
    if (places === undefined) return 0;
    const mask = places.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = places[place];
      if (slot === 0 || (keys.series[slot] === series && keys.number[slot] === number)) return slot;
    }
  }

  /** Takes in a pane that is not there. */
  add(keys: PaneKeys, slot: number): void {
    const hash = hashOf(keys.series[slot], keys.number[slot]);
    const segment = hash >>> SEGMENT_SHIFT;
    let places = (this.#segments[segment] ??= new Int32Array(SLOTS_FIRST));
    if (++this.#usedCounts[segment] > places.length * USED_SHARE_MAX) {
      const grown = new Int32Array(places.length * 2);
      for (const each of places)
        if (each !== 0) put(grown, hashOf(keys.series[each], keys.number[each]), each);
      this.#segments[segment] = grown;
      places = grown;
    }
    put(places, hash, slot);
  }

  /** Removes a pane that is there, and draws those that probed past it near, so that none is cut off (Knuth 6.4, algorithm R). */
  remove(keys: PaneKeys, slot: number): void {
    const hash = hashOf(keys.series[slot], keys.number[slot]);
    const segment = hash >>> SEGMENT_SHIFT;
    const places = this.#segments[segment]!;
    const mask = places.length - 1;
    let hole = hash & mask;
    while (places[hole] !== slot) hole = (hole + 1) & mask;
    for (let place = (hole + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const other = places[place];
      const home = hashOf(keys.series[other], keys.number[other]) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      places[hole] = other;
      hole = place;
    }
    places[hole] = 0;
    this.#usedCounts[segment]--;
  }
}

function put(places: Int32Array, hash: number, slot: number): void {
  const mask = places.length - 1;
  let place = hash & mask;
  while (places[place] !== 0) place = (place + 1) & mask;
  places[place] = slot;
}

/** Mixes series and pane number (murmur3's finalizer), so that neighbours land apart. */
function hashOf(series: number, number: number): number {
  let hash = Math.imul(series, 0x9e3779b1) ^ (number | 0);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
