import type { Logger } from "./log.ts";

/** Of one cause in a period: who flaps between two reasons fills no disk. */
const REASONS_MAX = 5;

/**
 * Thins lines that come again and again: one per cause and period, and a few for reasons that are not the last one's, with the
 * count of those left out.
 */
export class Repetition {
  readonly #periodMs: number;
  readonly #causesMax: number;
  readonly #causes = new Map<
    string,
    {
      startMs: number;
      lastMs: number;
      leftOutCount: number;
      toldCount: number;
      line: RepeatedLine;
      isOver: boolean;
    }
  >();

  constructor(options: { readonly periodMs: number; readonly causesMax: number }) {
    this.#periodMs = options.periodMs;
    this.#causesMax = options.causesMax;
  }

  /** Whether this line may be written now; else it is counted. Call `takeDue` first. */
  mayWrite(line: RepeatedLine, nowMs: number): boolean {
    const { key } = line;
    const entry = this.#causes.get(key);
    if (entry !== undefined) {
      const isNew = key !== OTHER_CAUSES && (entry.isOver || line.reason !== entry.line.reason);
      if (isNew && entry.toldCount < REASONS_MAX) {
        entry.toldCount += 1;
        entry.line = line;
        entry.isOver = false;
        return true;
      }
      entry.leftOutCount += 1;
      entry.lastMs = nowMs;
      return false;
    }
    // Beyond the bound all causes share one line: a log that grows with bad input is a way to fill a disk.
    if (this.#causes.size >= this.#causesMax && key !== OTHER_CAUSES)
      return this.mayWrite({ ...line, key: OTHER_CAUSES, cause: OTHER_CAUSES }, nowMs);
    const counts = { leftOutCount: 0, toldCount: 1, isOver: false };
    this.#causes.set(key, { startMs: nowMs, lastMs: nowMs, ...counts, line });
    return true;
  }

  /** Some cause's count waits for the end of its period. */
  get hasLeftOut(): boolean {
    return [...this.#causes.values()].some(({ leftOutCount }) => leftOutCount > 0);
  }

  /** It is over: what was left out of it, now; what comes again in its period is said like another reason. */
  takeEnded(key: string, nowMs: number): readonly LeftOut[] {
    const entry = this.#causes.get(key);
    if (entry === undefined) return [];
    const { leftOutCount, lastMs, line } = entry;
    entry.leftOutCount = 0;
    entry.isOver = true;
    return leftOutCount === 0 ? [] : [{ ...line, leftOutCount, lastAgeMs: Math.max(0, nowMs - lastMs) }];
  }

  /** Ends the periods that are over, or all of them, and returns those that left lines out. */
  takeDue(nowMs: number, isAll = false): readonly LeftOut[] {
    const due: LeftOut[] = [];
    for (const [key, entry] of this.#causes) {
      // The wall clock may go back; such a period ends too.
      const ageMs = nowMs - entry.startMs;
      if (!isAll && ageMs >= 0 && ageMs < this.#periodMs) continue;
      this.#causes.delete(key);
      const { leftOutCount, lastMs } = entry;
      if (leftOutCount > 0) due.push({ ...entry.line, leftOutCount, lastAgeMs: Math.max(0, nowMs - lastMs) });
    }
    return due;
  }
}

export interface RepeatedLine {
  /** The cause, told apart from the same one of another component. */
  readonly key: string;
  readonly cause: string;
  readonly message: string;
  /** Why, where it says so. */
  readonly reason: unknown;
  /** Of the component that wrote it. */
  readonly log: Logger;
}

export interface LeftOut extends RepeatedLine {
  readonly leftOutCount: number;
  /** How long ago the last of them was. */
  readonly lastAgeMs: number;
}

const OTHER_CAUSES = "other causes";
