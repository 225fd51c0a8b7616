import type { EventTimeMs } from "../event-time.ts";

/** Things by start and group. By start first, because time is what leaves memory. */
export class ByStart<T> {
  readonly #starts = new Map<EventTimeMs, Map<string, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(startMs: EventTimeMs, group: string): T | undefined {
    return this.#starts.get(startMs)?.get(group);
  }

  set(startMs: EventTimeMs, group: string, thing: T): void {
    let groups = this.#starts.get(startMs);
    if (groups === undefined) {
      groups = new Map();
      this.#starts.set(startMs, groups);
    }
    if (!groups.has(group)) this.#size++;
    groups.set(group, thing);
  }

  delete(startMs: EventTimeMs, group: string): void {
    const groups = this.#starts.get(startMs);
    if (groups === undefined || !groups.delete(group)) return;
    this.#size--;
    if (groups.size === 0) this.#starts.delete(startMs);
  }

  /** What starts in `[fromMs, toMs)`, ascending by start, of one group or of all. */
  *between(fromMs: EventTimeMs, toMs: EventTimeMs, group: string | null): Iterable<T> {
    const starts = [...this.#starts.keys()].filter((startMs) => startMs >= fromMs && startMs < toMs);
    for (const startMs of starts.sort((a, b) => a - b)) {
      const groups = this.#starts.get(startMs);
      if (groups === undefined) continue;
      if (group === null) yield* groups.values();
      else {
        const thing = groups.get(group);
        if (thing !== undefined) yield thing;
      }
    }
  }

  /** The earliest start; Infinity when there is nothing. */
  get firstMs(): EventTimeMs {
    let firstMs = Infinity;
    for (const startMs of this.#starts.keys()) firstMs = Math.min(firstMs, startMs);
    return firstMs;
  }

  /** Everything that starts before a time; what is yielded may be deleted meanwhile. */
  *before(endMs: EventTimeMs): Iterable<T> {
    for (const [startMs, groups] of this.#starts) if (startMs < endMs) yield* groups.values();
  }
}
