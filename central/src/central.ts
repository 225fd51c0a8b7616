import type { CentralConfig, RecordStreamConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import { reasonOf } from "@millrace/runtime";
import type { Clock, Logger, Random, Timer } from "@millrace/runtime";
import type { Lane, WindowEngineCounts, WindowResult } from "@millrace/stream";
import { encodeMessage, parseHeartbeat, RowRoom } from "@millrace/wire";
import type { AgentConnection, Compression, UpTopic } from "@millrace/wire";
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
import { pipelineView } from "./api/pipeline-view.ts";
import { storeBackup } from "./backup/store-backup.ts";
import type { AgentView } from "./agents/agent-view.ts";
import type { AlarmView } from "./alarms/alarm-view.ts";
import { CENTRAL_KEYS, keysUnder } from "./store/central-keys.ts";
import type { LedgerTotals, RejectReason } from "./ledger/central-ledger.ts";
import { CentralState, loadEngineKeys, QUARANTINE, readEngineRange } from "./state/central-state.ts";
import type { CentralPipeline } from "./state/central-state.ts";
import { CentralWatches } from "./alarms/central-watches.ts";
import { CommitLoop } from "./commit/commit-loop.ts";
import type { CommitPlan } from "./commit/commit-loop.ts";
import { computedWindows } from "./windows/computed-windows.ts";
import type { EvidenceLimits } from "./evidence/evidence-book.ts";
import { evidenceParts } from "./evidence/evidence-check.ts";
import { EvidenceChecker } from "./evidence/evidence-checker.ts";
import { evidencePage } from "./evidence/evidence-query.ts";
import type { EvidencePage, EvidenceQuery } from "./evidence/evidence-query.ts";
import type { EvidenceView } from "./evidence/evidence-view.ts";
import type { LateCount, LateEntry } from "./ledger/late-book.ts";
import { Inbox } from "./sessions/inbox.ts";
import type { LogLoss } from "./log/log-book.ts";
import { Admission } from "./sessions/admission.ts";
import { CommitActions } from "./commit/commit-actions.ts";
import { NotReady } from "./commit/not-ready.ts";
import { EmbeddedLog } from "./log/embedded-log.ts";
import type { LogEntry, LogGap, LogTurn, LogView, UplinkLog } from "./log/uplink-log.ts";
import { MessageApplier, NOBODY } from "./commit/message-applier.ts";
import type { AfterCommit, Moment } from "./commit/message-applier.ts";
import { openMessage, paneRows } from "./log/opened-message.ts";
import type { OpenedMessage } from "./log/opened-message.ts";
import type { QuarantineEntry } from "./ledger/quarantine.ts";
import { packedPipeline } from "./requests/packed-pipeline.ts";
import { RequestBook } from "./requests/request-book.ts";
import type { InboxItem, Session } from "./sessions/session.ts";
import { SeriesMemories } from "./commit/series-memories.ts";
import { SessionTable } from "./sessions/session-table.ts";
import { WindowHistory } from "./windows/window-history.ts";
import { SeriesHistory } from "./history/series-history.ts";
import type { HistoryCounts } from "./history/series-history.ts";
import type { SeriesPage, SeriesQuery } from "./history/series-page.ts";
import { SeriesReader } from "./history/series-reader.ts";
import type { SeriesRefusal } from "./history/series-reader.ts";
import { RecordApplier } from "./records/record-applier.ts";
import type { RecordBatch, RecordOutcome } from "./records/record-batch.ts";
import type { RecordPosition } from "./records/partition-clock.ts";
import { RecordInbox } from "./records/record-inbox.ts";
import { recordStreamView } from "./records/record-stream-view.ts";
import type { RecordStreamView } from "./records/record-stream-view.ts";
import type { WindowRuleCounts } from "./window-rules/window-rules.ts";

/** One commit takes up no more than this, so that echoes and pages are not held up; what waits behind it takes the next. */
const COMMIT_BYTES_MAX = 2_097_152;
const COMMIT_MESSAGES_MAX = 100;
/** Of what is live: what a thousand agents send at once is held with one sync, however slow the disk is. */
const COMMIT_LIVE_MESSAGES_MAX = 1_000;
/** Between ticks history is rolled up for no more than half of the time: at least so long nothing of it is done after a piece. */
const ROLL_PAUSE_MS_MIN = 1;
/** While more is due than one slice, history is trimmed at every tick instead. */
const TRIM_INTERVAL_MS = 60_000;
/** Rows of a batch lie here until they are applied. */
const ROW_ROOM_BYTES = 1_048_576;
const NOTHING_TAKEN: LogTurn = { entries: [], positions: [], gaps: [], strange: [] };

export interface CentralOptions {
  /** Enrolled agents; the connection's identity must be one of them. */
  readonly agents: readonly { readonly id: string; readonly site: string }[];
  readonly pipeline: CentralPipeline;
  /** Streams of business records; default: none. */
  readonly records?: readonly RecordStreamConfig[];
  readonly graceMs: number;
  readonly retainMs: number;
  /** How much of the history's levels is kept; default: there is no history. */
  readonly history?: CentralConfig["history"];
  readonly evidence: EvidenceLimits;
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

export interface StoreLoss {
  /** For people: what became of the store. */
  readonly detail: string;
  /** Called once it is durable that central tells of it. */
  booked(): void;
}

/**
 * Central's core, without sockets: takes agents' messages, holds each batch exactly once, merges panes into windows,
 * and says nothing to anybody before it is durable. The caller owns the store and closes it after `close`.
 */
export class Central implements CentralReader {
  readonly #options: CentralOptions;
  readonly #sessions = new SessionTable();
  /** Of the agents that are enrolled now. */
  readonly #sites = new Map<string, string>();
  readonly #loop: CommitLoop;
  readonly #history: WindowHistory;
  readonly #seriesHistory: SeriesHistory | null;
  readonly #seriesReader: SeriesReader | null;
  /** What is in memory is not durable yet. */
  #isAhead = false;
  /** What was durable before it was ahead. */
  #recordsShown: readonly RecordStreamView[] = [];
  readonly #whenDurable: PromiseWithResolvers<void>[] = [];
  readonly #listeners = new Set<(change: CentralChange) => void>();
  readonly #actions = new CommitActions({
    wake: () => this.#loop.wake(),
    stalled: () => this.#loop.stalled,
  });
  readonly #inbox = new Inbox();
  /** Sessions whose latest heartbeat waits for the next commit. */
  readonly #beating = new Set<Session>();
  readonly #series = new SeriesMemories();
  readonly #rowRoom = new RowRoom(ROW_ROOM_BYTES);
  readonly #uplinkLog: UplinkLog;
  #droppedCount = 0;
  #opened: {
    readonly state: CentralState;
    readonly admission: Admission;
    readonly applier: MessageApplier;
    readonly recordApplier: RecordApplier;
    readonly watches: CentralWatches;
    readonly evidenceChecker: EvidenceChecker;
  } | null = null;
  readonly #recordInbox = new RecordInbox(() => this.#loop.wake());
  #failure: string | null = null;
  #isClosed = false;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;
  readonly #requests = new RequestBook();
  /** Until more of the history may be rolled up between ticks. */
  #rollTimer: Timer | null = null;
  #isRollDue = false;

  constructor(options: CentralOptions) {
    this.#options = options;
    this.#uplinkLog = options.uplinkLog?.log ?? new EmbeddedLog();
    const { store, clock, random, log, pipeline, retainMs } = options;
    this.#history = new WindowHistory({ store, windows: pipeline.windows, retainMs });
    this.#seriesHistory = options.history === undefined ? null : new SeriesHistory(store, options.history);
    this.#seriesReader =
      this.#seriesHistory === null
        ? null
        : new SeriesReader(store, this.#seriesHistory, () => this.#durableMoment());
    this.#loop = new CommitLoop({
      store,
      clock,
      random,
      log,
      plan: (isTick) => this.#plan(isTick),
      isUrgent: () => this.#hasWaiting || this.#isRollDue || this.#isCutShort,
      onCommitted: (durationMs) => options.onCommitted?.(durationMs),
      onCommitFailed: (why) => {
        this.#leaveUndurable(why);
        this.#answerStalled(why);
        options.onCommitFailed?.();
      },
      onFailed: (error) => this.#fail(error),
    });
  }

  /** Restores the state, enrols the configuration's agents and starts. Rejects with `store_read`. */
  async open(): Promise<void> {
    const {
      store,
      clock,
      pipeline,
      graceMs,
      agents,
      evidence,
      records = [],
      limits = LIMITS,
    } = this.#options;
    const nowMs = clock.nowMs();
    const monotonicMs = clock.monotonicMs();
    const state = await CentralState.open({
      store,
      pipeline,
      records,
      ruleGroupsMax: limits.ruleGroupsMax,
      graceMs,
      evidence,
      tickBytesMax: this.#options.tickBytesMax,
      logName: this.#options.uplinkLog?.name ?? "",
      nowMs,
      monotonicMs,
    });
    await this.#history.restore(nowMs);
    await this.#seriesHistory?.restore(state.engine.views, monotonicMs);
    this.#enrolNew(state, agents, { nowMs, monotonicMs });
    state.showEngineAgents();
    this.#bookLoss(state, nowMs);
    for (const { id, site } of agents) this.#sites.set(id, site);
    const { silentAfterMs, log } = this.#options;
    const sessions = this.#sessions;
    const { isApart: isLogApart } = this.#uplinkLog;
    const parts = { state, sessions, sites: this.#sites, isLogApart };
    const applier = new MessageApplier(parts);
    this.#opened = {
      state,
      admission: new Admission(parts),
      applier,
      recordApplier: new RecordApplier(state, store),
      watches: new CentralWatches({
        state,
        sessions,
        applier,
        silentAfterMs,
        unreadableCount: () => this.counts.unreadable,
        ruleCounts: () => this.windowRuleCounts(),
        clock,
        log,
      }),
      evidenceChecker: new EvidenceChecker({
        state,
        store,
        clock,
        log,
        act: (action) => this.#actions.add(action),
        wake: () => this.#loop.wake(),
      }),
    };
    this.#uplinkLog.start({
      positions: state.log.positions,
      isAnew: state.memberSearch.isOn,
      wake: () => this.#loop.wake(),
    });
    this.#loop.start();
  }

  /** A retired agent stays retired until it comes again, or comes to another site. */
  #enrolNew(
    { agents: registry, memberSearch }: CentralState,
    agents: CentralOptions["agents"],
    { nowMs, monotonicMs }: Moment,
  ): void {
    const added = agents.filter(({ id, site }) => !registry.hasBelonged(id, site));
    for (const { id, site } of added) registry.enrol(id, site, nowMs, monotonicMs);
    if (added.length > 0 && !this.#uplinkLog.isCaughtUp) memberSearch.begin();
  }

  #bookLoss(state: CentralState, nowMs: number): void {
    const { loss, log } = this.#options;
    if (loss === undefined) return;
    state.damaged(nowMs);
    const message = `central's store was damaged: ${loss.detail}`;
    log.error(message);
    state.alarms.raise({ agent: "", site: "", kind: "store_damaged", message, value: 0, nowMs });
    this.#actions.whenDurable(() => loss.booked());
  }

  /** Commits what has arrived, then ends all sessions. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#requests.close();
    this.#rollTimer?.cancel();
    await this.#loop.stop();
    await this.#uplinkLog.close();
    this.#recordInbox.fail("central stops");
    await this.#opened?.evidenceChecker.settled();
    await this.#seriesHistory?.close();
    for (const session of this.#sessions.all()) session.close("closed", "central stops");
    this.#listeners.clear();
  }

  /**
   * Takes records of a stream: what became of them, once that is durable. Null where commits are slower than records come: they
   * are to be offered again, as while commits fail. Rejects where central stops or fails first, and, of records that nobody reads again,
   * where commits fail, with what became of them.
   */
  offerRecords(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null {
    if (this.#opened === null || this.#isClosed || this.#failure !== null)
      return Promise.reject(
        new NotReady(
          `${this.#failure ?? (this.#isClosed ? "central stops" : "central starts")}; nothing was taken`,
        ),
      );
    if (this.#loop.stalled !== null) return null;
    return this.#recordInbox.offer(stream, batch);
  }

  /** Where a stream is to be read on, in each partition that is known. */
  recordPositions(stream: string): ReadonlyMap<number, RecordPosition> {
    const partitions = this.#opened?.state.records.get(stream)?.partitions ?? [];
    return new Map(partitions.map(({ partition, next, topicId }) => [partition, { next, topicId }]));
  }

  /** The source has looked: these partitions are there, those with nothing more to read are at their end. */
  recordPartitions(
    stream: string,
    partitions: readonly { readonly partition: number; readonly isAtEnd: boolean }[],
  ): void {
    const stage = this.#opened?.state.records.get(stream);
    const monotonicMs = this.#options.clock.monotonicMs();
    stage?.expect(
      partitions.map(({ partition }) => partition),
      monotonicMs,
    );
    for (const { partition, isAtEnd } of partitions) stage?.atEnd(partition, isAtEnd, monotonicMs);
  }

  /** The partition is so far ahead of the others that it should wait for them. */
  isRecordPartitionAhead(stream: string, partition: number): boolean {
    const stage = this.#opened?.state.records.get(stream);
    return stage?.isAhead(partition, this.#options.clock.monotonicMs()) ?? false;
  }

  recordStreams(): readonly RecordStreamView[] {
    return this.#isAhead ? this.#recordsShown : this.#recordsNow();
  }

  #recordsNow(): RecordStreamView[] {
    const { clock } = this.#options;
    return (this.#opened?.state.records.all() ?? []).map((stage) =>
      recordStreamView(stage, {
        monotonicMs: clock.monotonicMs(),
        waitingBytes: this.#recordInbox.bytesOf(stage.stream),
      }),
    );
  }

  onOpen(connection: AgentConnection): void {
    const session = this.#sessions.add(connection, this.#options.clock.monotonicMs());
    if (this.#isClosed || this.#failure !== null) session.close("closed", this.#failure ?? "central stops");
  }

  /** `settled`: once it is held, or will not be. Never where central stops or fails before. */
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array, settled?: () => void): void {
    const session = this.#sessions.get(connection);
    if (this.#isClosed || this.#failure !== null || this.#opened === null) return;
    if (session === undefined || session.state === "closed" || session.state === "replaced") {
      settled?.();
      return;
    }
    const { clock } = this.#options;
    this.#opened.watches.noteWaking();
    session.heardAtMs = clock.monotonicMs();
    const item: InboxItem = { session, topic, payload, atMs: clock.nowMs(), settled };
    if (topic === "heartbeat") {
      this.#takeHeartbeat(item);
      settled?.();
      return;
    }
    if (!this.#inbox.add(item)) {
      this.#droppedCount += 1;
      this.#options.log.repeated(
        "inbox_full",
        "commits are slower than agents send; a batch will come again",
        { agent: session.agent },
      );
      settled?.();
      return;
    }
    this.#loop.wake();
  }

  onClose(connection: AgentConnection): void {
    const session = this.#sessions.delete(connection);
    if (session === undefined) return;
    this.#opened?.applier.uncount(session);
    if (session.state !== "replaced") session.state = "closed";
  }

  agents(): AgentView[] {
    const state = this.#opened?.state;
    return state === undefined
      ? []
      : withEvidence(state.agents.views(), (agent) => state.ledger.all().get(agent));
  }

  alarms(): AlarmView[] {
    return this.#opened?.state.alarms.list() ?? [];
  }

  ledger(): ReadonlyMap<string, LedgerTotals> {
    return this.#opened?.state.ledger.all() ?? new Map();
  }

  ledgerSum(): LedgerSum {
    const sum = { received: 0, merged: 0, tooLate: 0 };
    for (const totals of this.ledger().values()) {
      sum.received += totals.received;
      sum.merged += totals.merged;
      sum.tooLate += totals.tooLate;
    }
    const damage = this.#opened?.state.damage ?? null;
    const { logLoss } = this;
    return {
      ...sum,
      ...(damage === null ? {} : { storeDamaged: damage }),
      ...(logLoss === null ? {} : { logLost: logLoss }),
    };
  }

  pipeline(): PipelineView {
    return pipelineView(this.#options.pipeline);
  }

  async windows(query: WindowQuery): Promise<WindowPage> {
    const page = await this.#history.page(query);
    return { ...page, windows: await this.#computed([...page.windows]) };
  }

  windowRuleCounts(): WindowRuleCounts[] {
    return this.#opened?.state.windowRules.counts ?? [];
  }

  historyCounts(nowMs: number): HistoryCounts | null {
    return this.#seriesHistory?.counts(nowMs) ?? null;
  }

  async series(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal> {
    const isThere = this.#opened !== null && this.#seriesReader !== null;
    if (!isThere) return { reason: "unknown_metric", detail: "central keeps no history" };
    return this.#seriesReader.page(query);
  }

  async latestWindows(window: string | null): Promise<WindowResult[]> {
    return this.#computed(await this.#history.latest(window));
  }

  recentWindows(): WindowResult[] {
    return this.#history.recent(this.#options.clock.nowMs());
  }

  async quarantine(limit: number, before: number | null = null): Promise<QuarantineEntry[]> {
    const entries: QuarantineEntry[] = [];
    const { from, to } = keysUnder("q");
    const keys = { from, to: before === null ? to : CENTRAL_KEYS.quarantine(before), isReverse: true, limit };
    for await (const { value } of this.#options.store.range(keys)) {
      const entry = QUARANTINE.read(value);
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }

  late(limit: number, before: number | null = null): LateEntry[] {
    return this.#opened?.state.late.latest(limit, before) ?? [];
  }

  evidence(query: EvidenceQuery): EvidencePage {
    return evidencePage(this.#opened?.state.evidence.list() ?? [], query);
  }

  evidenceOf(id: string): EvidenceView | null {
    return this.#opened?.state.evidence.get(id) ?? null;
  }

  evidenceBytes(view: EvidenceView): AsyncIterable<Uint8Array> {
    return evidenceParts(this.#options.store, view);
  }

  backup(): AsyncIterable<Uint8Array> {
    return storeBackup(this.#options.store, this.#options.clock.nowMs());
  }

  get lateCounts(): readonly LateCount[] {
    return this.#opened?.state.late.counts ?? [];
  }

  retire(site: string): Promise<number> {
    if (this.#opened === null || this.#isClosed || this.#failure !== null) return Promise.resolve(0);
    const { state, watches } = this.#opened;
    const { agents, engine, trustedTime } = state;
    return this.#actions.ask({ isAwaited: true }, () => {
      const retired = agents.retireSite(site, this.#options.clock.nowMs());
      engine.setMembership(agents.membership);
      // One that is still connected has to connect again, and is expected again then.
      for (const session of this.#sessions.all())
        if (retired.includes(session.agent)) session.close("closed", `site ${site} is retired`);
      for (const agent of retired) {
        trustedTime.forget(agent);
        for (const kind of ["agent_silent", "clock_disagrees", "disk_low"] as const)
          watches.clearAlarm(kind, agent, "the site is retired");
      }
      return retired.length;
    });
  }

  /** Takes over who is enrolled: a new agent is expected from now on; one that is gone stays so until its site is retired. */
  setAgents(agents: CentralOptions["agents"]): Promise<void> {
    if (this.#opened === null || this.#isClosed || this.#failure !== null) return Promise.resolve();
    const { state } = this.#opened;
    return this.#actions.ask({ isAwaited: false }, () => {
      const { clock } = this.#options;
      this.#enrolNew(state, agents, { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() });
      state.engine.setMembership(state.agents.membership);
      this.#sites.clear();
      for (const { id, site } of agents) this.#sites.set(id, site);
      for (const session of this.#sessions.all())
        if (session.isGreeted && session.site !== this.#sites.get(session.agent))
          session.close("closed", "it is not enrolled there any more");
    });
  }

  async resetAlarm(agent: string, id: string, by: string): Promise<ResetOutcome> {
    if (agent === "") return this.#resetOwn(id, by);
    const isThere = this.#opened !== null && !this.#isClosed && this.#failure === null;
    if (!isThere || !this.#isReached(agent)) return "agent_away";
    const { clock, random } = this.#options;
    const request = { id: random.hex(8), kind: "reset_alarm", alarm: id, by };
    return (await this.#requests.ask(agent, request, clock.monotonicMs())).outcome;
  }

  /** Of an alarm that central's own rules have raised; done once that is durable. */
  #resetOwn(id: string, by: string): Promise<ResetOutcome> {
    if (this.#opened === null || this.#isClosed || this.#failure !== null)
      return Promise.resolve("no_such_alarm");
    const { windowRules } = this.#opened.state;
    return this.#actions.ask({ isAwaited: true }, () => {
      const outcome = windowRules.reset(id, by, this.#options.clock.nowMs());
      const isUnknown = outcome === null || outcome === "not_latched";
      return isUnknown ? "no_such_alarm" : outcome;
    });
  }

  async pushPipeline(agents: readonly string[], text: string, by: string): Promise<PipelinePush> {
    const { clock, random } = this.#options;
    const pipeline = packedPipeline(text, clock.nowMs(), this.#options.compression);
    const pushed = agents.map(async (agent) => {
      if (!this.#isReached(agent))
        return {
          agent,
          outcome: "agent_away",
          detail: "it is not connected; nothing was sent to it",
        } as const;
      const request = { id: random.hex(8), kind: "set_pipeline", alarm: "", by, pipeline };
      const { outcome, detail = "" } = await this.#requests.ask(agent, request, clock.monotonicMs());
      return { agent, outcome, detail };
    });
    return { version: pipeline.version, agents: await Promise.all(pushed) };
  }

  /** Heard, and by a connection that requests can go back on. */
  #isReached(agent: string): boolean {
    const isHeard = this.#opened?.state.agents.view(agent).state === "connected";
    return isHeard && this.#sessions.isConnected(agent);
  }

  health(): CentralHealth {
    const { stalled } = this.#loop;
    const { state, reason: ofLog } = this.#uplinkLog.view;
    const isOpen = this.#opened !== null && this.#failure === null && !this.#isClosed;
    const isReady = isOpen && stalled === null && state === "up";
    const unopened = this.#isClosed ? "stopping" : "starting";
    const why = isReady ? "takes data" : isOpen ? (stalled ?? ofLog) : unopened;
    return { isAlive: this.#failure === null, isReady, reason: this.#failure ?? why };
  }

  get logView(): LogView {
    return this.#uplinkLog.view;
  }

  /** What of the log was gone before it was read; null where nothing was. */
  get logLoss(): LogLoss | null {
    return this.#opened?.state.log.durableLoss ?? null;
  }

  subscribe(listener: (change: CentralChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get counts(): {
    readonly inboxBytes: number;
    readonly droppedMessages: number;
    readonly engine: WindowEngineCounts | null;
    readonly trimLagMs: number;
    /** Entries of the quarantine since the store was made. */
    readonly quarantined: number;
    readonly evidenceBytes: number;
    readonly evidencePieces: number;
    /** Stored values that could not be read and were left out, since the start. */
    readonly unreadable: number;
  } {
    const engine = this.#opened?.state.engine.counts ?? null;
    const { trimLagMs } = this.#history;
    const atStart = this.#opened?.state.unreadableCount ?? 0;
    const ofSeries = this.historyCounts(0)?.unreadable ?? 0;
    const unreadable = atStart + (engine?.unreadable ?? 0) + this.#history.unreadableCount + ofSeries;
    return {
      inboxBytes: this.#inbox.bytes,
      droppedMessages: this.#droppedCount,
      engine,
      trimLagMs,
      quarantined: this.#opened?.state.quarantine.entryCount ?? 0,
      evidenceBytes: this.#opened?.state.evidence.bytes ?? 0,
      evidencePieces: this.#opened?.state.evidence.count ?? 0,
      unreadable,
    };
  }

  async #computed(results: WindowResult[]): Promise<WindowResult[]> {
    if (this.#opened === null || !results.some((result) => result.isOutdated)) return results;
    const { store, clock } = this.#options;
    return computedWindows(store, this.#opened.state.engine, results, () => clock.nowMs());
  }

  #takeHeartbeat(item: InboxItem): void {
    const { session, payload } = item;
    const parsed = parseHeartbeat(payload);
    if (!parsed.ok || session.state !== "open") {
      const reason: RejectReason = parsed.ok
        ? "no_session"
        : parsed.reason === "oversized"
          ? "oversized"
          : "malformed_heartbeat";
      const detail = parsed.ok ? "a heartbeat before the hello was answered" : parsed.detail;
      const { topic, atMs } = item;
      this.#opened?.state.reject({ agent: session.agent, topic, payload, atMs, reason, detail });
      return;
    }
    // The one before may not have been taken up yet.
    const { status = session.heartbeat?.status } = parsed.message;
    session.heartbeat = { ...parsed.message, status };
    this.#beating.add(session);
    const { beat, answers = [] } = parsed.message;
    this.#requests.answered(session.agent, answers);
    const requests = this.#requests.of(session.agent);
    const echo = { beat, clockMs: item.atMs, ...(requests.length === 0 ? {} : { requests }) };
    session.connection.send("echo", encodeMessage(echo));
  }

  /** There are more results than the last tick had room for. */
  get #isCutShort(): boolean {
    return this.#opened?.state.engine.isCutShort === true;
  }

  get #hasWaiting(): boolean {
    return (
      (this.#uplinkLog.hasRoom && !this.#inbox.isEmpty) ||
      !this.#uplinkLog.isEmpty ||
      !this.#actions.isEmpty ||
      !this.#recordInbox.isEmpty
    );
  }

  /** Applies what has arrived to the state in memory and gathers what that changes. */
  async #plan(isTick: boolean): Promise<CommitPlan> {
    if (this.#opened === null) return { changes: [], isSync: false, publish: () => {} };
    const { state, applier, recordApplier, watches, evidenceChecker } = this.#opened;
    const { store, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const isRolling = isTick || (this.#isRollDue && !this.#hasWaiting);
    const wasCutShort = this.#isCutShort;
    if (isRolling) this.#isRollDue = false;
    if (!this.#isAhead) this.#recordsShown = this.#recordsNow();
    this.#isAhead = true;
    watches.noteWaking();
    const after: AfterCommit = { acks: new Map(), sends: [] };
    const turn = this.#takeTurn(this.#opened, after);
    const moment: Moment = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    await this.#applyEntries(this.#opened, turn.entries, moment, after);
    // Where the commit itself is what holds them.
    for (const { settled } of turn.entries) if (settled !== undefined) after.sends.push(settled);
    for (const position of turn.positions) state.log.taken(position);
    for (const gap of turn.gaps) this.#noteGap(gap);
    for (const session of this.#beating) applier.applyHeartbeat(session, moment);
    this.#beating.clear();
    if (isTick) recordApplier.tick(moment);
    const records = wasCutShort ? [] : this.#recordInbox.take();
    const recordAnswers = await recordApplier.apply(records, moment);
    if (isTick || recordAnswers.length > 0) state.records.show(state.engine, moment.monotonicMs);
    const committed = this.#actions.begin();
    let trimmed: readonly Change[] = [];
    let results: WindowResult[] = [];
    let trimHistoryAtMs: number | null = null;
    if (isTick) {
      watches.tick(moment);
      this.#requests.expire(moment.monotonicMs);
      state.memberSearch.look(this.#uplinkLog);
    }
    if (isTick || wasCutShort) {
      const knownToMs = state.memberSearch.knownToMs(this.#uplinkLog);
      state.engine.setMembersKnownTo(knownToMs);
      // What stands in the log and is not read yet is not late.
      const { takenToMs } = this.#uplinkLog;
      const trustedMs = Math.min(state.trustedTime.nowMs(moment), takenToMs, knownToMs);
      for (const range of state.engine.dueRanges(trustedMs)) {
        state.engine.loadRange(range, await readEngineRange(store, range));
      }
      await loadEngineKeys(store, state.engine, state.engine.dueKeys(trustedMs));
      evidenceChecker.noteGone(state.evidence.expire(trustedMs));
      results = state.engine.tick(moment.nowMs, trustedMs);
      state.judgeWindows(results, { ...moment, trustedMs });
      const isTrimDue = moment.monotonicMs - this.#trimmedAtMs >= TRIM_INTERVAL_MS;
      if (isTrimDue || this.#history.trimLagMs > 0) {
        this.#trimmedAtMs = moment.monotonicMs;
        trimmed = await this.#history.trim({
          nowMs: trustedMs,
          finalToMs: (window) => state.engine.finalToMsOfWindow(window),
          publishedCount: results.length,
        });
        state.forgetLost();
      }
      if (isTrimDue || this.#seriesHistory?.isTrimBehind === true) trimHistoryAtMs = trustedMs;
    }
    const { changes, isSync, alarms } = state.takeChanges(moment);
    const ofHistory = await this.#seriesHistory?.takeChanges({
      monotonicMs: moment.monotonicMs,
      isRolling,
      trimAtMs: trimHistoryAtMs,
    });
    const agents = isTick
      ? withEvidence(state.agents.takeChanged(), (agent) => state.ledger.totals(agent))
      : [];
    return {
      changes: changes.concat(ofHistory ?? [], trimmed),
      isSync,
      publish: () => {
        this.#isAhead = false;
        state.durable();
        for (const { resolve } of this.#whenDurable.splice(0)) resolve();
        for (const [session, lanes] of after.acks) this.#acknowledge(session, lanes);
        for (const send of after.sends) send();
        for (const answer of recordAnswers) answer();
        for (const done of committed) done();
        this.#history.published(results, moment.nowMs);
        this.#seriesHistory?.durable();
        if (isRolling) this.#rollHistory(beganMs);
        if (!this.#isClosed) evidenceChecker.check();
        if (agents.length + alarms.length + results.length === 0) return;
        for (const listener of this.#listeners) this.#show(listener, { agents, alarms, windows: results });
      },
    };
  }

  /**
   * In their order. What needs nothing of the store, as most batches do, is applied as soon as it is unpacked: its rows are in the
   * caches then, and the next ones take their place. The first one that does need something waits for that, with all behind it.
   */
  async #applyEntries(
    { state, applier }: { state: CentralState; applier: MessageApplier },
    entries: readonly LogEntry[],
    moment: Moment,
    after: AfterCommit,
  ): Promise<void> {
    const { store, compression } = this.#options;
    const room = this.#rowRoom;
    const needed = new Set<string>();
    const waiting: { readonly entry: LogEntry; readonly message: OpenedMessage }[] = [];
    for (const entry of entries) {
      const series = this.#series.of(entry.agent);
      const message = openMessage(entry.envelope, { compression, series, room });
      for (const rows of paneRows(message)) for (const key of state.engine.needs(rows)) needed.add(key);
      if (needed.size > 0) {
        waiting.push({ entry, message });
        continue;
      }
      applier.apply(entry, message, moment, after);
      room.reuse();
    }
    await loadEngineKeys(store, state.engine, [...needed]);
    for (const { entry, message } of waiting) applier.apply(entry, message, moment, after);
    room.reuse();
  }

  /**
   * What has come is let into the log; what has come through it is what is applied. While there are more results than a tick has
   * room for, only what is live is taken, else they would become more and more.
   */
  #takeTurn(
    { state, admission }: { state: CentralState; admission: Admission },
    after: AfterCommit,
  ): LogTurn {
    const { clock } = this.#options;
    const limits = {
      messages: this.#isCutShort ? 0 : COMMIT_MESSAGES_MAX,
      liveMessages: COMMIT_LIVE_MESSAGES_MAX,
      bytes: COMMIT_BYTES_MAX,
    };
    const moment: Moment = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const items = this.#uplinkLog.hasRoom ? this.#inbox.take(limits) : [];
    const entries = items.flatMap((item) => {
      const entry = admission.admit(item, moment, after);
      if (entry === null && item.settled !== undefined) after.sends.push(item.settled);
      return entry ?? [];
    });
    this.#uplinkLog.append(entries);
    if (this.#uplinkLog.isApart && this.#isCutShort) return NOTHING_TAKEN;
    const turn = this.#uplinkLog.take({ messages: COMMIT_LIVE_MESSAGES_MAX, bytes: COMMIT_BYTES_MAX });
    for (const { partition, offset, atMs, payload } of turn.strange) {
      const detail = `the record at offset ${offset} of partition ${partition} of the log is none of an agent's`;
      state.reject({ agent: NOBODY, topic: "log", payload, atMs, reason: "strange_record", detail });
    }
    return turn;
  }

  #noteGap(gap: LogGap): void {
    const { partition, from, next, damage } = gap;
    const { log, clock, uplinkLog } = this.#options;
    const nowMs = clock.nowMs();
    this.#opened?.state.logLost(gap, nowMs);
    if (damage !== undefined) {
      const place = `offsets ${from} to ${next - 1} of partition ${partition} of ${uplinkLog?.name}`;
      const entry = { atMs: nowMs, agent: NOBODY, topic: "log", reason: "unreadable" } as const;
      const detail = `${place}: ${damage.reason}`;
      this.#opened?.state.quarantine.keep({ ...entry, detail, payload: damage.bytes });
    }
    const message =
      next > from
        ? `${next - from} records of partition ${partition} of the log ${damage === undefined ? "were gone before they were read" : `cannot be read: ${damage.reason}`} (offsets ${from} to ${next - 1})`
        : `partition ${partition} of the log was made anew: what it held from offset ${from} on was not read, and is gone`;
    log.error("some of the log is lost", {
      partition,
      from,
      next,
      ...(damage === undefined ? {} : { damage: damage.reason }),
    });
    const own = { agent: "", site: "", kind: "log_gap" } as const;
    this.#opened?.state.alarms.raise({ ...own, message, value: Math.max(1, next - from), nowMs });
  }

  /** Nobody waits for room on a disk: whoever has asked for something is told what became of it. */
  #answerStalled(why: string): void {
    this.#actions.stall(why);
    this.#recordInbox.refusePosted(why);
    // Ticks come no more.
    this.#requests.expire(this.#options.clock.monotonicMs());
  }

  /** When all that is in memory is durable: nobody is shown what a crash may take back. Rejects where that may be long, or never. */
  async #durableMoment(): Promise<void> {
    if (!this.#isAhead) return;
    const why = this.#failure ?? this.#loop.stalled;
    if (why !== null) throw new NotReady(why);
    const moment = Promise.withResolvers<void>();
    this.#whenDurable.push(moment);
    await moment.promise;
  }

  #leaveUndurable(why: string): void {
    for (const { reject } of this.#whenDurable.splice(0)) reject(new NotReady(why));
  }

  /** What a listener makes of it is not central's affair: the commit stands. */
  #show(listener: (change: CentralChange) => void, change: CentralChange): void {
    try {
      listener(change);
    } catch (error) {
      this.#options.log.repeated("listener_failed", "a listener failed at what was published", {
        reason: reasonOf(error),
      });
    }
  }

  #acknowledge(session: Session, lanes: ReadonlySet<Lane>): void {
    const held = this.#opened?.state.stores.held(session.storeId);
    if (session.state !== "open" || held === undefined) return;
    for (const lane of lanes) session.connection.send("ack", encodeMessage({ lane, mark: held.mark(lane) }));
  }

  /**
   * Reads what is to be rolled up next, beside the commits. It is with the next tick, or, so that a backlog does not take hours,
   * before it, in turns that nobody waits for, once central has had as long for others as this one took.
   */
  #rollHistory(beganMs: number): void {
    const history = this.#seriesHistory;
    if (this.#isClosed || history === null) return;
    const { clock, log } = this.#options;
    history.work(clock.nowMs(), clock.monotonicMs(), (error) =>
      log.repeated("history_read", "cannot read panes to roll them up; trying again", { error }),
    );
    void history.whenRead().then((hasRead) => {
      if (!hasRead || this.#isClosed) return;
      const pauseMs = Math.max(ROLL_PAUSE_MS_MIN, clock.monotonicMs() - beganMs);
      this.#rollTimer?.cancel();
      this.#rollTimer = clock.after(pauseMs, () => {
        this.#isRollDue = true;
        this.#loop.wake();
      });
    });
  }

  #fail(error: unknown): void {
    this.#failure = `commits fail: ${reasonOf(error)}`;
    this.#options.log.error("cannot go on: what is in memory cannot be made durable; start again", {
      reason: reasonOf(error),
    });
    for (const session of this.#sessions.all()) session.close("closed", this.#failure);
    this.#recordInbox.fail(this.#failure);
    this.#inbox.clear();
    this.#requests.close();
    this.#leaveUndurable(this.#failure);
    this.#actions.fail(this.#failure);
    this.#options.onFailed?.(error);
  }
}

function withEvidence(
  views: readonly AgentView[],
  totalsOf: (agent: string) => LedgerTotals | undefined,
): AgentView[] {
  return views.map((view) => {
    const evidence = totalsOf(view.agent)?.evidence ?? 0;
    return evidence === 0 ? view : { ...view, evidence };
  });
}
