import type { Pipeline, RecordStreamConfig } from "@millrace/config";
import { AwakeClock } from "@millrace/detect";
import type { AlarmEvent, WatchMoment } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import type { Labels, WindowResult } from "@millrace/stream";
import type { LeftRules } from "../alarms/left-rules.ts";
import { HISTORICAL_AFTER_MS } from "../records/is-historical.ts";
import { GroupRoom } from "./group-room.ts";
import { openWindowWatches } from "./open-window-watches.ts";
import { WindowWatchBook } from "./window-watch-book.ts";

export interface WindowRulesOptions {
  readonly store: Store;
  readonly pipeline: Pick<Pipeline, "metrics" | "windows"> & Partial<Pick<Pipeline, "windowRules">>;
  readonly streams: readonly RecordStreamConfig[];
  /** Of all rules together. */
  readonly groupsMax: number;
}

/** What a tick has published, and what time it is. */
export interface PublishedWindows {
  /** In the order of their windows. */
  readonly results: readonly WindowResult[];
  /** See `WindowEngine.waitedFor`. */
  readonly waitedFor: readonly WindowResult[];
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** See `TrustedTime`; no later than what has been read of the log. */
  readonly trustedMs: number;
  /** A stream's own time; null: it has had no record yet. */
  readonly streamTimeMs: (stream: string) => number | null;
}

export interface WindowRuleCounts {
  readonly rule: string;
  readonly groups: number;
  /** Results of windows that it did not look at since the start, because there were too many groups. */
  readonly overLimit: number;
  /** The last group that there was no room for; null: there was room for all. */
  readonly overLimitGroup: Labels | null;
}

/** All rules on windows: they judge what a tick publishes, in the commit that holds it. */
export class WindowRules {
  readonly #books: readonly WindowWatchBook[];
  readonly #byWindow: ReadonlyMap<string, readonly WindowWatchBook[]>;
  readonly #awake = new AwakeClock();
  /** Of rules that are gone. */
  #left: Change[];
  /** Alarms of rules that are gone, or judge something else now: their last steps. */
  readonly ended: readonly AlarmEvent[];
  /** Stored values that could not be read. */
  readonly unreadableCount: number;

  private constructor(books: readonly WindowWatchBook[], { ended, changes, unreadableCount }: LeftRules) {
    this.#books = books;
    this.#byWindow = Map.groupBy(books, ({ rule }) => rule.window.name);
    this.#left = [...changes];
    this.ended = ended;
    this.unreadableCount = unreadableCount;
  }

  /** Reads what the store has of them. Rejects with `store_read`. */
  static async open({ store, pipeline, streams, groupsMax }: WindowRulesOptions): Promise<WindowRules> {
    const { metrics, windows, windowRules = [] } = pipeline;
    const room = new GroupRoom(groupsMax, () => books.map(({ watch }) => watch.groupCount));
    const hasRoom = (groupCount: number): boolean => room.hasRoom(groupCount);
    const books: readonly WindowWatchBook[] = windowRules.flatMap((rule) => {
      const window = windows.find(({ name }) => name === rule.window.name);
      if (window === undefined) return [];
      const stream = metrics.find(({ name }) => name === rule.metric)?.stream ?? null;
      const isTable = streams.some(({ name, debezium }) => name === stream && debezium !== undefined);
      return new WindowWatchBook({ rule, window, stream, isTable, hasRoom });
    });
    return new WindowRules(books, await openWindowWatches(store, books));
  }

  get counts(): WindowRuleCounts[] {
    return this.#books.map(({ rule, watch }) => ({
      rule: rule.name,
      groups: watch.groupCount,
      overLimit: watch.overLimitCount,
      overLimitGroup: watch.overLimitGroup,
    }));
  }

  judge(published: PublishedWindows): void {
    const awakeMs = this.#awake.tick(published.monotonicMs);
    if (this.#books.length === 0) return;
    const waitedFor = new Set(published.waitedFor);
    for (const result of published.results) {
      const seen = { result, isWaitedFor: waitedFor.delete(result) };
      for (const book of this.#byWindow.get(result.window) ?? [])
        book.watch.judge(seen, momentOf(book, published, awakeMs));
    }
    // What was published before, and has been waited for since.
    for (const result of waitedFor)
      for (const book of this.#byWindow.get(result.window) ?? [])
        book.watch.judge({ result, isWaitedFor: true }, momentOf(book, published, awakeMs));
    for (const book of this.#books) {
      const { stream } = book;
      const timeMs = stream === null ? published.trustedMs : published.streamTimeMs(stream);
      if (timeMs !== null && Number.isFinite(timeMs))
        book.watch.tick(timeMs, momentOf(book, published, awakeMs));
    }
  }

  /** Null: no rule on windows has such an alarm. */
  reset(id: string, by: string, nowMs: number): "done" | "condition_holds" | "not_latched" | null {
    for (const { watch } of this.#books) {
      const outcome = watch.reset(id, by, { nowMs, awakeMs: null, historicalBeforeMs: -Infinity });
      if (outcome !== null) return outcome;
    }
    return null;
  }

  /** Steps of alarms since the last call, in their order. */
  takeEvents(): AlarmEvent[] {
    return this.#books.flatMap((book) => book.takeEvents());
  }

  /** What is to be committed with the windows that were judged. */
  takeChanges(): Change[] {
    const changes = this.#left;
    this.#left = [];
    for (const book of this.#books) for (const change of book.takeChanges()) changes.push(change);
    return changes;
  }
}

/** A stream's time goes as fast as its records are read: it needs no listening. */
function momentOf(
  { stream, lagMs }: WindowWatchBook,
  { nowMs }: PublishedWindows,
  awakeMs: number,
): WatchMoment {
  return {
    nowMs,
    awakeMs: stream === null ? awakeMs : null,
    historicalBeforeMs: nowMs - HISTORICAL_AFTER_MS - lagMs,
  };
}
