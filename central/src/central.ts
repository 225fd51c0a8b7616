import type { CentralConfig, RecordStreamConfig } from "@millrace/config";
import type { Store } from "@millrace/queue";
import { reasonOf } from "@millrace/runtime";
import type { Clock, Logger, Random } from "@millrace/runtime";
import type { WindowResult } from "@millrace/stream";
import type { AgentConnection, Compression, UpTopic } from "@millrace/wire";
import type { Leaving } from "./agents/agent-registry.ts";
import type { AgentView } from "./agents/agent-view.ts";
import { EnrolledAgents } from "./agents/enrolled-agents.ts";
import type { EnrolledAgent } from "./agents/enrolled-agents.ts";
import type { AlarmView } from "./alarms/alarm-view.ts";
import { CentralWatches } from "./alarms/central-watches.ts";
import type {
  CentralChange,
  CentralHealth,
  CentralReader,
  LedgerSum,
  PipelinePush,
  PipelineView,
  ResetOutcome,
  WindowPage,
  WindowQuery,
} from "./api/central-reader.ts";
import { centralCounts } from "./central-counts.ts";
import type { CentralCounts } from "./central-counts.ts";
import { CentralLifecycle } from "./central-lifecycle.ts";
import { CentralViews } from "./central-views.ts";
import { ChangeListeners } from "./commit/change-listeners.ts";
import { CommitActions } from "./commit/commit-actions.ts";
import { CommitLoop } from "./commit/commit-loop.ts";
import { CommitTurn } from "./commit/commit-turn.ts";
import { CommitWaiters } from "./commit/commit-waiters.ts";
import { DurableMoment } from "./commit/durable-moment.ts";
import { EntryApplier } from "./commit/entry-applier.ts";
import { MessageApplier } from "./commit/message-applier.ts";
import { MessageTurn } from "./commit/message-turn.ts";
import type { EvidenceLimits } from "./evidence/evidence-book.ts";
import { EvidenceChecker } from "./evidence/evidence-checker.ts";
import type { EvidencePage, EvidenceQuery } from "./evidence/evidence-query.ts";
import type { EvidenceView } from "./evidence/evidence-view.ts";
import { RollUpPace } from "./history/roll-up-pace.ts";
import { SeriesHistory } from "./history/series-history.ts";
import type { HistoryCounts } from "./history/series-history.ts";
import type { SeriesPage, SeriesQuery } from "./history/series-page.ts";
import { SeriesReader } from "./history/series-reader.ts";
import type { SeriesRefusal } from "./history/series-reader.ts";
import type { LedgerTotals } from "./ledger/central-ledger.ts";
import type { LateCount, LateEntry } from "./ledger/late-book.ts";
import type { QuarantineCounts, QuarantineFilter, QuarantineLimits } from "./ledger/quarantine.ts";
import type { QuarantineEntry } from "./ledger/quarantine-entry.ts";
import { EmbeddedLog } from "./log/embedded-log.ts";
import type { LogLoss } from "./log/log-book.ts";
import { tellLeft } from "./left/tell-left.ts";
import { LogGate } from "./log/log-gate.ts";
import type { LogView, UplinkLog } from "./log/uplink-log.ts";
import type { RecordPosition } from "./records/partition-clock.ts";
import { RecordApplier } from "./records/record-applier.ts";
import type { RecordBatch, RecordOutcome } from "./records/record-batch.ts";
import { RecordInbox } from "./records/record-inbox.ts";
import { RecordIntake } from "./records/record-intake.ts";
import type { RecordStreamView } from "./records/record-stream-view.ts";
import { windowsOfRecord } from "./records/windows-of-record.ts";
import { AgentRequests } from "./requests/agent-requests.ts";
import { RequestBook } from "./requests/request-book.ts";
import { Admission } from "./sessions/admission.ts";
import { Arrivals } from "./sessions/arrivals.ts";
import { Inbox } from "./sessions/inbox.ts";
import { SessionTable } from "./sessions/session-table.ts";
import { CentralState } from "./state/central-state.ts";
import type { CentralPipeline } from "./state/central-state.ts";
import { noteStoreLoss } from "./state/store-loss.ts";
import type { StoreLoss } from "./state/store-loss.ts";
import { tellKept } from "./windows/tell-kept.ts";
import { WindowHistory } from "./windows/window-history.ts";
import type { LatestWindows } from "./windows/window-history.ts";
import { WindowTick } from "./windows/window-tick.ts";
import type { WindowRuleCounts } from "./window-rules/window-rules.ts";

export interface CentralOptions {
  /** Enrolled agents; the connection's identity must be one of them. */
  readonly agents: readonly EnrolledAgent[];
  readonly pipeline: CentralPipeline;
  /** Streams of business records; default: none. */
  readonly records?: readonly RecordStreamConfig[];
  readonly graceMs: number;
  readonly retainMs: number;
  /** How much of the history's levels is kept; default: there is no history. */
  readonly history?: CentralConfig["history"];
  readonly evidence: EvidenceLimits;
  /** Where nothing is given, as in central.yaml. */
  readonly quarantine?: QuarantineLimits;
  readonly silentAfterMs: number;
  /** Where nothing is given, as in central.yaml. */
  readonly limits?: CentralConfig["limits"];
  /** What one tick's results take up in a commit, about; the rest follows. Default 2 MiB. */
  readonly tickBytesMax?: number;
  readonly store: Store;
  /** What agents say passes through it; default: the store alone holds it. Its name tells whose positions the store has. */
  readonly uplinkLog?: { readonly name: string; readonly log: UplinkLog };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly compression: Compression;
  /** Called once, when commits have failed for good and central takes nothing any more. */
  readonly onFailed?: (error: unknown) => void;
  /** Called after each commit. */
  readonly onCommitted?: (durationMs: number) => void;
  /** A try of a commit has failed; nothing is acknowledged until one succeeds. */
  readonly onCommitFailed?: () => void;
  /** Some of what was committed is gone from the store, and nothing tells what. */
  readonly loss?: StoreLoss;
}

const LIMITS: CentralConfig["limits"] = { ruleGroupsMax: 20_000 };
const QUARANTINE: QuarantineLimits = { bytesMax: 64 * 2 ** 20, retainMs: 30 * 86_400_000 };

/** What works on the state, once that is read. */
interface Opened {
  readonly state: CentralState;
  readonly enrolled: EnrolledAgents;
  readonly applier: MessageApplier;
  readonly watches: CentralWatches;
  readonly evidenceChecker: EvidenceChecker;
  readonly turn: CommitTurn;
}

/**
 * Central's core, without sockets: takes agents' messages, holds each batch exactly once, merges panes into windows,
 * and says nothing to anybody before it is durable. The caller owns the store and closes it after `close`.
 */
export class Central implements CentralReader {
  readonly #options: CentralOptions;
  readonly #lifecycle = new CentralLifecycle();
  readonly #sessions = new SessionTable();
  readonly #inbox = new Inbox();
  readonly #recordInbox: RecordInbox;
  readonly #requestBook = new RequestBook();
  readonly #uplinkLog: UplinkLog;
  readonly #windowHistory: WindowHistory;
  readonly #seriesHistory: SeriesHistory | null;
  readonly #arrivals: Arrivals;
  readonly #records: RecordIntake;
  readonly #requests: AgentRequests;
  readonly #views: CentralViews;
  readonly #loop: CommitLoop;
  readonly #durable: DurableMoment;
  readonly #actions: CommitActions;
  readonly #listeners: ChangeListeners;
  readonly #waiters: CommitWaiters;
  readonly #rollUps: RollUpPace;
  #opened: Opened | null = null;

  constructor(options: CentralOptions) {
    this.#options = options;
    const { store, clock, random, log, pipeline, history, retainMs, compression } = options;
    const sessions = this.#sessions;
    const inbox = this.#inbox;
    const lifecycle = this.#lifecycle;
    const wake = () => this.#loop.wake();
    const stalled = () => this.#loop.stalled;
    const state = () => this.#opened?.state ?? null;
    this.#uplinkLog = options.uplinkLog?.log ?? new EmbeddedLog();
    this.#listeners = new ChangeListeners(log);
    this.#actions = new CommitActions({ wake, stalled });
    this.#durable = new DurableMoment(() => lifecycle.failure ?? stalled());
    this.#recordInbox = new RecordInbox(wake, windowsOfRecord(pipeline.metrics, pipeline.windows));
    const common = { state, lifecycle, sessions, clock, actions: this.#actions, durable: this.#durable };
    const recordInbox = this.#recordInbox;
    const requests = this.#requestBook;
    this.#windowHistory = new WindowHistory({ store, windows: pipeline.windows, retainMs });
    this.#seriesHistory = history === undefined ? null : new SeriesHistory(store, history);
    this.#rollUps = new RollUpPace({ history: this.#seriesHistory, clock, log, wake });
    this.#arrivals = new Arrivals({ ...common, opened: () => this.#opened, inbox, requests, log, wake });
    this.#records = new RecordIntake({ ...common, inbox: recordInbox, stalled });
    this.#requests = new AgentRequests({ ...common, book: requests, random, compression });
    this.#waiters = new CommitWaiters({ ...common, inbox, recordInbox, requests });
    this.#views = new CentralViews({
      state,
      pipeline,
      windowHistory: this.#windowHistory,
      seriesReader:
        this.#seriesHistory === null
          ? null
          : new SeriesReader(store, this.#seriesHistory, () => this.#durable.wait()),
      store,
      clock,
    });
    this.#loop = new CommitLoop({
      store,
      clock,
      random,
      log,
      plan: async (isTick) =>
        this.#opened?.turn.plan(isTick) ?? { changes: [], isSync: false, publish: () => {} },
      isUrgent: () => this.#opened?.turn.isUrgent ?? false,
      onCommitted: (durationMs) => options.onCommitted?.(durationMs),
      onCommitFailed: (why) => {
        this.#waiters.stalled(why);
        options.onCommitFailed?.();
      },
      onFailed: (error) => this.#fail(error),
    });
  }

  /** Restores the state, enrols the configuration's agents and starts. Rejects with `store_read`. */
  async open(): Promise<void> {
    const { clock, log, loss, agents } = this.#options;
    const moment = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const state = await this.#openState(moment);
    tellLeft(state.left.records, log);
    tellKept(state.engine, moment.nowMs, log);
    const enrolled = new EnrolledAgents({
      state,
      sessions: this.#sessions,
      actions: this.#actions,
      uplinkLog: this.#uplinkLog,
      clock,
    });
    enrolled.restore(agents, moment);
    state.showEngineAgents();
    if (loss !== undefined) {
      noteStoreLoss(loss, { state, nowMs: moment.nowMs, log });
      this.#actions.whenDurable(() => loss.booked());
    }
    this.#opened = this.#assemble(state, enrolled);
    this.#lifecycle.opened();
    this.#uplinkLog.start({
      positions: state.log.positions,
      isAnew: state.memberSearch.isOn,
      wake: () => this.#loop.wake(),
    });
    this.#loop.start();
  }

  async #openState({ nowMs, monotonicMs }: { nowMs: number; monotonicMs: number }): Promise<CentralState> {
    const { store, log, pipeline, graceMs, retainMs, evidence, records = [] } = this.#options;
    const { quarantine = QUARANTINE, limits = LIMITS } = this.#options;
    const state = await CentralState.open({
      store,
      log,
      pipeline,
      records,
      ruleGroupsMax: limits.ruleGroupsMax,
      graceMs,
      retainMs,
      evidence,
      quarantine,
      tickBytesMax: this.#options.tickBytesMax,
      logName: this.#options.uplinkLog?.name ?? "",
      nowMs,
      monotonicMs,
    });
    await this.#windowHistory.restore(nowMs);
    await this.#seriesHistory?.restore(state.engine.views, monotonicMs);
    return state;
  }

  #assemble(state: CentralState, enrolled: EnrolledAgents): Opened {
    const { store, clock, log, compression, silentAfterMs, uplinkLog: named } = this.#options;
    const { sites } = enrolled;
    const sessions = this.#sessions;
    const uplinkLog = this.#uplinkLog;
    const windowHistory = this.#windowHistory;
    const seriesHistory = this.#seriesHistory;
    const actions = this.#actions;
    const common = { state, sessions, sites, store, clock, log, isLogApart: uplinkLog.isApart };
    const applier = new MessageApplier(common);
    const admission = new Admission(common);
    const logGate = new LogGate({ ...common, inbox: this.#inbox, admission, uplinkLog });
    const entryApplier = new EntryApplier({ ...common, applier, compression });
    const watches = new CentralWatches({
      ...common,
      applier,
      silentAfterMs,
      unreadableCount: () => this.counts.unreadable,
      ruleCounts: () => this.windowRuleCounts(),
    });
    const evidenceChecker = new EvidenceChecker({
      ...common,
      act: (action) => actions.add(action),
      wake: () => this.#loop.wake(),
    });
    const turn = new CommitTurn({
      ...common,
      lifecycle: this.#lifecycle,
      durable: this.#durable,
      actions,
      listeners: this.#listeners,
      messages: new MessageTurn({
        ...common,
        arrivals: this.#arrivals,
        logGate,
        entryApplier,
        applier,
        logName: named?.name,
      }),
      logGate,
      uplinkLog,
      recordIntake: this.#records,
      recordInbox: this.#recordInbox,
      recordApplier: new RecordApplier(state, store),
      requests: this.#requestBook,
      watches,
      evidenceChecker,
      windowTick: new WindowTick({ ...common, uplinkLog, evidenceChecker, windowHistory, seriesHistory }),
      windowHistory,
      seriesHistory,
      rollUps: this.#rollUps,
    });
    return { state, enrolled, applier, watches, evidenceChecker, turn };
  }

  /** Commits what has arrived, then ends all sessions. */
  async close(): Promise<void> {
    this.#lifecycle.closed();
    this.#requestBook.close();
    this.#rollUps.stop();
    await this.#loop.stop();
    await this.#uplinkLog.close();
    this.#recordInbox.fail("central stops");
    await this.#opened?.evidenceChecker.settled();
    await this.#seriesHistory?.close();
    for (const session of this.#sessions.all()) session.close("closed", "central stops");
    this.#listeners.clear();
  }

  #fail(error: unknown): void {
    const reason = reasonOf(error);
    const why = `commits fail: ${reason}`;
    this.#lifecycle.failed(why);
    this.#options.log.error("cannot go on: what is in memory cannot be made durable; start again", {
      reason,
    });
    this.#waiters.failed(why);
    this.#options.onFailed?.(error);
  }

  onOpen(connection: AgentConnection): void {
    this.#arrivals.onOpen(connection);
  }

  /** `settled`: once it is held, or will not be. Never where central stops or fails before. */
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array, settled?: () => void): void {
    this.#arrivals.onMessage(connection, topic, payload, settled);
  }

  onClose(connection: AgentConnection): void {
    this.#arrivals.onClose(connection);
  }

  /** What became of them; null, or a rejection: see `RecordIntake`. */
  offerRecords(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null {
    return this.#records.offer(stream, batch);
  }

  recordPositions(stream: string): ReadonlyMap<number, RecordPosition> {
    return this.#records.positions(stream);
  }

  recordPartitions(
    stream: string,
    partitions: readonly { readonly partition: number; readonly isAtEnd: boolean }[],
  ): void {
    this.#records.lookedAt(stream, partitions);
  }

  isRecordPartitionAhead(stream: string, partition: number): boolean {
    return this.#records.isAhead(stream, partition);
  }

  recordStreams(): readonly RecordStreamView[] {
    return this.#records.streams();
  }

  retire(leaving: Leaving): Promise<number> {
    return this.#taking?.enrolled.retire(leaving) ?? Promise.resolve(0);
  }

  /** Takes over who is enrolled: a new agent is expected from now on; one that is gone stays so until it is retired. */
  setAgents(agents: readonly EnrolledAgent[]): Promise<void> {
    return this.#taking?.enrolled.replace(agents) ?? Promise.resolve();
  }

  /** Null while nothing is taken. */
  get #taking(): Opened | null {
    return this.#lifecycle.refusal === null ? this.#opened : null;
  }

  resetAlarm(agent: string, id: string, by: string): Promise<ResetOutcome> {
    return this.#requests.resetAlarm(agent, id, by);
  }

  pushPipeline(agents: readonly string[], text: string, by: string): Promise<PipelinePush> {
    return this.#requests.pushPipeline(agents, text, by);
  }

  health(): CentralHealth {
    const { state, reason } = this.#uplinkLog.view;
    return this.#lifecycle.health(this.#loop.stalled ?? (state === "up" ? null : reason));
  }

  subscribe(listener: (change: CentralChange) => void): () => void {
    return this.#listeners.add(listener);
  }

  agents(): AgentView[] {
    return this.#views.agents();
  }

  alarms(): AlarmView[] {
    return this.#views.alarms();
  }

  ledger(): ReadonlyMap<string, LedgerTotals> {
    return this.#views.ledger();
  }

  ledgerSum(): LedgerSum {
    return this.#views.ledgerSum();
  }

  pipeline(): PipelineView {
    return this.#views.pipeline();
  }

  windows(query: WindowQuery): Promise<WindowPage> {
    return this.#views.windows(query);
  }

  latestWindows(window: string | null): Promise<LatestWindows> {
    return this.#views.latestWindows(window);
  }

  recentWindows(): WindowResult[] {
    return this.#views.recentWindows();
  }

  series(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal> {
    return this.#views.series(query);
  }

  quarantine(limit: number, filter: QuarantineFilter = {}): Promise<QuarantineEntry[]> {
    return this.#views.quarantine(limit, filter);
  }

  quarantineCounts(filter: QuarantineFilter = {}): QuarantineCounts | null {
    return this.#views.quarantineCounts(filter);
  }

  late(limit: number, before: number | null = null): LateEntry[] {
    return this.#views.late(limit, before);
  }

  evidence(query: EvidenceQuery): EvidencePage {
    return this.#views.evidence(query);
  }

  evidenceOf(id: string): EvidenceView | null {
    return this.#views.evidenceOf(id);
  }

  evidenceBytes(view: EvidenceView): AsyncIterable<Uint8Array> {
    return this.#views.evidenceBytes(view);
  }

  backup(): AsyncIterable<Uint8Array> {
    return this.#views.backup();
  }

  get lateCounts(): readonly LateCount[] {
    return this.#views.lateCounts;
  }

  windowRuleCounts(): readonly WindowRuleCounts[] {
    return this.#views.windowRuleCounts;
  }

  historyCounts(nowMs: number): HistoryCounts | null {
    return this.#seriesHistory?.counts(nowMs) ?? null;
  }

  get logView(): LogView {
    return this.#uplinkLog.view;
  }

  get logLoss(): LogLoss | null {
    return this.#views.logLoss;
  }

  get counts(): CentralCounts {
    return centralCounts({
      state: this.#opened?.state ?? null,
      inbox: this.#inbox,
      arrivals: this.#arrivals,
      windowHistory: this.#windowHistory,
      seriesHistory: this.#seriesHistory,
    });
  }
}
