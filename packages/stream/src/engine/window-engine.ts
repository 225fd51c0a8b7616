import { ACCUMULATORS } from "../accumulators/table.ts";
import { assert } from "../assert.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { Frontier } from "../frontier.ts";
import type { Membership } from "../membership.ts";
import type { PaneRows } from "../pane-rows.ts";
import { paneMsOf } from "../pane-size.ts";
import { matchLayouts, mergeRow } from "../pane-state.ts";
import { readingCountOfRow } from "../reading-count.ts";
import type { WindowResult, WindowState } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { windowStarts } from "../window-starts.ts";
import { decodeMarker, encodeMarker } from "./open-marker.ts";
import type { OpenMarker } from "./open-marker.ts";
import { decodePane, encodePane } from "./pane-codec.ts";
import { PaneMove } from "./pane-move.ts";
import { PaneView } from "./pane-view.ts";
import type { Pane } from "./pane-view.ts";
import { completenessKey, Standing } from "./standing.ts";
import { parseStateKey, stateKey, stateRange, STATE_TIME_MS_MAX } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import { decodeWindow, encodeWindow } from "./window-codec.ts";
import { WindowTrack } from "./window-track.ts";
import type { WindowRecord } from "./window-track.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Entries of one range that `dueRanges` asks for at a time. */
const DUE_ENTRIES_MAX = 1_000;
/** Memory is cleared this many times per `hotMs`. */
const SWEEPS_PER_HOT = 20;

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
  /** Start of the earliest pane among those too late; null when there are none. */
  readonly tooLateFromMs: EventTimeMs | null;
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
  /** Stored panes, results or markers that could not be read, since the start. */
  readonly unreadable: number;
}

interface Times {
  readonly nowMs: number;
  readonly trustedMs: number;
}

/**
 * Central's windows as a pure state machine: pane deltas and frontiers in, revisions of windows out. The caller owns the
 * store and the clock, and makes these calls one after another, never interleaved:
 *
 *   at start   move what was stored with another pane size (pane-move.ts)
 *              for (const range of engine.restoreRanges()) entries.push(...read(range));
 *              for (const key of engine.restore(entries)) engine.load(key, read(key));
 *              engine.setMembership(…); engine.setFrontier(…), engine.setLost(…) for every agent
 *   a batch    for (const key of engine.needs(rows)) engine.load(key, read(key));
 *              engine.apply(rows, nowMs); commit(engine.takeChanges());
 *   a tick     for (const range of engine.dueRanges(trustedMs)) engine.loadRange(range, read(range));
 *              results = engine.tick(nowMs, trustedMs); commit(engine.takeChanges()); publish(results)
 *
 * `nowMs` may be any clock, and may jump. What cannot be undone goes by `trustedMs`: whether a lateness is over.
 * No tick between `needs` and its `apply`. Several batches may share one commit. State not yet committed may be lost: an
 * engine restored from the last commit goes on as if what came after had not happened.
 */
export class WindowEngine {
  readonly #graceMs: number;
  readonly #emitIntervalMs: number;
  readonly #revisionIntervalMs: number;
  readonly #backlogRevisionMs: number;
  readonly #hotMs: number;
  readonly #hotPanesMax: number;
  readonly #openWindowsMax: number;

  readonly #views = new Map<string, PaneView>();
  readonly #viewsOf = new Map<string, PaneView[]>();
  readonly #tracks = new Map<string, WindowTrack>();
  readonly #standing: Standing;

  /** Windows that `tick` must look at: not complete, or changed since their last result. */
  readonly #open = new Set<WindowRecord>();
  /** Open windows whose marker says that they only wait for agents. */
  readonly #aside = new Set<WindowRecord>();

  /** Answers to `needs` that are not in a view yet; given up at the next tick. */
  readonly #loaded = new Map<string, Uint8Array>();
  readonly #absent = new Set<string>();
  #restored: { track: WindowTrack; startMs: EventTimeMs; group: string; marker: OpenMarker }[] = [];
  readonly #asked = new Map<
    StateRange,
    { kind: "w"; track: WindowTrack; toMs: EventTimeMs } | { kind: "p"; view: PaneView; toMs: EventTimeMs }
  >();
  #dueEntriesMax = DUE_ENTRIES_MAX;

  readonly #changedPanes: { view: PaneView; pane: Pane }[] = [];
  readonly #changedResults = new Set<WindowRecord>();
  readonly #changedMarkers = new Set<WindowRecord>();
  readonly #changes = new Map<string, Uint8Array | null>();

  #sweptAtMs = -Infinity;
  #forgottenCount = 0;
  #unreadableCount = 0;

  constructor(options: WindowEngineOptions) {
    this.#graceMs = options.graceMs ?? 2_000;
    this.#emitIntervalMs = options.emitIntervalMs ?? 250;
    this.#revisionIntervalMs = options.revisionIntervalMs ?? 1_000;
    this.#backlogRevisionMs = options.backlogRevisionMs ?? 60_000;
    this.#hotMs = options.hotMs ?? 600_000;
    this.#hotPanesMax = options.hotPanesMax ?? 500_000;
    this.#openWindowsMax = options.openWindowsMax ?? 200_000;
    this.#standing = new Standing(options.maxFutureMs ?? 5_000);
    for (const metric of options.metrics) {
      const windows = options.windows.filter((window) => window.metric === metric.name);
      if (windows.length === 0) continue;
      const size = paneMsOf(windows);
      if (!size.isPossible) throw new Error(`cannot window metric ${metric.name}: ${size.reason}`);
      for (const spec of windows) {
        const fresh = new PaneView(metric, size.paneMs, spec.by);
        const view = this.#views.get(fresh.key) ?? fresh;
        if (view === fresh) {
          this.#views.set(view.key, view);
          this.#viewsOf.set(metric.name, [...(this.#viewsOf.get(metric.name) ?? []), view]);
        }
        const track = new WindowTrack(spec, view);
        assert(!this.#tracks.has(track.key), `two windows named ${spec.name}`);
        view.tracks.push(track);
        this.#tracks.set(track.key, track);
      }
    }
  }

  /** Keys that `apply` of these rows touches and that are not in memory. */
  needs(rows: PaneRows): string[] {
    this.#settleRestored();
    const keys = new Set<string>();
    for (const view of this.#viewsOf.get(rows.metric) ?? []) {
      const groups = rows.series.map((labels) => view.groupOf(labels));
      for (let row = 0; row < rows.rowCount; row++) {
        const startMs = paneStart(rows.startMs[row], view);
        const group = groups[rows.seriesIndex[row]];
        if (group === undefined || !isKeyed(startMs)) continue;
        if (view.panes.get(startMs, group)?.recordsVersion === view.version) continue;
        for (const track of view.tracks) {
          for (const windowMs of windowStarts(startMs, track.spec)) {
            if (windowMs < track.finalToMs || track.records.get(windowMs, group)?.hasPanes === true) continue;
            this.#addNeeds(keys, track, windowMs, group);
          }
        }
      }
    }
    return [...keys];
  }

  /** What the store has under a key that was asked for; undefined when nothing. */
  load(key: string, bytes: Uint8Array | undefined): void {
    const parts = parseStateKey(key);
    if (parts === null) return;
    if (parts.kind !== "p") {
      if (bytes === undefined) this.#absent.add(key);
      else this.#loaded.set(key, bytes);
      return;
    }
    const view = this.#views.get(parts.name);
    if (view === undefined || view.panes.get(parts.startMs, parts.group) !== undefined) return;
    const state = bytes === undefined ? null : decodePane(view.layout, bytes);
    if (state !== null) view.open(parts.startMs, parts.group, state);
    else {
      this.#absent.add(key);
      if (bytes !== undefined) this.#unreadableCount++;
    }
  }

  /** Merges pane deltas. */
  apply(rows: PaneRows, nowMs: number): ApplyOutcome {
    this.#settleRestored();
    const plans = (this.#viewsOf.get(rows.metric) ?? []).map((view) => ({
      view,
      match: matchLayouts(view.layout, rows.layout),
      groups: rows.series.map((labels) => view.groupOf(labels)),
    }));
    let merged = 0;
    let tooLate = 0;
    let tooLateFromMs: EventTimeMs | null = null;
    let unwindowed = 0;
    for (let row = 0; row < rows.rowCount; row++) {
      const fromAt = row * rows.layout.stride;
      let isMerged = false;
      let isWindowed = false;
      for (const { view, match, groups } of plans) {
        const startMs = paneStart(rows.startMs[row], view);
        const group = groups[rows.seriesIndex[row]];
        if (group === undefined || !isKeyed(startMs)) continue;
        const pane = this.#paneFor(view, startMs, group, nowMs);
        isWindowed ||= pane !== "unwindowed";
        if (typeof pane === "string") continue;
        isMerged = true;
        mergeRow(view.layout, pane.state, rows, row, match);
        if (!pane.isChanged) {
          pane.isChanged = true;
          this.#changedPanes.push({ view, pane });
        }
        for (const record of pane.records) if (record.state !== "final") this.#touch(record, nowMs);
      }
      const readings = readingCountOfRow(rows.layout, rows.state, fromAt);
      if (isMerged) merged += readings;
      else if (!isWindowed) unwindowed += readings;
      else {
        tooLate += readings;
        tooLateFromMs = Math.min(tooLateFromMs ?? Infinity, rows.startMs[row]);
      }
    }
    return { merged, tooLate, tooLateFromMs, unwindowed };
  }

  setFrontier(agent: string, frontier: Frontier): void {
    this.#standing.setFrontier(agent, frontier);
  }

  /** All event time of which the agent has lost some, as far back as `finalToMs`; replaces what was said before. */
  setLost(agent: string, lost: readonly TimeRange[]): void {
    this.#standing.setLost(agent, lost);
  }

  /** Every window that starts before this is final: what was lost before it concerns no window any more. */
  get finalToMs(): EventTimeMs {
    return Math.min(...Array.from(this.#tracks.values(), (track) => track.finalToMs));
  }

  /** To be called again after every change of the membership. */
  setMembership(membership: Membership): void {
    this.#standing.setMembership(membership);
  }

  /** Ranges of the store that `tick` should have: windows that become final and have left memory. Mostly none. */
  dueRanges(trustedMs: number): StateRange[] {
    this.#settleRestored();
    this.#asked.clear();
    for (const track of this.#tracks.values()) {
      const fromMs = Math.max(track.finalToMs, track.finalReadyMs);
      const toMs = Math.min(track.lateToMs(trustedMs), track.evictedToMs);
      if (toMs > fromMs)
        this.#asked.set(
          { ...stateRange("w", track.key, fromMs, toMs), limit: this.#dueEntriesMax },
          { kind: "w", track, toMs },
        );
    }
    for (const view of this.#views.values()) {
      const toMs = Math.min(finalToMs(view), view.residentFromMs);
      if (toMs > view.droppedToMs) {
        this.#asked.set(
          { ...stateRange("p", view.key, view.droppedToMs, toMs), limit: this.#dueEntriesMax },
          { kind: "p", view, toMs },
        );
      }
    }
    return [...this.#asked.keys()];
  }

  /** All entries of a range that was asked for, at most its limit. */
  loadRange(range: StateRange, entries: readonly StateEntry[]): void {
    const asked = this.#asked.get(range);
    assert(asked !== undefined, "a range that was not asked for");
    this.#asked.delete(range);
    const lastMs = parseStateKey(entries.at(-1)?.key ?? "")?.startMs;
    const isWhole = lastMs === undefined || entries.length < (range.limit ?? Infinity);
    // The groups of the last start may be cut off: they come again.
    const toMs = isWhole ? asked.toMs : lastMs;
    const isStuck = !isWhole && parseStateKey(entries[0].key)?.startMs === lastMs;
    this.#dueEntriesMax = isStuck ? this.#dueEntriesMax * 2 : this.#dueEntriesMax;
    for (const { key, bytes } of entries) {
      const parts = parseStateKey(key);
      if (parts === null || parts.startMs >= toMs) continue;
      if (asked.kind === "p") this.#changes.set(key, null);
      else if (asked.track.records.get(parts.startMs, parts.group) === undefined) {
        this.#loaded.set(key, bytes);
        this.#record(asked.track, parts.startMs, parts.group, 0);
      }
    }
    if (asked.kind === "p") asked.view.droppedToMs = toMs;
    else asked.track.finalReadyMs = toMs;
  }

  /** The results that are due, ordered by start, window and group. */
  tick(nowMs: number, trustedMs = nowMs): WindowResult[] {
    this.#settleRestored();
    this.#standing.setClock(nowMs);
    const changedFromMs = this.#standing.takeChangedFromMs();
    const emitted: WindowRecord[] = [];
    for (const record of this.#open) {
      if (record.endMs <= changedFromMs && nowMs < record.nextCheckMs) continue;
      if (!isPast(record, trustedMs) && this.#decide(record, nowMs)) emitted.push(record);
    }
    for (const track of this.#tracks.values()) this.#finalise(track, { nowMs, trustedMs }, emitted);
    for (const view of this.#views.values()) this.#dropPanes(view);
    this.#loaded.clear();
    this.#absent.clear();
    if (nowMs < this.#sweptAtMs || nowMs - this.#sweptAtMs >= this.#hotMs / SWEEPS_PER_HOT)
      this.#sweep(nowMs);
    return emitted
      .sort(
        (a, b) =>
          a.startMs - b.startMs || compareText(a.track.key, b.track.key) || compareText(a.group, b.group),
      )
      .map((record) => record.result)
      .filter((result) => result !== null);
  }

  /** What has changed since the last call, for one atomic commit. */
  takeChanges(): StateChange[] {
    for (const { view, pane } of this.#changedPanes) {
      if (!pane.isChanged) continue;
      pane.isChanged = false;
      this.#changes.set(
        stateKey("p", view.key, pane.startMs, pane.group),
        encodePane(view.layout, pane.state),
      );
    }
    for (const record of this.#changedResults) {
      if (record.result !== null) this.#changes.set(recordKey("w", record), encodeWindow(record.result));
    }
    for (const record of this.#changedMarkers) {
      const marker = {
        openedAtMs: record.openedAtMs,
        firstPassedAtMs: record.firstPassedAtMs,
        isAside: this.#aside.has(record),
      };
      this.#changes.set(recordKey("o", record), this.#open.has(record) ? encodeMarker(marker) : null);
    }
    const changes = Array.from(this.#changes, ([key, bytes]) => ({ key, bytes }));
    this.#changedPanes.length = 0;
    this.#changedResults.clear();
    this.#changedMarkers.clear();
    this.#changes.clear();
    return changes;
  }

  /** To be carried out before `restore`. */
  paneMove(): PaneMove {
    return new PaneMove([...this.#views.values()]);
  }

  /** What `restore` wants to see of the store. */
  restoreRanges(): StateRange[] {
    const last = { limit: 1, isReverse: true };
    const lastPanes = Array.from(this.#views.values(), (view) => ({
      ...stateRange("p", view.key, -Infinity, Infinity),
      ...last,
    }));
    const lastResults = Array.from(this.#tracks.values(), (track) => ({
      ...stateRange("w", track.key, -Infinity, Infinity),
      ...last,
    }));
    return [{ from: "f|", to: "f}" }, { from: "o|", to: "o}" }, ...lastPanes, ...lastResults];
  }

  /** Takes up the stored state, into a new engine. Returns keys to `load` next. */
  restore(entries: readonly StateEntry[]): string[] {
    for (const { key, bytes } of entries) {
      const track = key.startsWith("f|") ? this.#tracks.get(key.slice(2)) : undefined;
      const storedFinalToMs = track === undefined ? NaN : Number(decoder.decode(bytes));
      if (track !== undefined && Number.isFinite(storedFinalToMs)) track.finalToMs = storedFinalToMs;
      const parts = parseStateKey(key);
      if (parts === null) continue;
      // A result without panes (they could not be read, or are of other labels) still goes on with its revisions.
      if (parts.kind === "w") this.#tracks.get(parts.name)?.hasStoredTo(parts.startMs + 1);
      const view = parts.kind === "p" ? this.#views.get(parts.name) : undefined;
      if (view === undefined) continue;
      view.residentFromMs = parts.startMs + view.layout.paneMs;
      for (const own of view.tracks) own.hasStoredTo(view.residentFromMs);
    }
    const keys = new Set<string>();
    for (const { key, bytes } of entries) {
      const parts = parseStateKey(key);
      const track = parts?.kind === "o" ? this.#tracks.get(parts.name) : undefined;
      if (parts === null || track === undefined) continue;
      const marker = decodeMarker(bytes);
      if (marker === null) this.#unreadableCount++;
      else {
        this.#restored.push({ track, startMs: parts.startMs, group: parts.group, marker });
        if (marker.isAside) keys.add(stateKey("w", track.key, parts.startMs, parts.group));
        else this.#addNeeds(keys, track, parts.startMs, parts.group);
      }
    }
    return [...keys];
  }

  get counts(): WindowEngineCounts {
    const sum = (sizes: Iterable<{ readonly size: number }>) =>
      Array.from(sizes).reduce((total, { size }) => total + size, 0);
    return {
      panesInMemory: sum(Array.from(this.#views.values(), (view) => view.panes)),
      windowsInMemory: sum(Array.from(this.#tracks.values(), (track) => track.records)),
      windowsOpen: this.#open.size,
      windowsForgotten: this.#forgottenCount,
      unreadable: this.#unreadableCount,
    };
  }

  /** Whatever of a window may be in the store only: its panes, and its result and marker where there is no record. */
  #addNeeds(keys: Set<string>, track: WindowTrack, startMs: EventTimeMs, group: string): void {
    const view = track.view;
    if (startMs < track.evictedToMs && track.records.get(startMs, group) === undefined) {
      for (const kind of ["w", "o"] as const) {
        const key = stateKey(kind, track.key, startMs, group);
        if (!this.#loaded.has(key) && !this.#absent.has(key)) keys.add(key);
      }
    }
    const toMs = Math.min(startMs + track.spec.sizeMs, view.residentFromMs);
    for (let at = startMs; at < toMs; at += view.layout.paneMs) {
      if (view.panes.get(at, group) !== undefined) continue;
      const key = stateKey("p", view.key, at, group);
      if (!this.#absent.has(key)) keys.add(key);
    }
  }

  /** Markers that `restore` found become open windows, once what they need has been loaded. */
  #settleRestored(): void {
    if (this.#restored.length === 0) return;
    for (const { track, startMs, group, marker } of this.#restored) {
      const record = this.#record(track, startMs, group, marker.openedAtMs);
      record.openedAtMs = marker.openedAtMs;
      record.firstPassedAtMs = marker.firstPassedAtMs;
      // What was dirty is not stored: all that may be is looked at again, and nothing comes of it where nothing changed.
      record.isDirty = !marker.isAside;
      record.hasPanes = !marker.isAside;
      this.#open.add(record);
      this.#changedMarkers.delete(record);
      if (marker.isAside) this.#aside.add(record);
    }
    this.#restored = [];
    this.#loaded.clear();
    this.#absent.clear();
  }

  /** The pane that takes a delta now, with its windows. */
  #paneFor(
    view: PaneView,
    startMs: EventTimeMs,
    group: string,
    nowMs: number,
  ): Pane | "unwindowed" | "too_late" {
    let pane = view.panes.get(startMs, group);
    if (pane !== undefined && pane.recordsVersion === view.version) {
      return pane.records.every((record) => record.state === "final") ? "too_late" : pane;
    }
    const records: WindowRecord[] = [];
    let isWindowed = false;
    for (const track of view.tracks) {
      for (const windowMs of windowStarts(startMs, track.spec)) {
        isWindowed = true;
        // Until the final result is out, it takes what comes: else it would count an agent as passed whose data it refused.
        if (windowMs < track.finalToMs) continue;
        const record = this.#record(track, windowMs, group, nowMs);
        if (record.state === "final") continue;
        this.#bringPanes(record);
        records.push(record);
      }
    }
    if (records.length === 0) return isWindowed ? "too_late" : "unwindowed";
    pane ??= view.open(startMs, group);
    pane.records = records;
    pane.recordsVersion = view.version;
    return pane;
  }

  #bringPanes(record: WindowRecord): void {
    if (record.hasPanes) return;
    const missing = new Set<string>();
    this.#addNeeds(missing, record.track, record.startMs, record.group);
    assert(missing.size === 0, `${[...missing][0]} is applied to without having been loaded`);
    record.hasPanes = true;
  }

  /** The record of a window: in memory, or as it was loaded, or new. */
  #record(track: WindowTrack, startMs: EventTimeMs, group: string, nowMs: number): WindowRecord {
    const known = track.records.get(startMs, group);
    if (known !== undefined) return known;
    const keyOf = (kind: "w" | "o") => stateKey(kind, track.key, startMs, group);
    const stored = startMs < track.evictedToMs ? this.#loaded.get(keyOf("w")) : undefined;
    const storedMarker = startMs < track.evictedToMs ? this.#loaded.get(keyOf("o")) : undefined;
    assert(
      stored !== undefined || startMs >= track.evictedToMs || this.#absent.has(keyOf("w")),
      `${keyOf("w")} is applied to without having been loaded`,
    );
    const result = stored === undefined ? null : this.#readable(stored);
    const marker = storedMarker === undefined ? null : decodeMarker(storedMarker);
    const record: WindowRecord = {
      track,
      group,
      labels: track.view.labelsOf(group),
      startMs,
      endMs: startMs + track.spec.sizeMs,
      state: result?.state ?? "provisional",
      result,
      completenessKey: result === null ? "" : completenessKey(result.completeness),
      isDirty: false,
      hasPanes: false,
      openedAtMs: marker?.openedAtMs ?? nowMs,
      firstPassedAtMs: marker?.firstPassedAtMs ?? null,
      nextCheckMs: -Infinity,
    };
    track.records.set(startMs, group, record);
    if (record.state === "provisional") {
      this.#open.add(record);
      this.#changedMarkers.add(record);
    }
    return record;
  }

  /** A stored result; null, and counted, when it cannot be read: the window then begins its revisions anew. */
  #readable(stored: Uint8Array): WindowResult | null {
    try {
      return decodeWindow(stored);
    } catch {
      this.#unreadableCount++;
      return null;
    }
  }

  #touch(record: WindowRecord, nowMs: number): void {
    if (record.isDirty) return;
    record.isDirty = true;
    record.nextCheckMs = -Infinity;
    if (this.#aside.delete(record)) this.#changedMarkers.add(record);
    if (this.#open.has(record)) return;
    record.openedAtMs = nowMs;
    this.#open.add(record);
    this.#changedMarkers.add(record);
  }

  /** Emits a result where one is due; otherwise says when to look again. */
  #decide(record: WindowRecord, nowMs: number): boolean {
    const { endMs, result } = record;
    const standing = this.#standing.of(record.startMs, endMs, this.#siteOf(record));
    const isComplete = record.state === "complete";
    const hasEnded = nowMs >= endMs;
    // A time that lies ahead is of a clock that has gone back since: the grace begins anew.
    if (!isComplete && standing.isAnyPassed && (record.firstPassedAtMs ?? Infinity) > nowMs) {
      record.firstPassedAtMs = nowMs;
      this.#changedMarkers.add(record);
    }
    const waitsUntilMs = Math.max(endMs, record.firstPassedAtMs ?? endMs) + this.#graceMs;
    const hasWaited = nowMs >= waitsUntilMs;
    // Where nobody is expected, nobody can pass: the grace decides.
    const hasAllPassed =
      standing.isEveryPassed && hasEnded && (standing.completeness.agentsExpected > 0 || hasWaited);
    if (!isComplete && hasAllPassed) return this.#emit(record, "complete", nowMs);

    const isBacklog = standing.isPending && endMs < nowMs - this.#backlogRevisionMs;
    const intervalMs = isBacklog
      ? this.#backlogRevisionMs
      : isComplete
        ? this.#revisionIntervalMs
        : this.#emitIntervalMs;
    const sinceMs = result?.updatedAtMs ?? (isBacklog ? record.openedAtMs : -Infinity);
    // A clock that went back would otherwise hold results up for as long as it jumped.
    const isDue = nowMs >= sinceMs + intervalMs || nowMs < sinceMs;
    if (isDue && record.isDirty) {
      if (this.#hasNewValues(record)) return this.#emit(record, record.state, nowMs);
      this.#settle(record);
    }
    const isStandingNew = !isComplete && record.result !== null && standing.key !== record.completenessKey;
    if (isDue && isStandingNew && hasWaited) return this.#emit(record, record.state, nowMs);

    record.nextCheckMs = Infinity;
    if (record.isDirty || isStandingNew) record.nextCheckMs = isDue ? waitsUntilMs : sinceMs + intervalMs;
    if (!isComplete && !hasEnded) record.nextCheckMs = Math.min(record.nextCheckMs, endMs);
    if (!isComplete && !hasWaited) record.nextCheckMs = Math.min(record.nextCheckMs, waitsUntilMs);
    return false;
  }

  #emit(record: WindowRecord, state: WindowState, nowMs: number): boolean {
    const { track, result } = record;
    const standing =
      record.state === "provisional"
        ? this.#standing.of(record.startMs, record.endMs, this.#siteOf(record))
        : null;
    const values = record.isDirty || result === null ? this.#values(record) : valuesOf(result);
    record.result = {
      window: track.spec.name,
      metric: track.spec.metric,
      group: record.labels,
      startMs: record.startMs,
      endMs: record.endMs,
      revision: (result?.revision ?? 0) + 1,
      state,
      ...values,
      completeness: standing?.completeness ?? result?.completeness ?? NOBODY,
      updatedAtMs: nowMs,
    };
    record.completenessKey = completenessKey(record.result.completeness);
    record.state = state;
    this.#changedResults.add(record);
    record.nextCheckMs = -Infinity;
    this.#settle(record);
    return true;
  }

  /** Nothing new is in the window's panes; a complete one needs no more looking at. */
  #settle(record: WindowRecord): void {
    record.isDirty = false;
    if (record.state === "provisional") return;
    this.#aside.delete(record);
    if (this.#open.delete(record)) this.#changedMarkers.add(record);
  }

  #hasNewValues(record: WindowRecord): boolean {
    if (record.result === null) return true;
    return JSON.stringify(this.#values(record)) !== JSON.stringify(valuesOf(record.result));
  }

  #values(record: WindowRecord): WindowValues {
    const { view } = record.track;
    const { fields, sketches } = view.merged(record.group, record.startMs, record.endMs);
    const values: Record<string, number> = {};
    for (const [index, accumulator] of view.layout.accumulators.entries()) {
      if (accumulator !== ACCUMULATORS.beside)
        Object.assign(values, accumulator.finish(fields, view.layout.offsets[index]));
    }
    for (const sketch of sketches) Object.assign(values, sketch?.results());
    const at = view.layout.offsets.at(-1)!;
    const beside = { uncertain: fields[at], bad: fields[at + 1], undeduplicated: fields[at + 2] };
    const top = sketches.flatMap((sketch) => sketch?.ranking?.() ?? []);
    return { values, beside, ...(top.length > 0 ? { top } : {}) };
  }

  #siteOf(record: WindowRecord): string | undefined {
    return record.track.spec.by.includes("site") ? record.labels["site"] : undefined;
  }

  /** Gives every window whose lateness is over its last revision. */
  #finalise(track: WindowTrack, { nowMs, trustedMs }: Times, emitted: WindowRecord[]): void {
    const lateToMs = track.lateToMs(trustedMs);
    const isReady = track.evictedToMs <= Math.max(track.finalReadyMs, track.finalToMs);
    const toMs = isReady ? lateToMs : Math.min(lateToMs, track.finalReadyMs);
    if (toMs <= track.finalToMs) return;
    for (const record of track.records.before(toMs)) {
      track.records.delete(record.startMs, record.group);
      const isAgain = record.state === "final" || (record.result === null && !record.isDirty);
      if (!isAgain) {
        this.#emit(record, "final", nowMs);
        emitted.push(record);
      }
      this.#settle(record);
    }
    track.finalToMs = toMs;
    this.#changes.set(`f|${track.key}`, encoder.encode(String(toMs)));
  }

  #dropPanes(view: PaneView): void {
    for (const pane of view.panes.before(finalToMs(view))) {
      view.panes.delete(pane.startMs, pane.group);
      pane.isChanged = false;
      this.#changes.set(stateKey("p", view.key, pane.startMs, pane.group), null);
    }
  }

  /** Lets go of what is old and safely stored: complete windows whole, waiting ones down to their last result. */
  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    const { panesInMemory } = this.counts;
    const oldMs = nowMs - this.#hotMs * Math.min(1, this.#hotPanesMax / Math.max(1, panesInMemory));
    for (const track of this.#tracks.values()) {
      for (const record of track.records.before(oldMs - track.spec.sizeMs)) {
        if (record.isDirty || this.#changedResults.has(record) || this.#changedMarkers.has(record)) continue;
        if (record.state === "provisional") {
          if (!record.hasPanes) continue;
          record.hasPanes = false;
          this.#aside.add(record);
          this.#changedMarkers.add(record);
        } else this.#evict(record);
      }
    }
    this.#forgetWaiting();
    for (const view of this.#views.values()) {
      view.version++;
      for (const pane of view.panes.before(oldMs - view.layout.paneMs)) {
        const isHeld = view.tracks.some((track) =>
          windowStarts(pane.startMs, track.spec).some(
            (startMs) => track.records.get(startMs, pane.group)?.hasPanes === true,
          ),
        );
        if (pane.isChanged || isHeld) continue;
        view.panes.delete(pane.startMs, pane.group);
        view.residentFromMs = Math.max(view.residentFromMs, pane.startMs + view.layout.paneMs);
      }
    }
  }

  /** Keeps the number of waiting windows bounded: the oldest stay in the store only. */
  #forgetWaiting(): void {
    const excess = this.#open.size - this.#openWindowsMax;
    if (excess <= 0) return;
    const waiting = [...this.#aside]
      .filter((record) => !this.#changedMarkers.has(record))
      .sort((a, b) => a.endMs - b.endMs);
    for (const record of waiting.slice(0, excess)) {
      this.#open.delete(record);
      this.#aside.delete(record);
      this.#evict(record);
      this.#forgottenCount++;
    }
  }

  #evict(record: WindowRecord): void {
    const { track, startMs, group } = record;
    track.records.delete(startMs, group);
    track.hasStoredTo(startMs + 1);
  }
}

const NOBODY = {
  agentsExpected: 0,
  agentsReporting: 0,
  agentsMissing: [],
  sitesExpected: 0,
  sitesReporting: 0,
  sitesMissing: [],
};

/** What of a result follows from its panes. */
type WindowValues = Pick<WindowResult, "values" | "beside" | "top">;

function valuesOf({ values, beside, top }: WindowResult): WindowValues {
  return { values, beside, ...(top === undefined ? {} : { top }) };
}

/** Every pane that starts before this is in final windows only. */
function finalToMs(view: PaneView): EventTimeMs {
  return Math.min(...view.tracks.map((track) => track.finalToMs));
}

/** The pane of the view that a delta's pane falls into, be it finer or coarser. */
function paneStart(startMs: EventTimeMs, view: PaneView): EventTimeMs {
  return Math.floor(startMs / view.layout.paneMs) * view.layout.paneMs;
}

function isKeyed(startMs: EventTimeMs): boolean {
  return Math.abs(startMs) < STATE_TIME_MS_MAX / 2;
}

/** The lateness is over, or the final revision is out. */
function isPast(record: WindowRecord, trustedMs: number): boolean {
  return record.state === "final" || record.endMs + record.track.spec.latenessMs <= trustedMs;
}

function recordKey(kind: "w" | "o", record: WindowRecord): string {
  return stateKey(kind, record.track.key, record.startMs, record.group);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
