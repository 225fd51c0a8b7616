import { COARSE_RANGES_MAX } from "../coarse-panes.ts";
import type { CoarsePanes } from "../coarse-panes.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { Frontier } from "../frontier.ts";
import type { Membership } from "../membership.ts";
import { mergeRanges } from "../merge-ranges.ts";
import type { PaneRows } from "../pane-rows.ts";
import { longPaneMs, paneMsOf } from "../pane-size.ts";
import { emptyPane, mergePane, mergeRows } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import { readingCountOfRow } from "../reading-count.ts";
import { windowProblem } from "../window-problem.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { sketchNamed } from "../sketches/table.ts";
import { encodeCoarse } from "./coarse-codec.ts";
import { DueRanges } from "./due-ranges.ts";
import type { StateEntry } from "./due-ranges.ts";
import { GridTrack } from "./grid-track.ts";
import { LateReadings } from "./late-readings.ts";
import type { LateWindow } from "./late-readings.ts";
import { LongPaneBuild } from "./long-pane-build.ts";
import { MemorySweep } from "./memory-sweep.ts";
import { OutdatedWindows } from "./outdated-windows.ts";
import { PaneMove } from "./pane-move.ts";
import type { Pane, PaneSet } from "./pane-set.ts";
import { PaneView } from "./pane-view.ts";
import { SessionRecords } from "./session-records.ts";
import { SESSION_ACCUMULATORS, SessionTrack } from "./session-track.ts";
import { Standing } from "./standing.ts";
import { RowPlacement } from "./row-placement.ts";
import type { PlacedRows } from "./row-placement.ts";
import { coarseKey, stateKey, windowKeyName, withoutPaneSize } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { StateName } from "./state-name.ts";
import { TickRoom } from "./tick-room.ts";
import { WindowMemory } from "./window-memory.ts";
import type { StateChange } from "./window-memory.ts";
import type { ReachedMs } from "./view-entry.ts";
import { WindowRestore } from "./window-restore.ts";
import { WindowRevisions } from "./window-revisions.ts";
import type { WindowRecord } from "./window-track.ts";

export type { StateEntry } from "./due-ranges.ts";
export { LATE_WINDOWS_MAX } from "./late-readings.ts";
export { LATE_REASONS } from "./late-readings.ts";
export type { LateReason, LateWindow } from "./late-readings.ts";
export type { StateChange } from "./window-memory.ts";

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
  /** Most panes that come into memory before what is old leaves it. Default 20,000. */
  readonly panesComeMax?: number;
  /** Most windows in memory that wait for missing agents; more are only completed by further data or finality. Default 200,000. */
  readonly openWindowsMax?: number;
  /** Windows of so many panes or more are merged from longer ones, kept beside them. Default 240. */
  readonly longWindowPanesMin?: number;
  /** As many open ones of each window are taken up from the store at the start, and of one of them with each tick then. Default 1,000. */
  readonly restoredMax?: number;
  /** Of what is due to be final, or to go, and has left memory, so many entries are read at a time. Default 1,000. */
  readonly dueEntriesMax?: number;
  /** A tick ends early once its results, its last results, or the keys of panes that it drops have so many bytes. Default: never. */
  readonly tickBytesMax?: number;
}

/** Readings of one `apply`, by what became of them. */
export interface ApplyOutcome {
  readonly merged: number;
  /** Past the lateness of every window they belong to. */
  readonly tooLate: number;
  /** Start of the earliest pane among those too late; null when there are none. */
  readonly tooLateFromMs: EventTimeMs | null;
  /** Of no window: unknown metric. */
  readonly unwindowed: number;
  /** Of those merged: into a window that had been complete, which they revise. */
  readonly revising: number;
  /** Windows for which readings came too late, or that they revise; at most `LATE_WINDOWS_MAX`. */
  readonly late: readonly LateWindow[];
}

const NOTHING: readonly string[] = [];

/** What became of a row, in all views. */
const WINDOWED = 1;
const MERGED = 2;
const REVISING = 4;

/** Room for the rows of one batch, to begin with. */
const FIRST_ROWS = 1_024;

/** A batch of fewer rows is not merged before it goes into the panes of several views. */
const MERGED_ROWS_MIN = 4;

/** What one `apply` is about. `readings`: those of the rows at hand. */
interface Applied {
  readonly rows: PaneRows;
  /** All rows merged, for the views that they are one pane of. */
  readonly whole: PaneState | null;
  readonly readings: number;
  /** None of the rows is of this time or later. */
  readonly toMs: EventTimeMs;
  readonly nowMs: number;
  readonly late: LateReadings;
}

export interface WindowEngineCounts {
  readonly panesInMemory: number;
  readonly windowsInMemory: number;
  readonly windowsOpen: number;
  /** Open windows let go because of `openWindowsMax`, since the start. */
  readonly windowsForgotten: number;
  /** Parts of sessions in memory, all that are not final: about 50 bytes each. */
  readonly sessionsInMemory: number;
  /** Stored panes, results, markers or sessions that could not be read, since the start. */
  readonly unreadable: number;
}

/**
 * Central's windows as a pure state machine: pane deltas and frontiers in, revisions of windows out. The caller owns the
 * store and the clock, and makes these calls one after another, never interleaved:
 *
 *   at start   move what was stored with another pane size (pane-move.ts), and make long panes where they are not (long-pane-build.ts)
 *              for (const range of engine.restoreRanges()) for (const entry of read(range)) entries.push(entry);
 *              for (const key of engine.restore(entries)) engine.load(key, read(key));
 *              engine.setMembership(…); engine.setFrontier(…), engine.setLost(…), engine.setCoarse(…) for every agent
 *              engine.setPanesLost(…) where the store has lost some
 *   a batch    for (const key of engine.needs(rows)) engine.load(key, read(key));
 *              engine.apply(rows, nowMs); commit(engine.takeChanges());
 *              engine.forgetRows() where some were not applied
 *   a tick     for (const range of engine.dueRanges(trustedMs)) engine.loadRange(range, read(range));
 *              for (const key of engine.dueKeys(trustedMs)) engine.load(key, read(key));
 *              results = engine.tick(nowMs, trustedMs); commit(engine.takeChanges()); publish(results)
 *
 * `nowMs` may be any clock, and may jump. What cannot be undone goes by `trustedMs`: whether a lateness is over.
 * No tick between `needs` and its `apply`. Several batches may share one commit. State not yet committed may be lost: an
 * engine restored from the last commit goes on as if what came after had not happened.
 */
export class WindowEngine {
  readonly #memory = new WindowMemory();
  readonly #viewsOf = new Map<string, PaneView[]>();
  readonly #standing: Standing;
  readonly #revisions: WindowRevisions;
  readonly #sessions = new SessionRecords(this.#memory);
  readonly #restore: WindowRestore;
  #paneMove: PaneMove | null = null;
  readonly #due: DueRanges;
  readonly #room: TickRoom;
  readonly #sweep: MemorySweep;
  readonly #outdated: OutdatedWindows;
  /** By metric, where the numbers of all rows of a batch are merged. */
  readonly #wholes = new Map<string, Float64Array>();
  /** Empty but within `needs`: mostly it stays so. */
  readonly #needed = new Set<string>();
  /** Between `needs` and `apply`. */
  readonly #placed = new Map<PaneRows, readonly RowPlacement[]>();
  /** By row, of one `apply`: what became of it, and how many readings it holds. */
  #fates = new Uint8Array(FIRST_ROWS);
  #readings = new Float64Array(FIRST_ROWS);

  /** Throws an error that says why, where a window or a bound makes no sense. */
  constructor(options: WindowEngineOptions) {
    const bounds = boundsOf(options);
    this.#standing = new Standing(bounds.maxFutureMs, this.#memory.completeness);
    this.#room = new TickRoom(bounds.tickBytesMax);
    this.#revisions = new WindowRevisions(this.#memory, this.#standing, bounds, this.#room);
    this.#sweep = new MemorySweep(this.#memory, bounds);
    this.#restore = new WindowRestore(this.#memory, bounds.restoredMax);
    this.#due = new DueRanges(this.#memory, bounds);
    this.#outdated = new OutdatedWindows(this.#memory.tracks, this.#standing);
    for (const window of options.windows) {
      const problem = windowProblem(window);
      if (problem !== null) throw new Error(`cannot compute window ${window.name}: ${problem}`);
      if (!options.metrics.some(({ name }) => name === window.metric))
        throw new Error(`cannot compute window ${window.name}: there is no metric ${window.metric}`);
    }
    for (const metric of options.metrics) {
      const windows = options.windows.filter((window) => window.metric === metric.name);
      if (windows.length === 0) continue;
      const size = paneMsOf(windows);
      if (!size.isPossible) throw new Error(`cannot window metric ${metric.name}: ${size.reason}`);
      const groupings = Map.groupBy(windows, ({ by }) => JSON.stringify(by));
      for (const specs of groupings.values()) {
        const isLong = !metric.accumulate.some((name) => sketchNamed(name)?.hasRuns === true);
        const longMs = isLong ? longPaneMs(specs, size.paneMs, bounds.longWindowPanesMin) : null;
        const view = this.#addView(metric, windows, { by: specs[0].by, paneMs: size.paneMs, longMs });
        for (const spec of specs) this.#addWindow(spec, view);
      }
    }
  }

  #addView(
    metric: MetricSpec,
    windows: readonly WindowSpec[],
    { by, paneMs, longMs }: { by: readonly string[]; paneMs: number; longMs: number | null },
  ): PaneView {
    const hasSessions = windows.some(({ kind }) => kind === "session");
    const accumulate = hasSessions ? [...metric.accumulate, ...SESSION_ACCUMULATORS] : metric.accumulate;
    const view = new PaneView({ ...metric, accumulate }, paneMs, by, longMs);
    this.#memory.addView(view);
    this.#viewsOf.set(metric.name, [...(this.#viewsOf.get(metric.name) ?? []), view]);
    return view;
  }

  #addWindow(spec: WindowSpec, view: PaneView): void {
    const track = spec.kind === "session" ? new SessionTrack(spec, view) : new GridTrack(spec, view);
    if (this.#memory.tracks.has(track.key)) throw new Error(`two windows are named ${spec.name}`);
    this.#memory.tracks.set(track.key, track);
    if (track instanceof SessionTrack) view.sessionTracks.push(track);
    else view.gridTracks.push(track);
  }

  /** Keys that `apply` of these rows touches and that are not in memory. */
  needs(rows: PaneRows): readonly string[] {
    this.#restore.settle();
    const keys = this.#needed;
    for (const { view, panes } of this.#place(rows)) {
      /** Of panes of either length. */
      let paneRanges: Map<PaneSet, Map<string, TimeRange[]>> | null = null;
      for (const { startMs, group, rows: placed } of panes) {
        for (const track of view.sessionTracks)
          for (const row of placed) this.#sessions.addNeeds(keys, track, rows, row, group);
        if (view.panes.get(startMs, group)?.recordsVersion === view.version) continue;
        let isTaken = view.sessionTracks.length > 0;
        for (const track of view.gridTracks) {
          let range: TimeRange | null = null;
          for (const windowMs of track.startsOver(startMs)) {
            if (track.isClosed(windowMs)) continue;
            isTaken = true;
            if (track.records.get(windowMs, group)?.hasPanes === true) continue;
            this.#memory.addRecordNeeds(keys, track, windowMs, group);
            range = over(range, windowMs, track.grid.endOf(windowMs));
          }
          if (range === null) continue;
          paneRanges ??= new Map();
          let ofGroups = paneRanges.get(track.panes);
          if (ofGroups === undefined) paneRanges.set(track.panes, (ofGroups = new Map()));
          const ranges = ofGroups.get(group);
          if (ranges === undefined) ofGroups.set(group, [range]);
          else ranges.push(range);
        }
        if (isTaken)
          for (const set of view.sets) this.#memory.addPaneNeeds(keys, set, paneOver(set, startMs), group);
      }
      if (paneRanges === null) continue;
      // Windows overlap: each pane is asked for once.
      for (const [panes, ofGroups] of paneRanges)
        for (const [group, ranges] of ofGroups)
          for (const range of mergeRanges(ranges, Infinity))
            this.#memory.addPaneNeeds(keys, panes, range, group);
    }
    if (keys.size === 0) return NOTHING;
    const needed = [...keys];
    keys.clear();
    return needed;
  }

  /** None of the rows that `needs` was asked about is applied any more: those of duplicates, which never are, may go. */
  forgetRows(): void {
    this.#placed.clear();
  }

  /** What the store has under a key that was asked for; undefined when nothing. */
  load(key: string, bytes: Uint8Array | undefined): void {
    this.#memory.load(key, bytes);
  }

  /** Merges pane deltas. `comeToMs`: none of their readings is of this time or later, where that is known better than by their panes. */
  apply(rows: PaneRows, nowMs: number, comeToMs: EventTimeMs = Infinity): ApplyOutcome {
    this.#restore.settle();
    const late = new LateReadings(nowMs);
    if (this.#fates.length < rows.rowCount) {
      this.#fates = new Uint8Array(2 * rows.rowCount);
      this.#readings = new Float64Array(2 * rows.rowCount);
    }
    const readings = this.#readings;
    let lastMs = -Infinity;
    for (let row = 0; row < rows.rowCount; row++) {
      readings[row] = readingCountOfRow(rows.layout, rows.state, row * rows.layout.stride);
      if (rows.startMs[row] > lastMs) lastMs = rows.startMs[row];
    }
    const toMs = Math.min(lastMs + rows.layout.paneMs, comeToMs);
    const fates = this.#fates.fill(0, 0, rows.rowCount);
    const placements = this.#place(rows);
    const whole = this.#wholeOf(placements, rows);
    for (const placement of placements) {
      for (const placed of placement.panes) {
        let count = 0;
        const own = placed.rows;
        for (let each = 0; each < own.length; each++) count += readings[own[each]];
        const fate = this.#applyTo(placement, placed, { rows, whole, readings: count, toMs, nowMs, late });
        for (let each = 0; each < own.length; each++) fates[own[each]] |= fate;
      }
    }
    this.#placed.delete(rows);
    let merged = 0;
    let tooLate = 0;
    let tooLateFromMs: EventTimeMs | null = null;
    let unwindowed = 0;
    let revising = 0;
    for (let row = 0; row < rows.rowCount; row++) {
      const fate = fates[row];
      if ((fate & REVISING) !== 0) revising += readings[row];
      if ((fate & MERGED) !== 0) merged += readings[row];
      else if (fate === 0) unwindowed += readings[row];
      else {
        tooLate += readings[row];
        tooLateFromMs = Math.min(tooLateFromMs ?? Infinity, rows.startMs[row]);
      }
    }
    return { merged, tooLate, tooLateFromMs, unwindowed, revising, late: late.take() };
  }

  setFrontier(agent: string, frontier: Frontier): void {
    this.#standing.setFrontier(agent, frontier);
  }

  /** All event time of which the agent has lost some, as far back as `finalToMs`; replaces what was said before. */
  setLost(agent: string, lost: readonly TimeRange[]): void {
    this.#standing.setLost(agent, lost);
  }

  /**
   * The store has lost some of what was committed of event time before this, nobody knows what. A window that begins in that
   * time is never complete from now on; one that was stays as it was published until it has a new revision. At the start only.
   */
  setPanesLost(toMs: EventTimeMs): void {
    this.#standing.setPanesLost(toMs);
    for (const track of this.#memory.tracks.values()) track.panesLostToMs = toMs;
  }

  /** All that came of the agent in panes coarser than the metric's, as far back as `finalToMs`; replaces what was said before. */
  setCoarse(agent: string, coarse: readonly CoarsePanes[]): void {
    this.#standing.setCoarse(agent, coarse);
  }

  /** What of these rows is in panes coarser than the metric's: their windows' boundaries may fall into them. */
  coarseOf({ metric, layout, rowCount, startMs }: PaneRows): CoarsePanes[] {
    const { paneMs } = layout;
    const isCoarse = this.#viewsOf.get(metric)?.some((view) => view.layout.paneMs < paneMs) === true;
    if (!isCoarse) return [];
    const ranges = Array.from(startMs.subarray(0, rowCount), (fromMs) => ({
      startMs: fromMs,
      endMs: fromMs + paneMs,
    }));
    return mergeRanges(ranges, COARSE_RANGES_MAX).map((range) => ({ ...range, metric, paneMs }));
  }

  /**
   * Every window of agents' readings that starts before this is final: what they lost before it concerns no window any more.
   * -Infinity where there is none.
   */
  get finalToMs(): EventTimeMs {
    return this.#finalToMs(undefined);
  }

  /** The same of a stream of records: what is of an earlier time is in no window any more. */
  finalToMsOf(stream: string): EventTimeMs {
    return this.#finalToMs(stream);
  }

  /**
   * Whether some window of a stream of records takes what is of a time, as far as the time tells: a session may be final, or kept, in
   * one group only. What none takes is noted, as if it had come. For times from `finalToMsOf` on, before the next tick. True where
   * the stream is in no window.
   */
  takerOf(stream: string): (timeMs: EventTimeMs) => boolean {
    const views = [...this.#memory.views.values()].filter((view) => view.stream === stream);
    const tracks = views.flatMap((view) => view.tracks);
    const openFromMs = Math.min(...tracks.map((track) => track.closedEndMs));
    if (tracks.length === 0) return () => true;
    return (timeMs) => {
      if (timeMs >= openFromMs || tracks.some((track) => track.takesAt(track.view.placeOf(timeMs))))
        return true;
      for (const view of views) this.#memory.lacks(view, timeMs + 1);
      return false;
    };
  }

  /** The same of one window; -Infinity of one that is not known. */
  finalToMsOfWindow(window: string): EventTimeMs {
    return this.#memory.tracks.get(windowKeyName(window))?.finalToMs ?? -Infinity;
  }

  /** Who is expected behind a stream of records, by the names that `setFrontier` and `setLost` know them by. */
  setPartitions(stream: string, partitions: Membership): void {
    this.#standing.setPartitions(stream, partitions);
  }

  /** The stream's own time: its windows' lateness is not over before it is by this too. Only at hand where it may stand still. */
  setStreamTime(stream: string, timeMs: EventTimeMs): void {
    for (const track of this.#memory.tracks.values())
      if (track.view.stream === stream) track.streamTimeMs = timeMs;
  }

  /** To be called again after every change of the membership. */
  setMembership(membership: Membership): void {
    this.#standing.setMembership(membership);
  }

  /**
   * It is known who is expected behind agents' windows that end by then; of later ones there may be more. Those stay provisional,
   * and are not waited for. Infinity: of all.
   */
  setMembersKnownTo(toMs: EventTimeMs): void {
    this.#standing.setMembersKnownTo(toMs);
  }

  /**
   * Ranges of the store that `tick` should have: windows that become final and have left memory, and open ones that the start has left
   * for later. Mostly none. Each is to be loaded before the next is taken: that begins where it ended.
   */
  *dueRanges(trustedMs: number): Iterable<StateRange> {
    this.#restore.settle();
    // First: while a window is behind, nothing of it is due.
    if (!this.#room.isCutShort) yield* this.#restore.laterRanges();
    yield* this.#due.ask(trustedMs);
  }

  /** All entries of the range that was asked for, at most its limit. */
  loadRange(range: StateRange, entries: readonly StateEntry[]): void {
    if (!this.#restore.takeLater(range, entries)) this.#due.load(range, entries);
  }

  /** Keys that `tick` needs beside those ranges, to be loaded after them. Mostly none. */
  dueKeys(trustedMs: number): string[] {
    return [...this.#revisions.finalNeeds(trustedMs), ...this.#restore.takeKeys()];
  }

  /** The panes that windows are made of, for the history: one view of each metric and grouping. */
  get views(): Iterable<PaneView> {
    return this.#memory.views.values();
  }

  /** Keys of the panes that `computed` needs for these stored results: none where none is outdated. */
  outdatedKeys(results: readonly WindowResult[]): string[] {
    return this.#outdated.keys(results);
  }

  /** These results, the outdated ones with the values of now. `found`: what the store has under those keys. */
  computed(
    results: readonly WindowResult[],
    found: ReadonlyMap<string, Uint8Array>,
    nowMs: number,
  ): WindowResult[] {
    return this.#outdated.compute(results, found, nowMs);
  }

  /**
   * The results that are due, ordered by start, window and group. Where they are too many (`isCutShort`) the next tick, which may
   * follow at once, goes on: with windows of the present, then the oldest ones.
   */
  tick(nowMs: number, trustedMs = nowMs): WindowResult[] {
    this.#restore.settle();
    this.forgetRows();
    this.#standing.setClock(nowMs);
    this.#room.beginTick();
    const emitted = [
      ...this.#revisions.decideAll(nowMs, trustedMs),
      ...this.#revisions.finaliseAll(nowMs, trustedMs),
    ];
    this.#room.beginPart();
    for (const view of this.#memory.views.values()) {
      this.#memory.lacks(view, view.finalToMs);
      this.#forgetCoarse(view);
      this.#dropFinal(view);
    }
    this.#memory.forgetLoaded();
    this.#sweep.run(nowMs);
    return emitted
      .sort(
        (a, b) =>
          a.startMs - b.startMs || compareText(a.track.key, b.track.key) || compareText(a.group, b.group),
      )
      .map((record) => record.result)
      .filter((result) => result !== null);
  }

  /** The last tick had no room for all that was due. */
  get isCutShort(): boolean {
    return this.#room.isCutShort;
  }

  /**
   * Of the last tick: provisional results of windows that have ended, that some expected agent has passed, and whose grace is over,
   * once and then at each revision; after a restart once more.
   */
  get waitedFor(): readonly WindowResult[] {
    return this.#revisions.waitedFor.flatMap(({ result }) => result ?? []);
  }

  /** What has changed since the last call, for one atomic commit. */
  takeChanges(): StateChange[] {
    return this.#memory.takeChanges();
  }

  /** To be carried out before `restoreRanges`. */
  paneMove(): PaneMove {
    this.#paneMove = new PaneMove([...this.#memory.views.values()]);
    return this.#paneMove;
  }

  /** To be carried out after the panes have been moved, before `restoreRanges`. */
  longPaneBuild(): LongPaneBuild {
    return new LongPaneBuild([...this.#memory.views.values()]);
  }

  /** Windows of which some that are not final stay as they were, or are not there, for their panes do not have all of them; and up to when. */
  get keptWindows(): { readonly window: string; readonly metric: string; readonly toMs: EventTimeMs }[] {
    return [...this.#memory.tracks.values()].flatMap(({ spec, keptToMs, wholeFromMs, finalToMs, view }) =>
      keptToMs > Math.max(finalToMs, view.residentFromMs - spec.latenessMs)
        ? [{ window: spec.name, metric: spec.metric, toMs: wholeFromMs }]
        : [],
    );
  }

  /**
   * From when on the first windows begin that are not kept, of a metric's or of a stream's that are not final at a time. Null: there are
   * none that are, or of some none is kept.
   */
  keptToMsOf(of: { readonly metric: string } | { readonly stream: string }, timeMs: number): number | null {
    const isAsked = (view: PaneView) =>
      "metric" in of ? view.metric === of.metric : view.stream === of.stream;
    let toMs = Infinity;
    for (const track of this.#memory.tracks.values())
      if (isAsked(track.view) && track.finalToMs <= timeMs) toMs = Math.min(toMs, track.wholeFromMs);
    return Number.isFinite(toMs) ? toMs : null;
  }

  /** Whether what is stored under a name is of this engine's windows; panes of whatever size, since `paneMove` takes them. */
  holds({ kind, name }: StateName): boolean {
    const { tracks, views } = this.#memory;
    if (kind === "window") return tracks.has(name);
    return [...views.keys()].some((key) => withoutPaneSize(key) === withoutPaneSize(name));
  }

  /** What `restore` wants to see of the store. */
  restoreRanges(): StateRange[] {
    return this.#restore.ranges(this.#paneMove?.otherViews ?? []);
  }

  /** Takes up the stored state, into a new engine. Returns keys to `load` next. */
  restore(entries: readonly StateEntry[], reachedMs: ReachedMs = () => -Infinity): string[] {
    return this.#restore.take(entries, reachedMs);
  }

  get counts(): WindowEngineCounts {
    const { views, tracks, open, unreadableCount } = this.#memory;
    const sum = (sizes: Iterable<number>) => Array.from(sizes).reduce((total, size) => total + size, 0);
    return {
      panesInMemory: sum([...views.values()].flatMap(({ sets }) => sets.map(({ panes }) => panes.size))),
      windowsInMemory: sum(Array.from(tracks.values(), (track) => track.records.size)),
      windowsOpen: open.size,
      windowsForgotten: this.#sweep.forgottenCount,
      sessionsInMemory: sum(
        Array.from(views.values(), ({ sessionTracks }) => sum(sessionTracks.map(({ book }) => book.size))),
      ),
      unreadable: unreadableCount,
    };
  }

  #finalToMs(stream: string | undefined): EventTimeMs {
    let finalToMs = Infinity;
    for (const track of this.#memory.tracks.values())
      if (track.view.stream === stream) finalToMs = Math.min(finalToMs, track.finalToMs);
    // What is in no window is too late for none.
    return finalToMs === Infinity ? -Infinity : finalToMs;
  }

  /** Where the rows of a batch belong; remembered from `needs` to `apply`. */
  #place(rows: PaneRows): readonly RowPlacement[] {
    const known = this.#placed.get(rows);
    if (known !== undefined) return known;
    const { metric, groupings } = rows;
    const all = this.#viewsOf.get(metric) ?? [];
    const views = groupings === undefined ? all : all.filter(({ by }) => groupings.has(JSON.stringify(by)));
    const placements = views.map((view) => new RowPlacement(view, rows));
    this.#placed.set(rows, placements);
    return placements;
  }

  /**
   * The merge of all rows, where several views have them in one pane each, as those by site and over all mostly do; null where they
   * do not. All views of a metric have the same layout. It stands until the next batch.
   */
  #wholeOf(placements: readonly RowPlacement[], rows: PaneRows): PaneState | null {
    if (rows.isRetraction === true || rows.rowCount < MERGED_ROWS_MIN) return null;
    const wholes = placements.filter(({ panes }) => panes[0]?.rows.length === rows.rowCount);
    if (wholes.length < 2) return null;
    const [{ view, match, panes }] = wholes;
    const state = emptyPane(view.layout, this.#wholes.get(view.metric));
    this.#wholes.set(view.metric, state.fields);
    mergeRows(view.layout, state, rows, panes[0].rows, match);
    return state;
  }

  /** Merges rows into their pane, unless every window that it belongs to is final. Returns what became of them. */
  #applyTo(
    { view, match }: RowPlacement,
    { startMs, group, rows: placed }: PlacedRows,
    { rows, whole, readings, toMs, nowMs, late }: Applied,
  ): number {
    const known = view.panes.get(startMs, group);
    const isCurrent = known !== undefined && known.recordsVersion === view.version;
    const records = isCurrent ? known.records : this.#recordsOf(view, startMs, group, nowMs);
    const sessionTracks = sessionTracksOf(view, startMs, group);
    late.refuse(view, { startMs, group, readings });
    if (sessionTracks.length === 0 && !records.some(isOpen)) {
      for (const row of placed) this.#memory.lacks(view, rows.startMs[row] + rows.layout.paneMs);
      return WINDOWED;
    }
    const pane = known ?? this.#openPane(view, startMs, group);
    const { long } = view;
    if (!isCurrent && long !== null)
      pane.long =
        long.panes.get(long.paneStartOf(startMs), group) ??
        this.#openPane(long, long.paneStartOf(startMs), group);
    pane.records = records;
    pane.recordsVersion = view.version;
    const merge = (state: PaneState) => {
      if (whole !== null && placed.length === rows.rowCount) mergePane(view.layout, state, whole);
      else mergeRows(view.layout, state, rows, placed, match);
    };
    merge(pane.state);
    this.#memory.paneChanged(view, pane);
    this.#memory.comesTo(view, toMs);
    if (long !== null && pane.long !== null) {
      merge(pane.long.state);
      this.#memory.setChanged(long, pane.long);
    }
    let isRevising = false;
    for (const record of records) {
      if (!isOpen(record)) continue;
      if (late.revise(record, readings)) isRevising = true;
      this.#memory.touch(record, nowMs);
    }
    for (const track of sessionTracks) {
      const record = this.#sessions.take(track, pane, nowMs);
      if (record !== null && late.revise(record, readings)) isRevising = true;
    }
    return WINDOWED | MERGED | (isRevising ? REVISING : 0);
  }

  /** The windows of fixed place that a pane belongs to, but for those that are final. */
  #recordsOf(view: PaneView, startMs: EventTimeMs, group: string, nowMs: number): readonly WindowRecord[] {
    const records: WindowRecord[] = [];
    for (const track of view.gridTracks) {
      let brought: TimeRange | null = null;
      for (const windowMs of track.startsOver(startMs)) {
        // Until the final result is out, it takes what comes: else it would count an agent as passed whose data it refused.
        if (track.isClosed(windowMs)) continue;
        const range = { startMs: windowMs, endMs: track.grid.endOf(windowMs) };
        const record = this.#memory.record(track, range, group, nowMs);
        if (record.state === "final") continue;
        if (!record.hasPanes) brought = over(brought, range.startMs, range.endMs);
        record.hasPanes = true;
        records.push(record);
      }
      if (brought !== null) this.#memory.bringPanes(track.panes, brought, group);
    }
    return records;
  }

  #openPane(set: PaneSet, startMs: EventTimeMs, group: string): Pane {
    this.#memory.bringPanes(set, paneOver(set, startMs), group);
    return set.open(startMs, group);
  }

  /** Windows that start later have none of these panes. */
  #forgetCoarse(view: PaneView): void {
    if (view.coarse.length === 0) return;
    const left = view.coarse.filter(({ endMs }) => endMs > view.finalToMs);
    if (left.length === view.coarse.length) return;
    view.coarse = left;
    const key = coarseKey(view.key);
    if (left.length === 0) this.#memory.delete(key);
    else this.#memory.put(key, encodeCoarse(left.map(({ paneMs, endMs }) => [paneMs, endMs])));
  }

  /** Drops what only final windows look at. */
  #dropFinal(view: PaneView): void {
    for (const set of view.sets)
      for (const pane of set.panes.before(view.dropToMs)) {
        if (!this.#room.hasRoom()) break;
        this.#room.take(this.#memory.dropPane(set, pane));
      }
    for (const track of view.sessionTracks) {
      for (const { group, pageMs } of track.book.dropFinal(track.finalToMs))
        this.#memory.delete(stateKey("s", track.key, pageMs, group));
    }
  }
}

/** The pane that a time falls into. */
function paneOver(set: PaneSet, timeMs: EventTimeMs): TimeRange {
  const startMs = set.paneStartOf(timeMs);
  return { startMs, endMs: startMs + set.layout.paneMs };
}

/** The range that holds both: windows over the same pane leave nothing between them. */
function over(range: TimeRange | null, startMs: EventTimeMs, endMs: EventTimeMs): TimeRange {
  if (range === null) return { startMs, endMs };
  return { startMs: Math.min(range.startMs, startMs), endMs: Math.max(range.endMs, endMs) };
}

/** Those that take a pane that begins then. */
function sessionTracksOf(view: PaneView, startMs: EventTimeMs, group: string): readonly SessionTrack[] {
  return view.sessionTracks.length === 0
    ? view.sessionTracks
    : view.sessionTracks.filter((track) => track.takes(startMs, group));
}

/** The final revision is not out. */
function isOpen(record: WindowRecord): boolean {
  return record.state !== "final" && record.startMs >= record.track.finalToMs;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function boundsOf(options: WindowEngineOptions) {
  const bounds = {
    graceMs: options.graceMs ?? 2_000,
    emitIntervalMs: options.emitIntervalMs ?? 250,
    revisionIntervalMs: options.revisionIntervalMs ?? 1_000,
    backlogRevisionMs: options.backlogRevisionMs ?? 60_000,
    maxFutureMs: options.maxFutureMs ?? 5_000,
    hotMs: options.hotMs ?? 600_000,
    hotPanesMax: options.hotPanesMax ?? 500_000,
    panesComeMax: options.panesComeMax ?? 20_000,
    openWindowsMax: options.openWindowsMax ?? 200_000,
    longWindowPanesMin: options.longWindowPanesMin ?? 240,
    restoredMax: options.restoredMax ?? 1_000,
    dueEntriesMax: options.dueEntriesMax ?? 1_000,
    tickBytesMax: options.tickBytesMax ?? Infinity,
  };
  for (const [name, value] of Object.entries(bounds)) {
    const least = name.endsWith("Max") || name.endsWith("Min") || name === "hotMs" ? 1 : 0;
    if (!(value >= least))
      throw new Error(`cannot build the engine: ${name} is ${value}, at least ${least} is needed`);
  }
  return bounds;
}
