/** Readings one after another that came too late: fewer may be a burst's end. */
const RUN_MIN = 100;
/** A source that had one in a window within this time is not entirely late. */
const QUIET_MS = 60_000;

/** All that a source has brought for a while. */
export interface LateRun {
  readonly count: number;
  readonly message: string;
}

interface Run {
  count: number;
  /** When it last had a reading in a window; monotonic. */
  takenAtMs: number;
}

/** Sources whose readings are all too late for every window: a replay of old data, or a clock that is behind. In memory only. */
export class LateRuns {
  readonly #runs = new Map<string, Run>();

  /** What came of a source. Returns how many in a row were too late, and what to say, where that is to be told. */
  note(
    source: string,
    { taken, tooLate }: { readonly taken: number; readonly tooLate: number },
    monotonicMs: number,
  ): LateRun | null {
    if (taken === 0 && tooLate === 0) return null;
    let run = this.#runs.get(source);
    if (run === undefined) this.#runs.set(source, (run = { count: 0, takenAtMs: -Infinity }));
    if (taken > 0) {
      run.count = 0;
      run.takenAtMs = monotonicMs;
      return null;
    }
    run.count += tooLate;
    if (run.count < RUN_MIN || monotonicMs - run.takenAtMs < QUIET_MS) return null;
    const message = `all that comes of ${source} is too late: it is of final windows only, and in none; is it old data that is played again, or a clock that is behind? For data so old lengthen late.allowed of its windows before it comes`;
    return { count: run.count, message };
  }
}
