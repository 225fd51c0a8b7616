import { addCoarse, FrontierTracker, Membership, mergeRanges } from "@millrace/stream";
import type {
  CoarsePanes,
  Frontier,
  FrontierTrackerState,
  LaneSequences,
  MembershipInterval,
  TimeRange,
} from "@millrace/stream";
import type { Heartbeat, ToldMaintenance } from "@millrace/wire";
import type { AgentView } from "./agent-view.ts";
import { DurableValues } from "../state/durable-values.ts";

/** Who is no longer expected: one agent, or all of a site. */
export type Leaving = { readonly site: string } | { readonly agent: string };

/** What of an agent survives a restart. */
export interface AgentRecord {
  readonly agent: string;
  readonly site: string;
  readonly lastSeenMs: number | null;
  readonly clockOffsetMs: number | null;
  readonly status: AgentView["status"];
  /** The outbox that `frontiers` belong to; another one numbers its frontiers from the start again. */
  readonly storeId: string;
  readonly frontiers: FrontierTrackerState;
  /** Event time of which the agent has lost some for good; absent where it has not. */
  readonly lost?: readonly TimeRange[];
  /** What came of the agent in coarser panes than its metrics'; absent where nothing did. */
  readonly coarse?: readonly CoarsePanes[];
  readonly agentRejected?: number;
  readonly maintenance?: readonly ToldMaintenance[];
}

/** Since when until when an agent belongs, and to which site; in the order of time. */
export interface AgentStays {
  readonly agent: string;
  readonly stays: readonly Omit<MembershipInterval, "agent">[];
}

/** Lost ranges that are kept of one agent; of more the nearest are merged, which claims too much lost, never too little. */
export const LOST_RANGES_MAX = 32;

/** After central's own start or waking, and after its enrolment, an agent has this long to connect before it counts as silent. */
const FIRST_CONTACT_MS = 10_000;

/** Fields of a heartbeat's status that are kept; more are left out. */
const STATUS_FIELDS_MAX = 64;

/** Heartbeats from which an agent's clock offset is taken. */
const OFFSET_BEATS = 30;

interface AgentState {
  site: string;
  lastSeenMs: number | null;
  clockOffsetMs: number | null;
  /** Sending time minus time of arrival, newest last. Delay on the way only lowers it: the greatest is nearest the truth. */
  beatOffsetsMs: number[];
  status: AgentView["status"];
  agentRejected?: number | undefined;
  maintenance?: readonly ToldMaintenance[] | undefined;
  storeId: string;
  tracker: FrontierTracker;
  lost: readonly TimeRange[];
  coarse: readonly CoarsePanes[];
  sessionCount: number;
  isWritingItself: boolean;
  isSilent: boolean;
  /** Not heard since central started or woke. */
  isAwaited: boolean;
  /** When it was last heard, or expected for the first time; for silence. Monotonic, ms. */
  heardAtMs: number;
}

/** As a commit left it. A view is made of it when somebody asks: thousands of agents change with each commit. */
interface DurableAgent {
  readonly record: AgentRecord;
  readonly state: AgentView["state"];
}

/** Every agent that is or was enrolled: whether it is heard, how far its data is complete, and since when it belongs. */
export class AgentRegistry {
  readonly #agents = new Map<string, AgentState>();
  readonly #dirty = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #durable = new DurableValues<DurableAgent>();
  #membership = new Membership();
  /** Agents whose stays have changed. */
  readonly #dirtyStays = new Set<string>();
  #restoredAtMs = 0;

  restore(records: Iterable<AgentRecord>, members: readonly AgentStays[], monotonicMs: number): void {
    this.#membership = new Membership(
      members.flatMap(({ agent, stays }) => stays.map((stay) => ({ agent, ...stay }))),
    );
    this.#restoredAtMs = monotonicMs;
    for (const record of records) {
      const { agent, frontiers, ...rest } = record;
      const tracker = new FrontierTracker(frontiers);
      const state: AgentState = {
        ...rest,
        tracker,
        lost: record.lost ?? [],
        coarse: record.coarse ?? [],
        beatOffsetsMs: [],
        sessionCount: 0,
        isWritingItself: false,
        isSilent: false,
        isAwaited: true,
        heardAtMs: monotonicMs,
      };
      this.#agents.set(agent, state);
      this.#durable.restore(agent, { record, state: this.#stateOf(agent, state) });
    }
  }

  get membership(): Membership {
    return this.#membership;
  }

  siteOf(agent: string): string {
    return this.#agents.get(agent)?.site ?? this.#membership.siteOf(agent) ?? "";
  }

  /** The outbox of its last hello; "" before the first. */
  storeOf(agent: string): string {
    return this.#agents.get(agent)?.storeId ?? "";
  }

  frontier(agent: string): Frontier | null {
    return this.#agents.get(agent)?.tracker.current ?? null;
  }

  /** Enrols an agent from now on; nothing happens where it already belongs to that site. */
  enrol(agent: string, site: string, nowMs: number, monotonicMs: number): void {
    if (this.#membership.join(agent, site, nowMs)) this.#dirtyStays.add(agent);
    const state = this.#agents.get(agent);
    if (state === undefined) {
      const enrolled: AgentState = {
        site,
        lastSeenMs: null,
        clockOffsetMs: null,
        beatOffsetsMs: [],
        status: {},
        storeId: "",
        tracker: new FrontierTracker(),
        lost: [],
        coarse: [],
        sessionCount: 0,
        isWritingItself: false,
        isSilent: false,
        isAwaited: true,
        heardAtMs: monotonicMs,
      };
      this.#agents.set(agent, enrolled);
      // Each start enrols it again.
      this.#durable.restore(agent, { record: recordOf(agent, enrolled), state: "never_seen" });
    } else if (state.site === site) {
      return;
    } else {
      state.site = site;
    }
    this.#touch(agent);
  }

  /** It shows that it belonged to its site then, also where it was enrolled later. True when that was not known. */
  wasThere(agent: string, site: string, timeMs: number): boolean {
    const isNew = this.#membership.wasThere(agent, site, timeMs);
    if (isNew) this.#dirtyStays.add(agent);
    return isNew;
  }

  /**
   * Takes back enrolments that lie ahead of the trusted time: central's clock was wrong when it made them. The agents
   * belong from this start of central at the latest.
   */
  correctEnrolments(trustedMs: number, monotonicMs: number): void {
    const startedMs = trustedMs - (monotonicMs - this.#restoredAtMs);
    for (const agent of this.#membership.correct(trustedMs, Math.floor(startedMs)))
      this.#dirtyStays.add(agent);
  }

  /** Ends the stay of one agent, or of every agent of a site; their names. */
  retire(leaving: Leaving, nowMs: number): string[] {
    const agents = "agent" in leaving ? [leaving.agent] : this.#membership.agentsAt(leaving.site);
    const retired = agents.filter((agent) => this.#membership.retire(agent, nowMs));
    for (const agent of retired) {
      this.#dirtyStays.add(agent);
      this.#touch(agent);
    }
    return retired;
  }

  /** Whether the agent ever belonged to this site. */
  hasBelonged(agent: string, site: string): boolean {
    return this.#membership.hasBelonged(agent, site);
  }

  isRetired(agent: string): boolean {
    return !this.#membership.isPresent(agent);
  }

  /** One more connection of it. */
  opened(agent: string): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.sessionCount += 1;
    state.isWritingItself = false;
    this.#touch(agent);
  }

  /** It is heard by what it writes to the log, and has no connection. */
  writesItself(agent: string): void {
    const state = this.#agents.get(agent);
    if (state !== undefined) state.isWritingItself = true;
  }

  /** What the agent's frontiers are of from now on. */
  uses(agent: string, storeId: string): void {
    const state = this.#agents.get(agent);
    if (state === undefined || state.storeId === storeId) return;
    state.tracker = new FrontierTracker();
    state.storeId = storeId;
    this.#touch(agent);
  }

  /** The agent's clock at its hello; null where nobody can say how long that was on its way. */
  greeted(agent: string, offsetMs: number | null): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.clockOffsetMs = offsetMs;
    state.beatOffsetsMs = [];
    this.#touch(agent);
  }

  closed(agent: string): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.sessionCount = Math.max(0, state.sessionCount - 1);
    this.#touch(agent);
  }

  heard(agent: string, nowMs: number, monotonicMs: number): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.lastSeenMs = nowMs;
    state.heardAtMs = monotonicMs;
    state.isSilent = false;
    state.isAwaited = false;
    this.#touch(agent);
  }

  /** It said something a while ago, which is read now. */
  wasHeard(agent: string, atMs: number): void {
    const state = this.#agents.get(agent);
    if (state === undefined || atMs <= (state.lastSeenMs ?? -Infinity)) return;
    state.lastSeenMs = atMs;
    this.#touch(agent);
  }

  /** `nowMs`: at its arrival; null where nobody can say. */
  beat(agent: string, heartbeat: Heartbeat, nowMs: number | null): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    if (nowMs !== null) {
      state.beatOffsetsMs = [...state.beatOffsetsMs.slice(1 - OFFSET_BEATS), heartbeat.sentAtMs - nowMs];
      state.clockOffsetMs = Math.max(...state.beatOffsetsMs);
    }
    if (heartbeat.status !== undefined)
      state.status = Object.fromEntries(Object.entries(heartbeat.status).slice(0, STATUS_FIELDS_MAX));
    state.agentRejected = heartbeat.ledger["rejected"];
    state.maintenance = heartbeat.maintenance;
    this.#touch(agent);
  }

  /** Takes a frontier into account, once what it names is held. True when the frontier that counts has changed. */
  offer(agent: string, frontier: Frontier, marks: LaneSequences): boolean {
    const hasChanged = this.#agents.get(agent)?.tracker.offer(frontier, marks) ?? false;
    this.#touch(agent);
    return hasChanged;
  }

  /** To be called when marks have moved. True when the frontier that counts has changed. */
  advance(agent: string, marks: LaneSequences): boolean {
    const hasChanged = this.#agents.get(agent)?.tracker.advance(marks) ?? false;
    if (hasChanged) this.#touch(agent);
    return hasChanged;
  }

  /** Event time of which the agent has lost some for good. */
  lost(agent: string): readonly TimeRange[] {
    return this.#agents.get(agent)?.lost ?? [];
  }

  /** Remembers what the agent gave up; it stays lost whatever store the agent has later. */
  lose(agent: string, { startMs, endMs }: TimeRange): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.lost = mergeRanges([...state.lost, { startMs, endMs }], LOST_RANGES_MAX);
    this.#touch(agent);
  }

  /** What came of the agent in coarser panes than its metrics'. */
  coarse(agent: string): readonly CoarsePanes[] {
    return this.#agents.get(agent)?.coarse ?? [];
  }

  coarsen(agent: string, panes: readonly CoarsePanes[]): void {
    const state = this.#agents.get(agent);
    if (state === undefined) return;
    state.coarse = addCoarse(state.coarse, panes);
    this.#touch(agent);
  }

  /**
   * Event time of which nobody can say any more what the agent still had of it, when its store was replaced or rolled
   * back, or batches are missing: what its last frontiers told to be pending, and all since the last watermark.
   */
  inDoubt(agent: string, nowMs: number): TimeRange[] {
    const { current, waiting } = this.#agents.get(agent)?.tracker.export() ?? { current: null, waiting: [] };
    const pending = [...(current === null ? [] : [current]), ...waiting].flatMap(
      (frontier) => frontier.pending,
    );
    const watermarkMs = current?.watermarkMs ?? null;
    return watermarkMs === null ? pending : [...pending, { startMs: watermarkMs, endMs: nowMs }];
  }

  /** Forgets what was lost, or coarse, before this, which no window asks for any more; the agents that it concerns. */
  forgetLost(beforeMs: number): string[] {
    const agents: string[] = [];
    for (const [agent, state] of this.#agents) {
      const lost = state.lost.filter(({ endMs }) => endMs > beforeMs);
      const coarse = state.coarse.filter(({ endMs }) => endMs > beforeMs);
      if (lost.length === state.lost.length && coarse.length === state.coarse.length) continue;
      state.lost = lost;
      state.coarse = coarse;
      this.#touch(agent);
      agents.push(agent);
    }
    return agents;
  }

  /** Central was not running: nobody could be heard, and links may have to be made again. */
  woke(monotonicMs: number): void {
    for (const [agent, state] of this.#agents) {
      state.heardAtMs = monotonicMs;
      state.isAwaited = true;
      // Who has no connection is shown otherwise now.
      if (state.isWritingItself) this.#touch(agent);
    }
  }

  /** Agents expected now that have not been heard for so long, and were not silent at the last call. */
  takeNewlySilent(silentAfterMs: number, monotonicMs: number): string[] {
    const silent: string[] = [];
    for (const [agent, state] of this.#agents) {
      const limitMs = state.isAwaited ? Math.max(silentAfterMs, FIRST_CONTACT_MS) : silentAfterMs;
      if (state.isSilent || monotonicMs - state.heardAtMs <= limitMs || this.isRetired(agent)) continue;
      state.isSilent = true;
      this.#touch(agent);
      silent.push(agent);
    }
    return silent;
  }

  /** All agents, by name. */
  names(): string[] {
    return [...this.#agents.keys()].sort();
  }

  /** All agents, by name, as far as that is durable. */
  views(): AgentView[] {
    const views = Array.from(this.#durable.all.values(), ({ record, state }) => viewOf(record, state));
    return views.sort((a, b) => (a.agent < b.agent ? -1 : 1));
  }

  view(agent: string): AgentView {
    const known = this.#agents.get(agent);
    const state = this.#stateOf(agent, known);
    if (known !== undefined) return viewOf(recordOf(agent, known), state);
    const nothing = { lastSeenMs: null, clockOffsetMs: null, status: {}, storeId: "" };
    const frontiers = { current: null, waiting: [] };
    return viewOf({ agent, site: this.siteOf(agent), ...nothing, frontiers }, state);
  }

  /** Agents to be shown again since the last call. */
  takeChanged(): AgentView[] {
    const views = [...this.#changed].map((agent) => this.view(agent));
    this.#changed.clear();
    return views;
  }

  /** What was taken is committed. */
  durable(): void {
    this.#durable.durable();
  }

  /** What changed since the last call, to be committed; then `durable` must be called. */
  takeDirty(): { agents: AgentRecord[]; members: AgentStays[] } {
    const agents: AgentRecord[] = [];
    const taken: [agent: string, DurableAgent][] = [];
    for (const agent of this.#dirty) {
      const known = this.#agents.get(agent);
      if (known === undefined) continue;
      const record = recordOf(agent, known);
      agents.push(record);
      taken.push([agent, { record, state: this.#stateOf(agent, known) }]);
    }
    this.#durable.take(taken);
    this.#dirty.clear();
    const members = Array.from(this.#dirtyStays, (agent) => ({
      agent,
      stays: this.#membership.staysOf(agent).map(({ agent: _, ...stay }) => stay),
    }));
    this.#dirtyStays.clear();
    return { agents, members };
  }

  #stateOf(agent: string, state: AgentState | undefined): AgentView["state"] {
    if (this.isRetired(agent)) return "retired";
    if (state === undefined || state.lastSeenMs === null) return "never_seen";
    const isThere = state.sessionCount > 0 || state.isWritingItself;
    return isThere && !state.isSilent && !(state.isWritingItself && state.isAwaited) ? "connected" : "silent";
  }

  #touch(agent: string): void {
    this.#dirty.add(agent);
    this.#changed.add(agent);
  }
}

function recordOf(agent: string, known: AgentState): AgentRecord {
  const { site, lastSeenMs, clockOffsetMs, status, storeId, tracker, lost, coarse } = known;
  const { agentRejected, maintenance } = known;
  const stored = { agent, site, lastSeenMs, clockOffsetMs, status, storeId, frontiers: tracker.export() };
  return {
    ...stored,
    ...(agentRejected === undefined ? {} : { agentRejected }),
    ...(maintenance === undefined ? {} : { maintenance }),
    ...(lost.length > 0 ? { lost } : {}),
    ...(coarse.length > 0 ? { coarse } : {}),
  };
}

function viewOf(record: AgentRecord, state: AgentView["state"]): AgentView {
  const { agent, site, lastSeenMs, clockOffsetMs, status, agentRejected, maintenance } = record;
  const { current } = record.frontiers;
  return {
    agent,
    site,
    state,
    lastSeenMs,
    watermarkMs: current?.watermarkMs ?? null,
    isIdle: current?.isIdle ?? false,
    clockOffsetMs,
    pending: current?.pending ?? [],
    ...(agentRejected === undefined ? {} : { agentRejected }),
    ...(maintenance === undefined ? {} : { maintenance }),
    status,
  };
}
