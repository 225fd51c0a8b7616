import type { PipelineMetric } from "@millrace/config";
import {
  type AlignedWindowSpec,
  emptyPane,
  type Labels,
  labelsKey,
  matchLayouts,
  mergeRows,
  paneLayout,
  type PaneLayout,
  paneResults,
  type PaneState,
  PaneTable,
  PaneTree,
  type SeriesWatermarks,
  type WindowGrid,
  windowGrid,
} from "@millrace/stream";
import type { Series } from "./series-registry.ts";

/** How long after its end a window at the agent still takes what comes late. */
export const CORRECTIONS_MS = 60_000;
/** Panes that the windows of one metric and grouping keep. */
const PANES_MAX = 200_000;
/** Panes that are not passed yet, of the same. */
const OPEN_PANES_MAX = 20_000;

/** What a window of the agent's own series says once the watermark has passed its end, or says anew. */
export interface WatchedResult {
  readonly window: string;
  /** Small number of the group, for as long as this process runs. */
  readonly group: number;
  readonly labels: Labels;
  readonly endMs: number;
  readonly values: Readonly<Record<string, number>>;
  /** It was told before. */
  readonly isRevision: boolean;
}

export interface WatchedWindowsOptions {
  readonly metrics: readonly PipelineMetric[];
  /** Those that rules look at. */
  readonly windows: readonly AlignedWindowSpec[];
  readonly watermarks: SeriesWatermarks;
  readonly outOfOrdernessMs: number;
  /** Most groups of one metric and grouping. */
  readonly groupsMax: number;
}

/**
 * The windows that this agent's rules look at, of its own series. They are in memory only: after a restart the redo log
 * gives their readings again, which it keeps for as long as the longest of them takes any.
 *
 * A group is passed as far as the agent is, or as its own series are, whichever is further: one silent machine does not
 * hold up the windows of another.
 */
export class WatchedWindows {
  readonly #views = new Map<string, WatchedView[]>();

  constructor(options: WatchedWindowsOptions) {
    for (const metric of options.metrics) {
      const own = options.windows.filter((window) => window.metric === metric.name);
      const byGrouping = Map.groupBy(own, ({ by }) => JSON.stringify(by));
      const views = [...byGrouping.values()].map((specs) => new WatchedView(metric, specs, options));
      if (views.length > 0) this.#views.set(metric.name, views);
    }
  }

  /** Whether any of them is of this metric. */
  has(metric: string): boolean {
    return this.#views.has(metric);
  }

  /** Adds a good reading. */
  add(series: Series, timeMs: number, value: number): void {
    const views = this.#views.get(series.metric);
    if (views === undefined) return;
    for (let i = 0; i < views.length; i++) views[i].add(series, timeMs, value);
  }

  /** What has been passed, or has changed, since the last call; of each group in order of the windows' ends. */
  take(agentWatermarkMs: number | null, steadyMs: number): readonly WatchedResult[] {
    if (this.#views.size === 0) return NOTHING;
    const results: WatchedResult[] = [];
    for (const views of this.#views.values())
      for (const view of views) view.take(agentWatermarkMs ?? Number.NEGATIVE_INFINITY, steadyMs, results);
    return results;
  }

  /** Readings that were not taken because there were too many groups or panes. */
  get refusedCount(): number {
    let count = 0;
    for (const views of this.#views.values()) for (const view of views) count += view.refusedCount;
    return count;
  }
}

const NOTHING: readonly WatchedResult[] = Object.freeze([]);

interface Track {
  readonly spec: AlignedWindowSpec;
  readonly grid: WindowGrid;
}

interface Instance {
  readonly track: Track;
  readonly startMs: number;
  readonly endMs: number;
  isTold: boolean;
  isDue: boolean;
}

interface Group {
  readonly index: number;
  readonly labels: Labels;
  readonly series: number[];
  readonly panes: Map<number, PaneState>;
  /** By window and start. */
  readonly instances: Map<string, Instance>;
  passedMs: number;
  sweptMs: number;
  /** The least end of what is due; Infinity where nothing is. */
  dueMs: number;
}

/** The panes of one metric and grouping, and the windows over them. */
class WatchedView {
  readonly #options: WatchedWindowsOptions;
  readonly #by: readonly string[];
  readonly #layout: PaneLayout;
  readonly #tracks: readonly Track[];
  readonly #keepMs: number;
  readonly #open: PaneTable;
  readonly #tree: PaneTree;
  readonly #groups: Group[] = [];
  readonly #groupByKey = new Map<string, Group>();
  readonly #groupByLabels = new Map<Labels, Group>();
  /** By series; -1 unknown, -2 refused. */
  #groupOfSeries = new Int32Array(0);
  #paneCount = 0;
  #refusedCount = 0;

  constructor(metric: PipelineMetric, specs: readonly AlignedWindowSpec[], options: WatchedWindowsOptions) {
    this.#options = options;
    this.#by = specs[0].by;
    this.#layout = paneLayout(metric.paneMs ?? 0, metric.accumulate);
    this.#tracks = specs.map((spec) => ({ spec, grid: windowGrid(spec) }));
    this.#keepMs = Math.max(...specs.map(({ sizeMs }) => sizeMs)) + CORRECTIONS_MS;
    this.#open = new PaneTable(metric.name, this.#layout, { rowsMax: OPEN_PANES_MAX });
    this.#tree = new PaneTree(this.#layout, (startMs, group) =>
      this.#groups[Number(group)].panes.get(startMs),
    );
  }

  get refusedCount(): number {
    return this.#refusedCount + this.#open.refusedCount;
  }

  add(series: Series, timeMs: number, value: number): void {
    let group = series.index < this.#groupOfSeries.length ? this.#groupOfSeries[series.index] : UNKNOWN;
    if (group === UNKNOWN) group = this.#admit(series);
    if (group === FULL) this.#refusedCount++;
    else this.#open.add(group, timeMs, value);
  }

  take(agentWatermarkMs: number, steadyMs: number, results: WatchedResult[]): void {
    for (const group of this.#groups)
      group.passedMs = Math.max(agentWatermarkMs, this.#ownWatermarkMs(group, steadyMs));
    this.#mergePassed();
    for (const group of this.#groups) {
      if (group.dueMs <= group.passedMs) this.#tell(group, results);
      this.#sweep(group);
    }
  }

  /** The least of its series that are not idle. */
  #ownWatermarkMs({ series }: Group, steadyMs: number): number {
    const { watermarks, outOfOrdernessMs } = this.#options;
    let leastMs = Infinity;
    for (let i = 0; i < series.length; i++) {
      const timeMs = watermarks.maxTimeMs(series[i]);
      if (timeMs !== null && timeMs < leastMs && !watermarks.isIdle(series[i], steadyMs)) leastMs = timeMs;
    }
    return leastMs === Infinity ? Number.NEGATIVE_INFINITY : leastMs - outOfOrdernessMs;
  }

  /** Panes that are passed join those that are kept; what came for them since they did is merged into them. */
  #mergePassed(): void {
    const { paneMs } = this.#layout;
    const rows = this.#open.take((group) => this.#groups[group].labels, {
      accept: (group, startMs) => startMs + paneMs <= this.#groups[group].passedMs,
    });
    const match = matchLayouts(this.#layout, rows.layout);
    for (let row = 0; row < rows.rowCount; row++) {
      const group = this.#groupByLabels.get(rows.series[rows.seriesIndex[row]]);
      const startMs = rows.startMs[row];
      if (group === undefined || startMs + this.#keepMs <= group.passedMs) continue;
      const name = String(group.index);
      let pane = group.panes.get(startMs);
      if (pane === undefined) {
        if (this.#paneCount >= PANES_MAX) {
          this.#refusedCount++;
          continue;
        }
        this.#paneCount++;
        pane = emptyPane(this.#layout);
        group.panes.set(startMs, pane);
        this.#tree.come(startMs, name);
      }
      mergeRows(this.#layout, pane, rows, [row], match);
      this.#tree.change(startMs, name);
      this.#mark(group, startMs);
    }
  }

  /** The windows of a pane are due. */
  #mark(group: Group, paneMs: number): void {
    for (const [index, track] of this.#tracks.entries()) {
      for (const startMs of track.grid.startsAt(paneMs)) {
        const endMs = track.grid.endOf(startMs);
        if (endMs + CORRECTIONS_MS <= group.passedMs) continue;
        const key = `${index} ${startMs}`;
        const known = group.instances.get(key);
        if (known === undefined)
          group.instances.set(key, { track, startMs, endMs, isTold: false, isDue: true });
        else known.isDue = true;
        group.dueMs = Math.min(group.dueMs, endMs);
      }
    }
  }

  #tell(group: Group, results: WatchedResult[]): void {
    const { index, labels, passedMs } = group;
    const due = [...group.instances.values()].filter(({ isDue, endMs }) => isDue && endMs <= passedMs);
    for (const instance of due.toSorted((a, b) => a.endMs - b.endMs || a.startMs - b.startMs)) {
      const { track, startMs, endMs, isTold } = instance;
      const merged = this.#tree.merged(String(index), startMs, endMs);
      const values = paneResults(this.#layout, merged);
      results.push({ window: track.spec.name, group: index, labels, endMs, values, isRevision: isTold });
      instance.isTold = true;
      instance.isDue = false;
    }
    group.dueMs = Infinity;
    for (const { isDue, endMs } of group.instances.values())
      if (isDue) group.dueMs = Math.min(group.dueMs, endMs);
  }

  /** Forgets what takes nothing any more. */
  #sweep(group: Group): void {
    if (group.passedMs < group.sweptMs + this.#layout.paneMs && group.passedMs >= group.sweptMs) return;
    group.sweptMs = group.passedMs;
    for (const [key, { endMs }] of group.instances)
      if (endMs + CORRECTIONS_MS <= group.passedMs) group.instances.delete(key);
    for (const startMs of group.panes.keys()) {
      if (startMs + this.#keepMs > group.passedMs) continue;
      group.panes.delete(startMs);
      this.#paneCount--;
      this.#tree.go(startMs, String(group.index));
    }
  }

  #admit(series: Series): number {
    const labels = Object.fromEntries(this.#by.map((name) => [name, series.labels[name] ?? ""]));
    const key = labelsKey(labels);
    let group = this.#groupByKey.get(key);
    if (group === undefined && this.#groups.length < this.#options.groupsMax) {
      group = {
        index: this.#groups.length,
        labels,
        series: [],
        panes: new Map(),
        instances: new Map(),
        passedMs: Number.NEGATIVE_INFINITY,
        sweptMs: Number.NEGATIVE_INFINITY,
        dueMs: Infinity,
      };
      this.#groups.push(group);
      this.#groupByKey.set(key, group);
      this.#groupByLabels.set(labels, group);
    }
    group?.series.push(series.index);
    if (series.index >= this.#groupOfSeries.length) {
      const grown = new Int32Array(Math.max(64, (series.index + 1) * 2)).fill(UNKNOWN);
      grown.set(this.#groupOfSeries);
      this.#groupOfSeries = grown;
    }
    return (this.#groupOfSeries[series.index] = group?.index ?? FULL);
  }
}

const UNKNOWN = -1;
const FULL = -2;
