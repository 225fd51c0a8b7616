import type { Labels, MetricSpec, WindowLengths, WindowResult, WindowSpec } from "@millrace/stream";
import type { Leaving } from "../agents/agent-registry.ts";
import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import type { EvidencePage, EvidenceQuery } from "../evidence/evidence-query.ts";
import type { EvidenceView } from "../evidence/evidence-view.ts";
import type { LateEntry } from "../ledger/late-book.ts";
import type { LedgerTotals } from "../ledger/central-ledger.ts";
import type { AskOutcome } from "../requests/request-book.ts";
import type { QuarantineCounts, QuarantineFilter } from "../ledger/quarantine.ts";
import type { QuarantineEntry } from "../ledger/quarantine-entry.ts";
import type { LogLoss } from "../log/log-book.ts";
import type { StoreDamage } from "../state/store-damage.ts";
import type { SeriesPage, SeriesQuery } from "../history/series-page.ts";
import type { SeriesRefusal } from "../history/series-reader.ts";
import type { LatestWindows } from "../windows/window-history.ts";
import type { RecordMetricView } from "./record-metric-view.ts";
import type { RuleView } from "./rule-view.ts";

/** What central shows of what it holds. */
export interface CentralViewer {
  agents(): AgentView[];
  alarms(): AlarmView[];
  ledger(): ReadonlyMap<string, LedgerTotals>;
  ledgerSum(): LedgerSum;
  pipeline(): PipelineView;
  /** Last published revisions, ascending by start unless the newest are asked for first; where one is outdated, the values of now. */
  windows(query: WindowQuery): Promise<WindowPage>;
  /** The history of a metric, by group. */
  series(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal>;
  /** Of each group of a window (of all windows without a name), the newest. */
  latestWindows(window: string | null): Promise<LatestWindows>;
  /** Windows that ended in the last ten minutes or are open, bounded, ascending. */
  recentWindows(): WindowResult[];
  /** Newest first. */
  quarantine(limit: number, filter?: QuarantineFilter): Promise<QuarantineEntry[]>;
  /** Null before central is open. */
  quarantineCounts(filter?: QuarantineFilter): QuarantineCounts | null;
  /** What came late for a window since the start, newest first; those with a number below `before`, where one is given. */
  late(limit: number, before?: number | null): LateEntry[];
  /** Pieces of evidence, the latest first. */
  evidence(query: EvidenceQuery): EvidencePage;
  evidenceOf(id: string): EvidenceView | null;
  /** What a complete piece holds, in order. */
  evidenceBytes(view: EvidenceView): AsyncIterable<Uint8Array>;
  /** The bytes of a backup of the store as it is now. */
  backup(): AsyncIterable<Uint8Array>;
}

/** What the API shows of central's core, and asks of it. */
export interface CentralReader extends CentralViewer {
  /** Ends the membership of an agent, or of a site's agents; how many there were. */
  retire(leaving: Leaving): Promise<number>;
  /** Has an agent end one latched alarm whose condition is over; `by` goes into its audit trail. */
  resetAlarm(agent: string, id: string, by: string): Promise<ResetOutcome>;
  /** Has agents run this pipeline; what became of it at each. They validate it: central does not. */
  pushPipeline(agents: readonly string[], text: string, by: string): Promise<PipelinePush>;
  health(): CentralHealth;
  /** Calls back after each commit with what it changed; returns how to stop. */
  subscribe(listener: (change: CentralChange) => void): () => void;
}

export interface CentralChange {
  readonly agents: readonly AgentView[];
  readonly alarms: readonly AlarmView[];
  readonly windows: readonly WindowResult[];
}

export type ResetOutcome = AskOutcome | "agent_away";

export interface PipelinePush {
  readonly version: string;
  readonly agents: readonly {
    readonly agent: string;
    /** `done`: it runs. `refused`: the agent runs on as before, and `detail` says why. */
    readonly outcome: AskOutcome | "agent_away";
    readonly detail: string;
  }[];
}

export interface LedgerSum {
  readonly received: number;
  readonly merged: number;
  readonly tooLate: number;
  /** When central's store lost some of what is counted here: windows that begin before then may lack it. Absent where it never did. */
  readonly storeDamaged?: StoreDamage;
  /** What of the log was gone before it was read: it is in none of these. Absent where nothing was. */
  readonly logLost?: LogLoss;
}

export interface PipelineView {
  readonly metrics: readonly MetricView[];
  readonly windows: readonly WindowView[];
  /** Those that central judges, on windows and on records. */
  readonly rules: readonly RuleView[];
}

export interface MetricView extends Pick<MetricSpec, "name" | "unit" | "isLive" | "accumulate"> {
  /** Of a metric of records. */
  readonly records?: RecordMetricView | undefined;
}

/** `sizeMs` and `slideMs` of a day are 24 hours; a session's are its greatest length and its gap. */
export interface WindowView extends Pick<WindowSpec, "name" | "metric" | "kind" | "by">, WindowLengths {
  readonly offsetMs: number;
  /** How long after its end it takes readings. */
  readonly latenessMs: number;
  /** Of days: IANA name. */
  readonly timeZone?: string;
}

export interface WindowQuery {
  readonly window: string;
  /** Labels that the group must have. */
  readonly group: Labels;
  /** Of the window's start: `fromMs <= start < toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly cursor: string | null;
  /** Descending by start. */
  readonly isNewestFirst?: boolean;
}

export interface WindowPage {
  readonly windows: readonly WindowResult[];
  /** Null at the end. */
  readonly cursor: string | null;
}

export interface CentralHealth {
  /** False once commits have failed for good: the process should be started again. */
  readonly isAlive: boolean;
  readonly isReady: boolean;
  readonly reason: string;
}
