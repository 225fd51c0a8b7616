import { WindowWatch } from "@millrace/detect";
import type { AlarmEvent, JudgedWindow, WatchedGroupState, WindowRuleSpec } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import { windowLengths } from "@millrace/stream";
import type { WindowSpec } from "@millrace/stream";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import { EarlierPages } from "./earlier-pages.ts";

/** Windows of one stored page, about 60 bytes each: a commit writes the pages anew that have one more. */
const PAGE_WINDOWS = 8;

/** A group's state as it is stored. `judged`: what the rule looked at, and how (`WindowWatchBook.judges`). */
export interface StoredGroup extends WatchedGroupState {
  readonly rule: string;
  readonly judges: string;
}

/** Windows of a group, next to one another. */
export interface StoredPage {
  readonly rule: string;
  readonly group: string;
  /** startMs, endMs, value, revision, isComplete (0 or 1), agentsExpected, agentsReporting. */
  readonly windows: readonly (readonly number[])[];
  /** By the start of a window that lacks some. */
  readonly agentsMissing: Readonly<Record<string, readonly string[]>>;
}

export interface KeyedPage {
  readonly key: Uint8Array;
  readonly page: StoredPage;
}

const WINDOW = { startMs: "number", endMs: "number", value: "number" } as const;
const SPELL = { activeAtMs: "number", standing: "object", value: "number", window: WINDOW } as const;

export const STORED_GROUPS = new StoredJson<StoredGroup>({
  rule: "string",
  judges: "string",
  labels: { "*": "string" },
  judged: {
    floorMs: ["null", "number"],
    floorEndMs: ["null", "number"],
    course: { last: ["null", WINDOW], open: ["null", SPELL] },
  },
  silentToMs: ["null", "number"],
  alarms: [{ id: "string", step: "number", activeAtMs: "number", labels: { "*": "string" } }],
});
export const STORED_PAGES = new StoredJson<StoredPage>({
  rule: "string",
  group: "string",
  windows: [["number"]],
  agentsMissing: { "*": ["string"] },
});

export interface WindowWatchBookOptions {
  readonly rule: WindowRuleSpec;
  readonly window: WindowSpec;
  /** Of the metric's records; null: it is of readings. */
  readonly stream: string | null;
  /** Rows of a table change, and what they said is taken back out of windows. */
  readonly isTable: boolean;
  /** Whether there is room for one more group beside so many of its own. */
  readonly hasRoom: (groupCount: number) => boolean;
}

/** One rule on windows, and its groups in the store. */
export class WindowWatchBook {
  readonly rule: WindowRuleSpec;
  readonly stream: string | null;
  /** What the rule looks at, and how: with another one its state means nothing. */
  readonly judges: string;
  /** A final window is told of so long after its end, and is no history for that. */
  readonly lagMs: number;
  readonly #watch: WindowWatch;
  readonly #pageMs: number;
  readonly #earlier = new EarlierPages();

  constructor({ rule, window, stream, isTable, hasRoom }: WindowWatchBookOptions) {
    const { when, judgedAt, reportingMin, window: looksAt } = rule;
    this.rule = rule;
    this.stream = stream;
    this.judges = JSON.stringify([looksAt, when, judgedAt, reportingMin, window]);
    this.lagMs = judgedAt === "final" ? window.latenessMs : 0;
    this.#pageMs = PAGE_WINDOWS * windowLengths(window).slideMs;
    this.#watch = new WindowWatch(rule, {
      hasRoom,
      pageMs: this.#pageMs,
      onlyGrows: !isTable,
    });
  }

  get watch(): WindowWatch {
    return this.#watch;
  }

  restore(state: StoredGroup, stored: readonly KeyedPage[]): void {
    this.#watch.restore(
      state,
      stored.flatMap(({ page }) => windowsOf(page)),
    );
    for (const { key, page } of stored) this.#noteEarlier(CENTRAL_KEYS.pageOf(key), page);
  }

  #noteEarlier(number: number, { group, windows }: StoredPage): void {
    const pages = windows.map(([startMs]) => Math.floor(startMs / this.#pageMs));
    if (pages.some((page) => page !== number))
      this.#earlier.add(group, { number, fromPage: Math.min(...pages), toPage: Math.max(...pages) });
  }

  takeEvents(): AlarmEvent[] {
    return this.#watch.takeEvents();
  }

  /** What is to be committed with the revisions that were judged. */
  *takeChanges(): Generator<Change> {
    const { name: rule } = this.rule;
    for (const { key: group, state, pages } of this.#watch.takeChanged()) {
      const key = CENTRAL_KEYS.windowGroup(rule, group);
      if (state === null) yield { type: "del", key };
      else if (state !== undefined) yield STORED_GROUPS.put(key, { rule, judges: this.judges, ...state });
      for (const page of this.#earlier.take(group, pages))
        yield { type: "del", key: CENTRAL_KEYS.windowPage(rule, group, page) };
      for (const page of pages) {
        const windows = this.#watch.page(group, page);
        const pageKey = CENTRAL_KEYS.windowPage(rule, group, page);
        if (windows.length === 0) yield { type: "del", key: pageKey };
        else yield STORED_PAGES.put(pageKey, { rule, group, ...pageOf(windows) });
      }
    }
  }
}

function pageOf(windows: readonly JudgedWindow[]): Pick<StoredPage, "windows" | "agentsMissing"> {
  const incomplete = windows.filter(({ agentsMissing }) => agentsMissing.length > 0);
  return {
    windows: windows.map((window) => {
      const { startMs, endMs, value, revision, isComplete, agentsExpected, agentsReporting } = window;
      return [startMs, endMs, value, revision, isComplete ? 1 : 0, agentsExpected, agentsReporting];
    }),
    agentsMissing: Object.fromEntries(
      incomplete.map(({ startMs, agentsMissing }) => [startMs, agentsMissing]),
    ),
  };
}

function windowsOf({ windows, agentsMissing }: StoredPage): readonly JudgedWindow[] {
  return windows.map(([startMs, endMs, value, revision, isComplete, agentsExpected, agentsReporting]) => ({
    startMs,
    endMs,
    value,
    revision,
    isComplete: isComplete === 1,
    agentsExpected,
    agentsReporting,
    agentsMissing: agentsMissing[startMs] ?? [],
  }));
}
