import type { LateReason, LateWindow } from "@millrace/stream";

/** Latest entries that are kept. */
const KEPT_MAX = 500;

/** Readings that came late for a window: how late, for which one, from whom. */
export interface LateEntry extends LateWindow {
  /** Rises by one with each since the start. */
  readonly number: number;
  readonly agent: string;
  /** Central's clock. */
  readonly atMs: number;
}

export interface LateCount {
  readonly window: string;
  readonly reason: LateReason;
  readonly readings: number;
}

/** What came late since the start: counted by window, and the latest of it kept. Not stored: the windows themselves are right. */
export class LateBook {
  readonly #latest: LateEntry[] = [];
  #nextNumber = 1;
  readonly #counts = new Map<string, { -readonly [Key in keyof LateCount]: LateCount[Key] }>();

  note(agent: string, late: readonly LateWindow[], atMs: number): void {
    for (const each of late) {
      this.#latest.push({ ...each, number: this.#nextNumber, agent, atMs });
      this.#nextNumber += 1;
      const key = `${each.reason}|${each.window}`;
      const known = this.#counts.get(key);
      if (known !== undefined) known.readings += each.readings;
      else this.#counts.set(key, { window: each.window, reason: each.reason, readings: each.readings });
    }
    if (this.#latest.length > 2 * KEPT_MAX) this.#latest.splice(0, this.#latest.length - KEPT_MAX);
  }

  /** Newest first, those before the one of this number. */
  latest(limit: number, before: number | null): LateEntry[] {
    const kept = this.#latest.slice(-KEPT_MAX);
    const older = before === null ? kept : kept.filter(({ number }) => number < before);
    return older.slice(-limit).toReversed();
  }

  get counts(): readonly LateCount[] {
    return [...this.#counts.values()];
  }
}
