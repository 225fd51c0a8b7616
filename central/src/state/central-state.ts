import type { Pipeline, RecordStreamConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import { WindowEngine } from "@millrace/stream";
import type { CoarsePanes, MembershipInterval, StateEntry, TimeRange, WindowResult } from "@millrace/stream";
import { AgentRegistry } from "../agents/agent-registry.ts";
import type { AgentRecord, AgentStays } from "../agents/agent-registry.ts";
import { AlarmBook, endedSource, ownSource } from "../alarms/alarm-book.ts";
import type { AlarmRecord } from "../alarms/alarm-book.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import {
  engineChange,
  loadEngineKeys,
  makeLongPanes,
  movePanes,
  readEngineRange,
} from "../store/engine-entries.ts";
import { CentralLedger } from "../ledger/central-ledger.ts";
import type { LedgerTotals, RejectReason } from "../ledger/central-ledger.ts";
import { EVIDENCE, EvidenceBook } from "../evidence/evidence-book.ts";
import type { EvidenceLimits } from "../evidence/evidence-book.ts";
import type { LaneRecord } from "../deduplication/deduplication.ts";
import { LateBook } from "../ledger/late-book.ts";
import { LateRuns } from "../ledger/late-runs.ts";
import { LeftState } from "../left/left-state.ts";
import { LogBook } from "../log/log-book.ts";
import { MemberSearch } from "../agents/member-search.ts";
import type { StoredMemberSearch } from "../agents/member-search.ts";
import type { LogLoss, StoredLogPosition } from "../log/log-book.ts";
import type { LogGap } from "../log/uplink-log.ts";
import { retractablePipeline } from "../records/changes/retractable-pipeline.ts";
import { RecordStreams } from "../records/record-streams.ts";
import { WindowRules } from "../window-rules/window-rules.ts";
import { openQuarantine } from "../ledger/open-quarantine.ts";
import type { Quarantine, QuarantineLimits } from "../ledger/quarantine.ts";
import { StoreRegistry } from "../deduplication/store-registry.ts";
import type { StoreRecord } from "../deduplication/store-registry.ts";
import type { StoreDamage } from "./store-damage.ts";
import { StoredJson } from "../store/stored-json.ts";
import { StoredValues } from "../store/stored-values.ts";
import { TrustedTime } from "../agents/trusted-time.ts";
import type { ClockReading, StoredTrust } from "../agents/trusted-time.ts";

/**
 * The format of central's store that this program writes; it reads no newer one. Up to 2 one value had the stays of all agents,
 * up to 3 each message in quarantine was a value of its own, up to 4 there were no long panes, which have to be kept with the others.
 */
export const CENTRAL_STORE_FORMAT = 5;

/** Results of one tick, about, so that a commit stays small however many windows end at once: the rest follows. */
const TICK_BYTES_MAX = 2_097_152;

const SEQUENCES = { alarm: "number", live: "number", backfill: "number" } as const;
const RANGES = [{ startMs: "number", endMs: "number" }] as const;
const FRONTIER = {
  epoch: "number",
  number: "number",
  watermarkMs: ["null", "number"],
  pending: RANGES,
  holds: SEQUENCES,
} as const;

const STORES = new StoredJson<StoreRecord>({
  storeId: "string",
  agent: "string",
  epoch: "number",
  firstSeenMs: "number",
  "lineages?": [{ epoch: "number", runs: [{ run: "string", from: SEQUENCES }] }],
});
const LANES = new StoredJson<LaneRecord & { readonly storeId: string }>({
  storeId: "string",
  epoch: "number",
  lane: "string",
  floor: "number",
  mark: "number",
  above: [["number"]],
  received: "number",
});
const AGENTS = new StoredJson<AgentRecord>({
  agent: "string",
  site: "string",
  lastSeenMs: ["null", "number"],
  clockOffsetMs: ["null", "number"],
  status: "object",
  storeId: "string",
  frontiers: { current: ["null", FRONTIER], waiting: [FRONTIER] },
  "lost?": RANGES,
  "coarse?": [{ metric: "string", paneMs: "number", startMs: "number", endMs: "number" }],
});
const STAY = { site: "string", joinedMs: "number", leftMs: ["null", "number"] } as const;
const MEMBERS = new StoredJson<AgentStays>({ agent: "string", stays: [STAY] });
const MEMBER_LIST = new StoredJson<readonly MembershipInterval[]>([{ agent: "string", ...STAY }]);
const LEDGERS = new StoredJson<{ readonly agent: string; readonly totals: LedgerTotals }>({
  agent: "string",
  totals: { rejected: { "*": "number" } },
});
const TRUSTED_TIME = new StoredJson<StoredTrust>({ trustedMs: "number", "reachedMs?": "number" });
const DAMAGE = new StoredJson<StoreDamage>({ firstAtMs: "number", lastAtMs: "number" });
const ALARMS = new StoredJson<AlarmRecord>({
  agent: "string",
  site: "string",
  id: "string",
  rule: "string",
  step: "number",
  labels: { "*": "string" },
  isActive: "boolean",
  isLatched: "boolean",
  timeMs: "number",
  receivedAtMs: "number",
  "firstReceivedAtMs?": "number",
  message: "string",
  "origin?": { storeId: "string", epoch: "number", agentStep: "number" },
});
const LOG_POSITIONS = new StoredJson<StoredLogPosition>({
  log: "string",
  partition: "number",
  next: "number",
  "identity?": "string",
  "inOrderTo?": "number",
});
const MEMBER_SEARCH = new StoredJson<StoredMemberSearch>({ log: "string" });
const LOG_LOSS = new StoredJson<LogLoss>({ records: "number", untilMs: "number", lastAtMs: "number" });

/** What central makes of a pipeline. */
export type CentralPipeline = Pick<Pipeline, "metrics" | "windows"> &
  Partial<Pick<Pipeline, "distinctRules" | "recordRules" | "windowRules">>;

export interface CentralStateOptions {
  readonly store: Store;
  readonly log: Logger;
  readonly pipeline: CentralPipeline;
  readonly records: readonly RecordStreamConfig[];
  /** See `WindowRules`. */
  readonly ruleGroupsMax: number;
  readonly graceMs: number;
  /** How long results of windows are kept. */
  readonly retainMs: number;
  readonly evidence: EvidenceLimits;
  readonly quarantine: QuarantineLimits;
  /** What one tick's results take up in a commit, about. Default 2 MiB. */
  readonly tickBytesMax?: number | undefined;
  /** Whose positions are kept: another log is read from its beginning. */
  readonly logName: string;
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** Everything that central knows, in memory; what changes leaves in one atomic set of changes. */
export class CentralState {
  readonly stores = new StoreRegistry();
  readonly ledger = new CentralLedger();
  readonly alarms = new AlarmBook();
  readonly agents = new AgentRegistry();
  readonly trustedTime = new TrustedTime();
  readonly late = new LateBook();
  readonly lateRuns = new LateRuns();
  readonly evidence: EvidenceBook;
  readonly quarantine: Quarantine;
  readonly engine: WindowEngine;
  readonly records: RecordStreams;
  readonly windowRules: WindowRules;
  readonly log: LogBook;
  readonly memberSearch: MemberSearch;
  readonly left: LeftState;
  readonly #recordMetrics: ReadonlySet<string>;
  /** Values that the store had and that could not be read: they are left out. */
  readonly unreadableCount: number;
  #damage: StoreDamage | null = null;
  #isDamageDirty = false;

  private constructor(
    engine: WindowEngine,
    quarantine: Quarantine,
    stored: StoredValues,
    { records, windowRules, log, memberSearch, left }: StateBooks,
    { evidence, pipeline }: CentralStateOptions,
  ) {
    this.records = records;
    this.windowRules = windowRules;
    this.log = log;
    this.memberSearch = memberSearch;
    this.left = left;
    this.#recordMetrics = new Set(
      pipeline.metrics.flatMap(({ name, stream }) => (stream === undefined ? [] : name)),
    );
    this.evidence = new EvidenceBook(evidence);
    this.engine = engine;
    this.quarantine = quarantine;
    this.unreadableCount = stored.unreadableCount + records.unreadableCount + windowRules.unreadableCount;
  }

  /** Reads the store, and brings it to the pane sizes of this pipeline. Rejects with `store_read` or `store_write`. */
  static async open(options: CentralStateOptions): Promise<CentralState> {
    const { store, graceMs, retainMs, nowMs, monotonicMs } = options;
    const pipeline = retractablePipeline(options.pipeline, options.records);
    const engine = new WindowEngine({
      windows: pipeline.windows,
      metrics: pipeline.metrics,
      graceMs,
      tickBytesMax: options.tickBytesMax ?? TICK_BYTES_MAX,
    });
    const read = options.records.filter(({ name }) => pipeline.metrics.some(({ stream }) => stream === name));
    const streams = new Set(read.map(({ name }) => name));
    const left = await LeftState.open({ store, engine, streams, retainMs, nowMs, monotonicMs });
    const stored = new StoredValues(store);
    const quarantine = await openQuarantine(store, stored, options.quarantine);
    const stores = await stored.under("s", STORES);
    const lanes = await stored.under("l", LANES);
    const agents = await stored.under("a", AGENTS);
    await divideMemberList(store, stored);
    const members = await stored.under("m", MEMBERS);
    const trusted = await stored.get(CENTRAL_KEYS.trustedTime(), TRUSTED_TIME);
    const damage = await stored.get(CENTRAL_KEYS.damage(), DAMAGE);
    const ledgers = await stored.under("g", LEDGERS);
    const alarms = await stored.under("A", ALARMS);
    const evidence = await stored.under("v", EVIDENCE);
    const records = await RecordStreams.open({ store, streams: options.records, pipeline, monotonicMs });
    const groupsMax = options.ruleGroupsMax;
    const windowRules = await WindowRules.open({ store, pipeline, streams: options.records, groupsMax });
    const log = new LogBook(
      options.logName,
      await stored.under("o", LOG_POSITIONS),
      await stored.get(CENTRAL_KEYS.logLoss(), LOG_LOSS),
    );
    const searched = await stored.get(CENTRAL_KEYS.memberSearch(), MEMBER_SEARCH);
    const memberSearch = new MemberSearch(options.logName, searched);
    const books = { records, windowRules, log, memberSearch, left };
    const state = new CentralState(engine, quarantine, stored, books, options);
    state.evidence.restore(evidence);
    state.stores.restore(stores, lanes);
    state.agents.restore(agents, members, monotonicMs);
    if (trusted !== null) state.trustedTime.restore(trusted, monotonicMs);
    for (const { agent, totals } of ledgers) state.ledger.restore(agent, totals);
    for (const alarm of alarms.sort((a, b) => a.receivedAtMs - b.receivedAtMs)) state.alarms.restore(alarm);
    for (const event of [...records.ended, ...windowRules.ended])
      state.alarms.take(event, endedSource(nowMs));
    await movePanes(store, engine, options.log);
    await makeLongPanes(store, engine, options.log);
    const entries: StateEntry[] = [];
    // One by one: there may be more than a call takes arguments.
    for (const range of engine.restoreRanges())
      for (const entry of await readEngineRange(store, range)) entries.push(entry);
    const earliestMs = Math.max(nowMs, state.trustedTime.earliestMs(monotonicMs));
    const reachedMs = (stream: string | undefined) => {
      const stage = stream === undefined ? undefined : records.get(stream);
      if (stage !== undefined) return stage.clock.latestMs(monotonicMs) ?? -Infinity;
      return stream === undefined ? earliestMs : null;
    };
    await loadEngineKeys(store, engine, engine.restore(entries, reachedMs));
    state.#showDamage(damage);
    state.showEngineAgents();
    state.records.show(engine, monotonicMs);
    return state;
  }

  /** Whether a metric is made of records, and not of agents' readings. */
  isOfRecords(metric: string): boolean {
    return this.#recordMetrics.has(metric);
  }

  /** Tells the engine who belongs, how far each agent's data is complete, and what of it is lost. */
  showEngineAgents(): void {
    this.engine.setMembership(this.agents.membership);
    for (const agent of this.agents.names()) {
      const frontier = this.agents.frontier(agent);
      if (frontier !== null) this.engine.setFrontier(agent, frontier);
      this.engine.setLost(agent, this.agents.lost(agent));
      this.engine.setCoarse(agent, this.agents.coarse(agent));
    }
  }

  /** Counts what was not taken, and keeps how it begins. */
  reject(
    refused: Omit<Parameters<Quarantine["keep"]>[0], "reason"> & { readonly reason: RejectReason },
  ): void {
    this.ledger.reject(refused.agent, refused.reason);
    this.quarantine.keep(refused);
  }

  /** An agent has lost some of this event time for good. */
  lose(agent: string, range: TimeRange): void {
    this.agents.lose(agent, range);
    this.engine.setLost(agent, this.agents.lost(agent));
  }

  /** When the store was found damaged; null where it never was. */
  get damage(): StoreDamage | null {
    return this.#damage;
  }

  /**
   * The store was damaged. Panes may be gone though their batches count as held, and do not come again: no window that
   * begins before now is whole for sure. Before anything is applied.
   */
  damaged(nowMs: number): void {
    const { firstAtMs = nowMs, lastAtMs = nowMs } = this.#damage ?? {};
    this.#showDamage({ firstAtMs, lastAtMs: Math.max(lastAtMs, nowMs) });
    this.#isDamageDirty = true;
  }

  #showDamage(damage: StoreDamage | null): void {
    this.#damage = damage;
    this.#showLoss();
  }

  /** Some of the log was gone before it was read. */
  logLost(gap: LogGap, nowMs: number): void {
    this.log.lost(gap, nowMs);
    this.#showLoss();
  }

  #showLoss(): void {
    const lostToMs = Math.max(this.#damage?.lastAtMs ?? -Infinity, this.log.loss?.untilMs ?? -Infinity);
    if (lostToMs > -Infinity) this.engine.setPanesLost(lostToMs);
  }

  /** An agent has, or had, readings of this time: it is expected behind it, also where it was enrolled later. */
  wasThere(agent: string, site: string, fromMs: number): void {
    const isNew = this.agents.wasThere(agent, site, Math.max(fromMs, this.engine.finalToMs));
    if (isNew) this.engine.setMembership(this.agents.membership);
  }

  /** An agent had no room for finer panes. */
  coarsen(agent: string, panes: readonly CoarsePanes[]): void {
    if (panes.length === 0) return;
    this.agents.coarsen(agent, panes);
    this.engine.setCoarse(agent, this.agents.coarse(agent));
  }

  /** Forgets what was lost, or coarse, of windows that are all final. */
  forgetLost(): void {
    for (const agent of this.agents.forgetLost(this.engine.finalToMs)) {
      this.engine.setLost(agent, this.agents.lost(agent));
      this.engine.setCoarse(agent, this.agents.coarse(agent));
    }
  }

  /** Rules judge what a tick has published, for the commit that holds it. `trustedMs`: of the tick. */
  judgeWindows(
    results: readonly WindowResult[],
    { nowMs, monotonicMs, trustedMs }: ClockReading & { readonly trustedMs: number },
  ): void {
    this.windowRules.judge({
      results,
      waitedFor: this.engine.waitedFor,
      nowMs,
      monotonicMs,
      trustedMs,
      streamTimeMs: (stream) => this.records.get(stream)?.clock.timeMs(monotonicMs) ?? null,
    });
  }

  /** What was taken is committed: it may be shown. */
  durable(): void {
    this.alarms.durable();
    this.ledger.durable();
    this.agents.durable();
    this.log.durable();
  }

  /** What changed since the last call: to be committed whole, in this order. `isSync`: it must survive a power cut at once. */
  takeChanges(clocks: ClockReading): {
    changes: Change[];
    isSync: boolean;
    alarms: AlarmView[];
  } {
    const changes: Change[] = [];
    const { stores, lanes } = this.stores.takeDirty();
    for (const record of stores) changes.push(STORES.put(CENTRAL_KEYS.store(record.storeId), record));
    for (const lane of lanes)
      changes.push(LANES.put(CENTRAL_KEYS.lane(lane.storeId, lane.epoch, lane.lane), lane));
    for (const agent of this.ledger.takeDirty()) {
      changes.push(LEDGERS.put(CENTRAL_KEYS.ledger(agent), { agent, totals: this.ledger.totals(agent) }));
    }
    for (const event of this.windowRules.takeEvents()) this.alarms.take(event, ownSource(clocks.nowMs));
    const alarms: AlarmView[] = [];
    for (const { agent, id, record } of this.alarms.takeDirty()) {
      const key = CENTRAL_KEYS.alarm(agent, id);
      changes.push(record === null ? { type: "del", key } : ALARMS.put(key, record));
      if (record === null) continue;
      const { origin: _, ...view } = record;
      alarms.push(view);
    }
    for (const change of this.quarantine.takeChanges(clocks.monotonicMs)) changes.push(change);
    for (const change of this.engine.takeChanges()) changes.push(engineChange(change));
    for (const change of this.evidence.takeChanges()) changes.push(change);
    for (const change of this.records.takeChanges(clocks.monotonicMs)) changes.push(change);
    for (const change of this.windowRules.takeChanges()) changes.push(change);
    if (this.#damage !== null && this.#isDamageDirty)
      changes.push(DAMAGE.put(CENTRAL_KEYS.damage(), this.#damage));
    this.#isDamageDirty = false;
    const { positions, loss } = this.log.takeDirty();
    if (loss !== null) changes.push(LOG_LOSS.put(CENTRAL_KEYS.logLoss(), loss));
    const search = this.memberSearch.takeDirty();
    if (search === null) changes.push({ type: "del", key: CENTRAL_KEYS.memberSearch() });
    if (search) changes.push(MEMBER_SEARCH.put(CENTRAL_KEYS.memberSearch(), search));
    const { agents, members } = this.agents.takeDirty();
    for (const member of members) changes.push(MEMBERS.put(CENTRAL_KEYS.member(member.agent), member));
    // When agents were last heard, and their frontiers, come again with each heartbeat, or are read again in the log: alone
    // they need not be forced to disk.
    const isSync = changes.length > 0;
    for (const position of positions)
      changes.push(LOG_POSITIONS.put(CENTRAL_KEYS.logPosition(position.log, position.partition), position));
    const trusted = this.trustedTime.takeDue(clocks);
    if (trusted !== null) changes.push(TRUSTED_TIME.put(CENTRAL_KEYS.trustedTime(), trusted));
    for (const record of agents) changes.push(AGENTS.put(CENTRAL_KEYS.agent(record.agent), record));
    return { changes, isSync, alarms };
  }
}

/** What a store of format 2 or older has in one value: each agent's stays are stored with its own changes. */
async function divideMemberList(store: Store, stored: StoredValues): Promise<void> {
  const intervals = await stored.get(CENTRAL_KEYS.memberList(), MEMBER_LIST);
  if (intervals === null) return;
  const changes: Change[] = [{ type: "del", key: CENTRAL_KEYS.memberList() }];
  for (const [agent, own] of Map.groupBy(intervals, (interval) => interval.agent)) {
    const stays = own.map(({ agent: _, ...stay }) => stay).sort((a, b) => a.joinedMs - b.joinedMs);
    changes.push(MEMBERS.put(CENTRAL_KEYS.member(agent), { agent, stays }));
  }
  await store.commit(changes, { isSync: true });
}

/** What follows streams, rules, the log and what has left the pipeline, opened before the state. */
interface StateBooks {
  readonly records: RecordStreams;
  readonly windowRules: WindowRules;
  readonly log: LogBook;
  readonly memberSearch: MemberSearch;
  readonly left: LeftState;
}
