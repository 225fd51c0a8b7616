/** Thins lines that come again and again: one per cause and period, with the count of those left out. */
export class Repetition {
  readonly #periodMs: number;
  readonly #causesMax: number;
  readonly #causes = new Map<string, { startMs: number; leftOutCount: number; message: string }>();

  constructor(options: { readonly periodMs: number; readonly causesMax: number }) {
    this.#periodMs = options.periodMs;
    this.#causesMax = options.causesMax;
  }

  /** Whether this line may be written now; else it is counted. Call `takeDue` first. */
  mayWrite(cause: string, message: string, nowMs: number): boolean {
    const entry = this.#causes.get(cause);
    if (entry !== undefined) {
      entry.leftOutCount += 1;
      return false;
    }
    // Beyond the bound all causes share one line: a log that grows with bad input is a way to fill a disk.
    if (this.#causes.size >= this.#causesMax && cause !== OTHER_CAUSES)
      return this.mayWrite(OTHER_CAUSES, message, nowMs);
    this.#causes.set(cause, { startMs: nowMs, leftOutCount: 0, message });
    return true;
  }

  /** Ends the periods that are over, or all of them, and returns those that left lines out. */
  takeDue(nowMs: number, isAll = false): readonly LeftOut[] {
    const due: LeftOut[] = [];
    for (const [cause, entry] of this.#causes) {
      // The wall clock may go back; such a period ends too.
      const ageMs = nowMs - entry.startMs;
      if (!isAll && ageMs >= 0 && ageMs < this.#periodMs) continue;
      this.#causes.delete(cause);
      if (entry.leftOutCount > 0)
        due.push({ cause, message: entry.message, leftOutCount: entry.leftOutCount });
    }
    return due;
  }
}

export interface LeftOut {
  readonly cause: string;
  readonly message: string;
  readonly leftOutCount: number;
}

const OTHER_CAUSES = "other causes";
