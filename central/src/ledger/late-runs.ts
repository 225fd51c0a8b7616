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
  /** See `note`. */
  keptToMs: number | null;
  /** When it last had a reading in a window; monotonic. */
  takenAtMs: number;
}

/**
 * Sources whose readings are all too late for every window, or records all older than the ids that are known: a replay of old data, a
 * clock that is behind, or a pipeline whose windows of now are not made yet. In memory only.
 */
export class LateRuns {
  /** By source and metric; those of all its metrics under "". */
  readonly #runs = new Map<string, Map<string, Run>>();

  /**
   * What came of a source, or of one metric of it; `keptToMs`: before when its windows begin that take nothing since the pipeline was changed, where it is that
   * which makes the last of them too late. Returns how many in a row were in no window, and what to say, where that is to be told.
   */
  note(
    source: string,
    {
      metric = "",
      taken,
      tooLate,
      setAside = 0,
      keptToMs = null,
    }: {
      readonly metric?: string;
      readonly taken: number;
      readonly tooLate: number;
      readonly setAside?: number;
      readonly keptToMs?: number | null;
    },
    monotonicMs: number,
  ): LateRun | null {
    if (taken + tooLate + setAside === 0) return null;
    let runs = this.#runs.get(source);
    if (runs === undefined) this.#runs.set(source, (runs = new Map<string, Run>()));
    let run = runs.get(metric);
    if (run === undefined)
      runs.set(metric, (run = { tooLate: 0, setAside: 0, keptToMs: null, takenAtMs: -Infinity }));
    if (taken > 0) {
      run.tooLate = 0;
      run.setAside = 0;
      run.takenAtMs = monotonicMs;
      return null;
    }
    run.tooLate += tooLate;
    run.setAside += setAside;
    if (tooLate > 0) run.keptToMs = keptToMs;
    const count = run.tooLate + run.setAside;
    if (count < RUN_MIN || monotonicMs - run.takenAtMs < QUIET_MS) return null;
    const what = metric === "" ? source : `metric ${metric} of ${source}`;
    if (run.setAside <= run.tooLate && run.keptToMs !== null)
      return { count, message: sinceChanged(what, run.keptToMs) };
    const [why, wayOut] =
      run.setAside > run.tooLate
        ? ["set aside: older than the ids that are known", "dedupe.horizon"]
        : ["too late: of final windows only", "late.allowed of its windows"];
    const message = `all that comes of ${what} is ${why}, and in none; is it old data that is played again, or a clock that is behind? For data so old lengthen ${wayOut} before it comes`;
    return { count, message };
  }
}

function sinceChanged(what: string, keptToMs: number): string {
  const time = new Date(keptToMs).toISOString();
  return `all that comes of ${what} is in no window and not in the history: since the pipeline was changed no window that begins before ${time} takes anything, for the store does not have what was before as the windows of now need it. What is of then on is in windows again. To lose nothing the windows of before (the longer ones) have to stay beside the new ones from the change on until then: restore a backup of before the change where there is one`;
}
