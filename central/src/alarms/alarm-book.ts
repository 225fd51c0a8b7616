import type { AlarmEvent } from "@millrace/wire";
import type { AlarmView } from "./alarm-view.ts";

/** Cleared alarms kept, the latest, however many are active; of all together the greater bound. */
export const ALARMS_CLEARED_MAX = 10_000;
export const ALARMS_MAX = 50_000;

/** What central itself raises, beside the agents' rules. */
export const SYSTEM_ALARMS = [
  "agent_silent",
  "store_replaced",
  "store_rolled_back",
  "store_held",
  "sequence_gap",
  "data_loss",
  "clock_disagrees",
  "disk_low",
  "store_damaged",
  "log_gap",
] as const;
export type SystemAlarm = (typeof SYSTEM_ALARMS)[number];

const SYSTEM_SEVERITY: Record<SystemAlarm, number> = {
  agent_silent: 700,
  store_replaced: 500,
  store_rolled_back: 600,
  store_held: 600,
  sequence_gap: 700,
  data_loss: 700,
  clock_disagrees: 700,
  disk_low: 600,
  store_damaged: 700,
  log_gap: 700,
};

export interface SystemAlarmOptions {
  /** "" where it is of central itself. */
  readonly agent: string;
  readonly site: string;
  readonly kind: SystemAlarm;
  /** Absent where it is of all that comes of the agent. */
  readonly metric?: string | undefined;
  readonly message: string;
  readonly value: number;
  readonly nowMs: number;
}

/** One of central's own that is active. */
export interface RaisedAlarm {
  readonly agent: string;
  readonly kind: SystemAlarm;
  readonly metric: string;
  readonly message: string;
  readonly timeMs: number;
}

/** Where a step comes from, and when. */
export interface AlarmSource {
  readonly agent: string;
  readonly site: string;
  /** "" for central itself. */
  readonly storeId: string;
  readonly epoch: number;
  readonly nowMs: number;
}

/** Of alarms that are central's own, and no agent's. */
export function ownSource(nowMs: number): AlarmSource {
  return { agent: "", site: "", storeId: "", epoch: 0, nowMs };
}

/** Of the last step of an alarm whose rule was changed or is gone: should it raise the same again, that is later, whatever its step. */
export function endedSource(nowMs: number): AlarmSource {
  return { ...ownSource(nowMs), storeId: "ended" };
}

/**
 * An alarm as it is stored. A store that was rolled back counts its steps again under a newer epoch, and a new store
 * from the start: `agentStep` is the agent's own number, `step` the one that central shows, which only rises.
 */
export type AlarmRecord = AlarmView & {
  /** Absent in what was stored before stores were told apart. */
  readonly origin?: AlarmOrigin;
};

interface AlarmOrigin {
  readonly storeId: string;
  readonly epoch: number;
  readonly agentStep: number;
}

/** An alarm that changed; a forgotten one has no record. */
export interface AlarmChange {
  readonly agent: string;
  readonly id: string;
  readonly record: AlarmRecord | null;
}

/** All alarms by agent and id, each at its latest step: of the store that was heard last, its greatest (epoch, step). */
export class AlarmBook {
  /** In the order of their latest step. */
  readonly #alarms = new Map<string, AlarmView>();
  /** The cleared ones, in the same order. */
  readonly #cleared = new Set<string>();
  /** The same, each as it is durable: a crash takes back nothing that was shown. */
  readonly #durable = new Map<string, AlarmView>();
  #inCommit: readonly AlarmChange[] = [];
  readonly #origins = new Map<string, AlarmOrigin>();
  readonly #dirty = new Map<string, AlarmRecord | { agent: string; id: string; isForgotten: true }>();
  /** Central's own alarms that may be active: looked through at each tick instead of all. */
  readonly #raised = new Map<string, { agent: string; kind: SystemAlarm; metric: string }>();
  #droppedCount = 0;

  restore(record: AlarmRecord): void {
    const { origin, ...view } = record;
    const key = bookKey(view.agent, view.id);
    this.#set(key, view);
    this.#durable.set(key, view);
    if (origin !== undefined) this.#origins.set(key, origin);
    const { agent, metric } = view;
    const kind = SYSTEM_ALARMS.find((name) => systemId(name, metric) === view.id);
    if (kind !== undefined && view.isActive) this.#raised.set(key, { agent, kind, metric });
  }

  /** Alarms forgotten because the book was full. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  get(agent: string, id: string): AlarmView | undefined {
    return this.#alarms.get(bookKey(agent, id));
  }

  /** What is durable: active first, then the latest. */
  list(): AlarmView[] {
    return [...this.#durable.values()].sort(
      (a, b) =>
        Number(b.isActive) - Number(a.isActive) || b.timeMs - a.timeMs || b.receivedAtMs - a.receivedAtMs,
    );
  }

  /** Takes one step; false when an equal or later one is already here. */
  take(event: AlarmEvent, source: AlarmSource): boolean {
    const { agent, site, storeId, epoch, nowMs } = source;
    const key = bookKey(agent, event.id);
    const known = this.#alarms.get(key);
    const origin = { storeId, epoch, agentStep: event.step };
    if (known !== undefined && !isLater(origin, this.#origins.get(key), known.step)) return false;
    const step = Math.max(event.step, (known?.step ?? 0) + 1);
    const isSame = known?.activeAtMs === event.activeAtMs;
    const firstReceivedAtMs = (isSame ? known.firstReceivedAtMs : undefined) ?? nowMs;
    this.#put(key, { ...event, step, agent, site, receivedAtMs: nowMs, firstReceivedAtMs }, origin);
    this.#forget();
    return true;
  }

  /** Closes what is active from other stores of the agent than the one it has now: nothing else would ever clear it. */
  closeOtherStores(options: {
    readonly agent: string;
    readonly storeId: string;
    readonly nowMs: number;
  }): void {
    const { agent, storeId, nowMs } = options;
    for (const [key, view] of this.#alarms) {
      if (view.agent !== agent || !(view.isActive || view.isLatched) || isSystem(view)) continue;
      if (this.#origins.get(key)?.storeId === storeId) continue;
      const closed: AlarmView = {
        ...view,
        step: view.step + 1,
        isActive: false,
        isLatched: false,
        clearedAtMs: nowMs,
        timeMs: nowMs,
        message: `closed by central: the agent's store was replaced; before: ${view.message}`,
        receivedAtMs: nowMs,
      };
      // Every step of the new store, whose epochs begin at 1, is later than this.
      this.#put(key, closed, { storeId, epoch: 0, agentStep: 0 });
    }
  }

  raise(options: SystemAlarmOptions): void {
    const known = this.get(options.agent, systemId(options.kind, options.metric));
    this.#system(options, {
      isActive: true,
      activeAtMs: known?.isActive === true ? known.activeAtMs : options.nowMs,
    });
  }

  clear(options: SystemAlarmOptions): void {
    const known = this.get(options.agent, systemId(options.kind, options.metric));
    if (known?.isActive !== true) return;
    this.#system(options, { isActive: false, activeAtMs: known.activeAtMs });
  }

  isRaised(agent: string, kind: SystemAlarm, metric?: string): boolean {
    // Asked with every batch, and mostly none is.
    return this.#raised.size > 0 && this.get(agent, systemId(kind, metric))?.isActive === true;
  }

  /** Central's own alarms that are active. */
  raised(): RaisedAlarm[] {
    const raised: RaisedAlarm[] = [];
    for (const { agent, kind, metric } of this.#raised.values()) {
      const alarm = this.get(agent, systemId(kind, metric));
      if (alarm?.isActive === true)
        raised.push({ agent, kind, metric, message: alarm.message, timeMs: alarm.timeMs });
    }
    return raised;
  }

  /** What changed since the last call, to be committed; then `durable` must be called. */
  takeDirty(): readonly AlarmChange[] {
    const changes = [...this.#dirty.values()].map((change) => ({
      agent: change.agent,
      id: change.id,
      record: "isForgotten" in change ? null : change,
    }));
    this.#dirty.clear();
    this.#inCommit = changes;
    return changes;
  }

  /** What was taken is committed. */
  durable(): void {
    for (const { agent, id, record } of this.#inCommit) {
      if (record === null) {
        this.#durable.delete(bookKey(agent, id));
        continue;
      }
      const { origin: _, ...view } = record;
      this.#durable.set(bookKey(agent, id), view);
    }
    this.#inCommit = [];
  }

  /** Of those of one metric, how many are active. */
  get raisedOfMetricsCount(): number {
    let count = 0;
    for (const { metric } of this.#raised.values()) if (metric !== "") count += 1;
    return count;
  }

  #system(options: SystemAlarmOptions, state: { isActive: boolean; activeAtMs: number }): void {
    const { agent, site, kind, metric = "", message, value, nowMs } = options;
    const id = systemId(kind, metric);
    const event: AlarmEvent = {
      id,
      step: (this.get(agent, id)?.step ?? 0) + 1,
      rule: kind,
      metric,
      labels: agent === "" ? {} : { site, agent },
      severity: SYSTEM_SEVERITY[kind],
      isActive: state.isActive,
      isLatched: false,
      isHistorical: false,
      activeAtMs: state.activeAtMs,
      clearedAtMs: state.isActive ? null : nowMs,
      timeMs: nowMs,
      value,
      limit: 0,
      action: "none",
      command: null,
      message,
    };
    this.take(event, { agent, site, storeId: "", epoch: 0, nowMs });
    if (state.isActive) this.#raised.set(bookKey(agent, id), { agent, kind, metric });
    else this.#raised.delete(bookKey(agent, id));
  }

  #put(key: string, view: AlarmView, origin: AlarmOrigin): void {
    this.#set(key, view);
    this.#origins.set(key, origin);
    this.#dirty.set(key, { ...view, origin });
  }

  /** Deleting first keeps the order: the oldest is found first. */
  #set(key: string, view: AlarmView): void {
    this.#alarms.delete(key);
    this.#alarms.set(key, view);
    this.#cleared.delete(key);
    if (!view.isActive) this.#cleared.add(key);
  }

  #forget(): void {
    for (;;) {
      const [cleared] = this.#cleared;
      // What has cleared since the last commit is told first: nobody else would ever end it.
      const isTold = cleared !== undefined && !this.#dirty.has(cleared);
      const isFull = this.#alarms.size > ALARMS_MAX;
      if (isTold && (isFull || this.#cleared.size > ALARMS_CLEARED_MAX)) this.#drop(cleared);
      else if (!isFull) return;
      else {
        const [oldest = ""] = this.#alarms.keys();
        this.#drop(oldest);
      }
    }
  }

  #drop(key: string): void {
    const alarm = this.#alarms.get(key);
    if (alarm === undefined) return;
    this.#alarms.delete(key);
    this.#cleared.delete(key);
    this.#origins.delete(key);
    this.#raised.delete(key);
    this.#dirty.set(key, { agent: alarm.agent, id: alarm.id, isForgotten: true });
    this.#droppedCount += 1;
  }
}

/** Another store than the one known speaks for the agent now: whatever it says is later. */
function isLater(origin: AlarmOrigin, known: AlarmOrigin | undefined, knownStep: number): boolean {
  if (known === undefined) return origin.agentStep > knownStep;
  if (known.storeId !== origin.storeId) return true;
  return origin.epoch === known.epoch ? origin.agentStep > known.agentStep : origin.epoch > known.epoch;
}

function isSystem({ id, metric }: AlarmView): boolean {
  return SYSTEM_ALARMS.some((kind) => systemId(kind, metric) === id);
}

function systemId(kind: SystemAlarm, metric = ""): string {
  return metric === "" ? `central:${kind}` : `central:${kind}:${metric}`;
}

function bookKey(agent: string, id: string): string {
  return `${agent}\0${id}`;
}
