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
  tooLate: number;
  setAside: number;
  /** When it last had a reading in a window; monotonic. */
  takenAtMs: number;
}

/**
 * Sources whose readings are all too late for every window, or records all older than the ids that are known: a replay of old data, or a
 * clock that is behind. In memory only.
 */
export class LateRuns {
  readonly #runs = new Map<string, Run>();

  /** What came of a source. Returns how many in a row were in no window, and what to say, where that is to be told. */
  note(
    source: string,
    {
      taken,
      tooLate,
      setAside = 0,
    }: { readonly taken: number; readonly tooLate: number; readonly setAside?: number },
    monotonicMs: number,
  ): LateRun | null {
    if (taken + tooLate + setAside === 0) return null;
    let run = this.#runs.get(source);
    if (run === undefined) this.#runs.set(source, (run = { tooLate: 0, setAside: 0, takenAtMs: -Infinity }));
    if (taken > 0) {
      run.tooLate = 0;
      run.setAside = 0;
      run.takenAtMs = monotonicMs;
      return null;
    }
    run.tooLate += tooLate;
    run.setAside += setAside;
    const count = run.tooLate + run.setAside;
    if (count < RUN_MIN || monotonicMs - run.takenAtMs < QUIET_MS) return null;
    const [why, wayOut] =
      run.setAside > run.tooLate
        ? ["set aside: older than the ids that are known", "dedupe.horizon"]
        : ["too late: of final windows only", "late.allowed of its windows"];
    const message = `all that comes of ${source} is ${why}, and in none; is it old data that is played again, or a clock that is behind? For data so old lengthen ${wayOut} before it comes`;
    return { count, message };
  }
}
