import type { Frontier } from "../frontier.ts";
import type { Membership } from "../membership.ts";
import type { PaneRows } from "../pane-rows.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import type { StateRange } from "./state-key.ts";

export interface WindowEngineOptions {
  readonly windows: readonly WindowSpec[];
  readonly metrics: readonly MetricSpec[];
  /** How long agents are waited for once the first has passed a window. Default 2,000. */
  readonly graceMs?: number;
  /** Least time between two results of a window that is not complete. Default 250. */
  readonly emitIntervalMs?: number;
  /** Least time between two revisions of a complete window. Default 1,000. */
  readonly revisionIntervalMs?: number;
  /** An older window in which a backlog is arriving shows it this often. Default 60,000. */
  readonly backlogRevisionMs?: number;
  /** A frontier further ahead of the clock than this is taken to be at the clock. Default 5,000. */
  readonly maxFutureMs?: number;
  /** Windows that ended longer ago leave memory. Default 600,000. */
  readonly hotMs?: number;
  /** Most panes in memory before windows leave it sooner. Default 500,000. */
  readonly hotPanesMax?: number;
  /** Most windows in memory that wait for missing agents; more are only completed by further data or finality. Default 200,000. */
  readonly openWindowsMax?: number;
}

/** Readings of one `apply`, by what became of them. */
export interface ApplyOutcome {
  readonly merged: number;
  /** Past the lateness of every window they belong to. */
  readonly tooLate: number;
  /** Of no window: unknown metric, or between the windows. */
  readonly unwindowed: number;
}

/** One key of the state that has changed; `bytes` null when it is gone. */
export interface StateChange {
  readonly key: string;
  readonly bytes: Uint8Array | null;
}

export interface StateEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface WindowEngineCounts {
  readonly panesInMemory: number;
  readonly windowsInMemory: number;
  readonly windowsOpen: number;
  /** Open windows let go because of `openWindowsMax`, since the start. */
  readonly windowsForgotten: number;
  /** Stored panes or markers that could not be read, since the start. */
  readonly unreadable: number;
}

/**
 * Central's windows as a pure state machine: pane deltas and frontiers in, revisions of windows out. The caller owns the
 * store and the clock, and makes these calls one after another, never interleaved:
 *
 *   at start   for (const range of engine.restoreRanges()) entries.push(...read(range));
 *              for (const key of engine.restore(entries)) engine.load(key, read(key));
 *              engine.setMembership(…); engine.setFrontier(…) for every agent
 *   a batch    for (const key of engine.needs(rows)) engine.load(key, read(key));
 *              engine.apply(rows, nowMs); commit(engine.takeChanges());
 *   a tick     for (const range of engine.dueRanges(nowMs)) engine.loadRange(range, read(range));
 *              results = engine.tick(nowMs); commit(engine.takeChanges()); publish(results)
 *
 * No tick between `needs` and its `apply`. Several batches may share one commit. State not yet committed may be lost: an
 * engine restored from the last commit goes on as if what came after had not happened.
 */
export declare class WindowEngine {
  constructor(options: WindowEngineOptions);

  /** Keys that `apply` of these rows touches and that are not in memory. */
  needs(rows: PaneRows): string[];
  /** What the store has under a key that was asked for; undefined when nothing. */
  load(key: string, bytes: Uint8Array | undefined): void;
  /** Merges pane deltas. */
  apply(rows: PaneRows, nowMs: number): ApplyOutcome;

  setFrontier(agent: string, frontier: Frontier): void;
  /** To be called again after every change of the membership. */
  setMembership(membership: Membership): void;

  /** Ranges of the store that `tick` should have: windows that become final and have left memory. Mostly none. */
  dueRanges(nowMs: number): StateRange[];
  /** All entries of a range that was asked for, at most its limit. */
  loadRange(range: StateRange, entries: readonly StateEntry[]): void;
  /** The results that are due, ordered by start, window and group. */
  tick(nowMs: number): WindowResult[];

  /** What has changed since the last call, for one atomic commit. */
  takeChanges(): StateChange[];

  /** What `restore` wants to see of the store. */
  restoreRanges(): StateRange[];
  /** Takes up the stored state, into a new engine. Returns keys to `load` next. */
  restore(entries: readonly StateEntry[]): string[];

  get counts(): WindowEngineCounts;
}
