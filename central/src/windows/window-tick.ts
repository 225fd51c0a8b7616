import type { Change, Store } from "@millrace/queue";
import type { WindowResult } from "@millrace/stream";
import type { Moment } from "../commit/message-applier.ts";
import type { EvidenceChecker } from "../evidence/evidence-checker.ts";
import type { SeriesHistory } from "../history/series-history.ts";
import type { UplinkLog } from "../log/uplink-log.ts";
import type { CentralState } from "../state/central-state.ts";
import { loadEngineKeys, readEngineRange } from "../store/engine-entries.ts";
import type { WindowHistory } from "./window-history.ts";

/** While more is due than one slice, history is trimmed at every tick instead. */
const TRIM_INTERVAL_MS = 60_000;

interface WindowTickOptions {
  readonly state: CentralState;
  readonly store: Store;
  readonly uplinkLog: UplinkLog;
  readonly evidenceChecker: EvidenceChecker;
  readonly windowHistory: WindowHistory;
  readonly seriesHistory: SeriesHistory | null;
}

/** What a tick makes of windows. */
export interface TickedWindows {
  readonly results: readonly WindowResult[];
  /** Windows that are forgotten. */
  readonly trimmed: readonly Change[];
  /** By this time the history of series is to be trimmed; null: not now. */
  readonly trimSeriesAtMs: number | null;
}

/** Windows that end: emitted, judged by rules, and forgotten when their time is over. */
export class WindowTick {
  readonly #options: WindowTickOptions;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: WindowTickOptions) {
    this.#options = options;
  }

  async run(moment: Moment): Promise<TickedWindows> {
    const { state, evidenceChecker } = this.#options;
    const trustedMs = this.#trustedMs(moment);
    await this.#loadDue(trustedMs);
    evidenceChecker.noteGone(state.evidence.expire(trustedMs));
    state.quarantine.expire(trustedMs);
    const results = state.engine.tick(moment.nowMs, trustedMs);
    state.judgeWindows(results, { ...moment, trustedMs });
    const trims = await this.#trim(moment, trustedMs, results.length);
    return { results, ...trims };
  }

  /** What stands in the log and is not read yet is not late, and may tell who belonged. */
  #trustedMs(moment: Moment): number {
    const { state, uplinkLog } = this.#options;
    const knownToMs = state.memberSearch.knownToMs(uplinkLog);
    state.engine.setMembersKnownTo(knownToMs);
    return Math.min(state.trustedTime.nowMs(moment), uplinkLog.takenToMs, knownToMs);
  }

  async #loadDue(trustedMs: number): Promise<void> {
    const { state, store } = this.#options;
    for (const range of state.engine.dueRanges(trustedMs))
      state.engine.loadRange(range, await readEngineRange(store, range));
    await loadEngineKeys(store, state.engine, state.engine.dueKeys(trustedMs));
  }

  async #trim(
    { monotonicMs }: Moment,
    trustedMs: number,
    publishedCount: number,
  ): Promise<Pick<TickedWindows, "trimmed" | "trimSeriesAtMs">> {
    const { state, windowHistory, seriesHistory } = this.#options;
    const isDue = monotonicMs - this.#trimmedAtMs >= TRIM_INTERVAL_MS;
    let trimmed: readonly Change[] = [];
    if (isDue || windowHistory.trimLagMs > 0) {
      this.#trimmedAtMs = monotonicMs;
      trimmed = await windowHistory.trim({
        nowMs: trustedMs,
        finalToMs: (window) => state.engine.finalToMsOfWindow(window),
        publishedCount,
      });
      state.forgetLost();
    }
    const isSeriesDue = isDue || seriesHistory?.isTrimBehind === true;
    return { trimmed, trimSeriesAtMs: isSeriesDue ? trustedMs : null };
  }
}
