import { labelsKey } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import type { AgentView, AlarmView, Delta, LedgerView, PipelineView, Snapshot } from "../feed/live-frames.ts";
import { compareAlarms } from "./alarm-order.ts";

/** Bounds of what one tab holds, whatever central sends. */
export const AGENTS_MAX = 1_000;
export const ALARMS_MAX = 300;
/** Per window name, newest first. */
export const WINDOWS_MAX = 240;

/** Everything the page shows, but for the trends. Unchanged parts keep their identity, so that only changed panels render. */
export interface LiveState {
  readonly seq: number;
  readonly serverTimeMs: number;
  readonly isControlAllowed: boolean;
  readonly pipeline: PipelineView;
  /** By site, then by name. */
  readonly agents: readonly AgentView[];
  /** Active first, then the gravest, then the newest. */
  readonly alarms: readonly AlarmView[];
  /** By window name, newest first. */
  readonly windows: ReadonlyMap<string, readonly WindowResult[]>;
  /** Changes of windows that central left out since the snapshot: there were too many. */
  readonly truncatedCount: number;
  readonly ledger: LedgerView;
}

export function stateFromSnapshot(snapshot: Snapshot): LiveState {
  const empty = new Map(snapshot.pipeline.windows.map((window) => [window.name, []]));
  return {
    seq: snapshot.seq,
    serverTimeMs: snapshot.serverTimeMs,
    isControlAllowed: snapshot.isControlAllowed,
    pipeline: withoutUnitOne(snapshot.pipeline),
    agents: mergeAgents([], snapshot.agents),
    alarms: mergeAlarms([], snapshot.alarms),
    windows: mergeWindows(empty, snapshot.windows),
    truncatedCount: 0,
    ledger: snapshot.ledger,
  };
}

/** "1" is the unit of a plain number (UCUM); behind a value it would read as a digit. */
function withoutUnitOne(pipeline: PipelineView): PipelineView {
  const metrics = pipeline.metrics.map((metric) => (metric.unit === "1" ? { ...metric, unit: "" } : metric));
  return { ...pipeline, metrics };
}

/** The state after a delta, or `null` when a frame is missing between the two: only a new snapshot helps then. */
export function applyDelta(state: LiveState, delta: Delta): LiveState | null {
  if (delta.seq !== state.seq + 1) return null;
  return {
    seq: delta.seq,
    serverTimeMs: delta.serverTimeMs,
    isControlAllowed: state.isControlAllowed,
    pipeline: state.pipeline,
    agents: mergeAgents(state.agents, delta.agents ?? []),
    alarms: mergeAlarms(state.alarms, delta.alarms ?? []),
    windows: mergeWindows(state.windows, delta.windows ?? []),
    truncatedCount: state.truncatedCount + (delta.truncated ?? 0),
    ledger: delta.ledger ?? state.ledger,
  };
}

function mergeAgents(held: readonly AgentView[], changed: readonly AgentView[]): readonly AgentView[] {
  if (changed.length === 0) return held;
  const byName = new Map(held.map((agent) => [agent.agent, agent]));
  for (const agent of changed) byName.set(agent.agent, agent);
  return [...byName.values()]
    .sort((a, b) => compareText(a.site, b.site) || compareText(a.agent, b.agent))
    .slice(0, AGENTS_MAX);
}

function mergeAlarms(held: readonly AlarmView[], changed: readonly AlarmView[]): readonly AlarmView[] {
  if (changed.length === 0) return held;
  const byKey = new Map(held.map((alarm) => [alarmKey(alarm), alarm]));
  for (const alarm of changed) {
    const before = byKey.get(alarmKey(alarm));
    if (before === undefined || alarm.step >= before.step) byKey.set(alarmKey(alarm), alarm);
  }
  return [...byKey.values()].sort(compareAlarms).slice(0, ALARMS_MAX);
}

function mergeWindows(
  held: ReadonlyMap<string, readonly WindowResult[]>,
  changed: readonly WindowResult[],
): ReadonlyMap<string, readonly WindowResult[]> {
  const byWindow = Map.groupBy(changed, (result) => result.window);
  const merged = new Map(held);
  let hasChanged = false;
  for (const [name, results] of byWindow) {
    const before = held.get(name);
    // Windows that the pipeline does not name are not kept: the names are the map's bound.
    if (before === undefined) continue;
    merged.set(name, mergeResults(before, results));
    hasChanged = true;
  }
  return hasChanged ? merged : held;
}

function mergeResults(
  held: readonly WindowResult[],
  changed: readonly WindowResult[],
): readonly WindowResult[] {
  const byKey = new Map(held.map((result) => [resultKey(result), result]));
  for (const result of changed) {
    const before = byKey.get(resultKey(result));
    if (before === undefined || result.revision >= before.revision) byKey.set(resultKey(result), result);
  }
  return [...byKey.values()]
    .filter(({ mergedIntoMs }) => mergedIntoMs === undefined)
    .sort((a, b) => b.startMs - a.startMs || compareText(labelsKey(a.group), labelsKey(b.group)))
    .slice(0, WINDOWS_MAX);
}

export function alarmKey(alarm: AlarmView): string {
  return `${alarm.agent} ${alarm.id}`;
}

export function resultKey(result: WindowResult): string {
  return `${result.window} ${result.startMs} ${labelsKey(result.group)}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
