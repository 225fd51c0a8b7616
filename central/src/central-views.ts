import type { Store } from "@millrace/queue";
import type { Clock } from "@millrace/runtime";
import type { WindowResult } from "@millrace/stream";
import type { AgentView } from "./agents/agent-view.ts";
import { withEvidence } from "./agents/with-evidence.ts";
import type { AlarmView } from "./alarms/alarm-view.ts";
import type {
  CentralViewer,
  LedgerSum,
  PipelineView,
  WindowPage,
  WindowQuery,
} from "./api/central-reader.ts";
import { pipelineView } from "./api/pipeline-view.ts";
import { storeBackup } from "./backup/store-backup.ts";
import { evidenceParts } from "./evidence/evidence-check.ts";
import { evidencePage } from "./evidence/evidence-query.ts";
import type { EvidencePage, EvidenceQuery } from "./evidence/evidence-query.ts";
import type { EvidenceView } from "./evidence/evidence-view.ts";
import type { SeriesPage, SeriesQuery } from "./history/series-page.ts";
import type { SeriesReader, SeriesRefusal } from "./history/series-reader.ts";
import type { LedgerTotals } from "./ledger/central-ledger.ts";
import type { LateCount, LateEntry } from "./ledger/late-book.ts";
import type { QuarantineCounts, QuarantineFilter } from "./ledger/quarantine.ts";
import type { QuarantineEntry } from "./ledger/quarantine-entry.ts";
import { quarantinePage } from "./ledger/quarantine-page.ts";
import type { LogLoss } from "./log/log-book.ts";
import type { CentralPipeline, CentralState } from "./state/central-state.ts";
import { computedWindows } from "./windows/computed-windows.ts";
import type { LatestWindows, WindowHistory } from "./windows/window-history.ts";
import type { WindowRuleCounts } from "./window-rules/window-rules.ts";

interface CentralViewsOptions {
  /** Null before central is open. */
  readonly state: () => CentralState | null;
  readonly pipeline: CentralPipeline;
  readonly windowHistory: WindowHistory;
  /** Null: there is no history. */
  readonly seriesReader: SeriesReader | null;
  readonly store: Store;
  readonly clock: Clock;
}

/** What central shows of what it holds; nothing here changes anything. */
export class CentralViews implements CentralViewer {
  readonly #options: CentralViewsOptions;

  constructor(options: CentralViewsOptions) {
    this.#options = options;
  }

  agents(): AgentView[] {
    const state = this.#state;
    return state === null ? [] : withEvidence(state.agents.views(), (agent) => state.ledger.all().get(agent));
  }

  alarms(): AlarmView[] {
    return this.#state?.alarms.list() ?? [];
  }

  ledger(): ReadonlyMap<string, LedgerTotals> {
    return this.#state?.ledger.all() ?? new Map();
  }

  ledgerSum(): LedgerSum {
    const sum = { received: 0, merged: 0, tooLate: 0 };
    for (const totals of this.ledger().values()) {
      sum.received += totals.received;
      sum.merged += totals.merged;
      sum.tooLate += totals.tooLate;
    }
    const damage = this.#state?.damage ?? null;
    const { logLoss } = this;
    return {
      ...sum,
      ...(damage === null ? {} : { storeDamaged: damage }),
      ...(logLoss === null ? {} : { logLost: logLoss }),
    };
  }

  /** What of the log was gone before it was read; null where nothing was. */
  get logLoss(): LogLoss | null {
    return this.#state?.log.durableLoss ?? null;
  }

  pipeline(): PipelineView {
    return pipelineView(this.#options.pipeline);
  }

  async windows(query: WindowQuery): Promise<WindowPage> {
    const page = await this.#options.windowHistory.page(query);
    return { ...page, windows: await this.#computed(page.windows) };
  }

  async latestWindows(window: string | null): Promise<LatestWindows> {
    const latest = await this.#options.windowHistory.latest(window);
    return { ...latest, windows: await this.#computed(latest.windows) };
  }

  recentWindows(): WindowResult[] {
    return this.#options.windowHistory.recent(this.#options.clock.nowMs());
  }

  async #computed(results: readonly WindowResult[]): Promise<readonly WindowResult[]> {
    const state = this.#state;
    if (state === null) return results;
    const { store, clock } = this.#options;
    return computedWindows(store, state.engine, results, () => clock.nowMs());
  }

  get windowRuleCounts(): readonly WindowRuleCounts[] {
    return this.#state?.windowRules.counts ?? [];
  }

  async series(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal> {
    const { seriesReader } = this.#options;
    const isThere = this.#state !== null && seriesReader !== null;
    if (!isThere) return { reason: "unknown_metric", detail: "central keeps no history" };
    return seriesReader.page(query);
  }

  async quarantine(limit: number, filter: QuarantineFilter = {}): Promise<QuarantineEntry[]> {
    const state = this.#state;
    return state === null ? [] : quarantinePage(this.#options.store, state.quarantine, { ...filter, limit });
  }

  quarantineCounts(filter: QuarantineFilter = {}): QuarantineCounts | null {
    return this.#state?.quarantine.counts(filter) ?? null;
  }

  late(limit: number, before: number | null = null): LateEntry[] {
    return this.#state?.late.latest(limit, before) ?? [];
  }

  get lateCounts(): readonly LateCount[] {
    return this.#state?.late.counts ?? [];
  }

  evidence(query: EvidenceQuery): EvidencePage {
    return evidencePage(this.#state?.evidence.list() ?? [], query);
  }

  evidenceOf(id: string): EvidenceView | null {
    return this.#state?.evidence.get(id) ?? null;
  }

  evidenceBytes(view: EvidenceView): AsyncIterable<Uint8Array> {
    return evidenceParts(this.#options.store, view);
  }

  backup(): AsyncIterable<Uint8Array> {
    return storeBackup(this.#options.store, this.#options.clock.nowMs());
  }

  get #state(): CentralState | null {
    return this.#options.state();
  }
}
