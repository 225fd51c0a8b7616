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
  readingCountOfRow,
  type PaneState,
  PaneTable,
  PaneTree,
  type SeriesWatermarks,
  type WindowGrid,
  windowGrid,
} from "@millrace/stream";
import type { Series } from "../intake/series-registry.ts";

/** How long after its end a window at the agent still takes what comes late. */
export const CORRECTIONS_MS = 60_000;
/** Panes that all of them keep by default, 0.6 KB each: a group has (size + CORRECTIONS_MS) / pane of them. */
const PANES_MAX = 400_000;
/** Panes that are not passed yet, of one metric and grouping, 0.2 KB each. */
const OPEN_PANES_MAX = 200_000;
/** Views of one metric that only tell of windows of before a change; beyond it the oldest are given up. */
const ENDING_VIEWS_MAX = 8;

/** What a window of the agent's own series says once the watermark has passed its end, or says anew. */
export interface WatchedResult {
  readonly window: string;
  /** Small number of the group among all of the metric, for as long as this process runs. */
  readonly group: number;
  readonly labels: Labels;
  readonly endMs: number;
  readonly values: Readonly<Record<string, number>>;
  /** It was told before. */
  readonly isRevision: boolean;
}

/** What is measured, and of its windows those that rules look at. */
export interface Watching {
  readonly metrics: readonly PipelineMetric[];
  readonly windows: readonly AlignedWindowSpec[];
}

export interface WatchedWindowsOptions extends Watching {
  readonly watermarks: SeriesWatermarks;
  readonly outOfOrdernessMs: number;
  /** Most groups of one metric and grouping. */
  readonly groupsMax: number;
  /** Most panes that are kept, of all. */
  readonly panesMax?: number;
}

/**
 * The windows that this agent's rules look at, of its own series. They are in memory only: after a restart the redo log
 * gives their readings again, which it keeps for as long as the longest of them takes any.
 *
 * A group is passed as far as the agent is, or as its own series are, whichever is further: one silent machine does not
 * hold up the windows of another.
 *
 * Where the windows change while it runs, each window is one view's alone: those that began before the change are told by
 * the view that has their readings.
 */
export class WatchedWindows {
  readonly #options: WatchedWindowsOptions;
  #views: ReadonlyMap<string, readonly WatchedView[]>;
  /** Of the groups of each metric, by labels: the same in all of its views, whatever comes and goes. */
  readonly #numbers = new Map<string, Map<string, number>>();
  /** Of views that are no more. */
  #formerRefusedCount = 0;

  constructor(options: WatchedWindowsOptions) {
    this.#options = options;
    this.#views = this.#viewsOf(options, Number.NEGATIVE_INFINITY, () => undefined);
  }

  /** Makes ready for other windows; what is returned takes them over. No reading of `fromMs` or later has come yet. */
  prepare(watching: Watching, fromMs: number): () => void {
    const present = (view: WatchedView) =>
      this.#views.get(view.metric)?.find((other) => !other.isEnding && other.isOf(view.by));
    const views = this.#viewsOf(watching, fromMs, present);
    return () => {
      for (const [metric, before] of this.#views) {
        const after = views.get(metric);
        if (after === undefined) {
          this.#numbers.delete(metric);
          continue;
        }
        const isFollowed = (view: WatchedView) => after.some((other) => other.isOf(view.by));
        const ending = before.filter((view) => !after.includes(view) && isFollowed(view));
        for (const view of ending) view.end(fromMs);
        views.set(metric, [...ending.slice(-ENDING_VIEWS_MAX), ...after]);
      }
      this.#adopt(views);
    };
  }

  #adopt(after: ReadonlyMap<string, readonly WatchedView[]>): void {
    for (const [metric, views] of this.#views)
      for (const view of views)
        if (after.get(metric)?.includes(view) !== true) this.#formerRefusedCount += view.refusedCount;
    this.#views = after;
  }

  /** `present`: the view that there is for the same groups. */
  #viewsOf(
    { metrics, windows }: Watching,
    fromMs: number,
    present: (view: WatchedView) => WatchedView | undefined,
  ): Map<string, readonly WatchedView[]> {
    const all = new Map<string, readonly WatchedView[]>();
    for (const metric of metrics) {
      const own = windows.filter((window) => window.metric === metric.name);
      const byGrouping = Map.groupBy(own, ({ by }) => JSON.stringify(by));
      const views = [...byGrouping.values()].map((specs) => {
        const numberOf = (key: string) => this.#numberOf(metric.name, key);
        const hasRoom = () => this.#paneCount < (this.#options.panesMax ?? PANES_MAX);
        const view = new WatchedView(metric, specs, { ...this.#options, fromMs, numberOf, hasRoom });
        const before = present(view);
        if (before?.isLike(view) === true) return before;
        if (before !== undefined) view.adoptSeries(before);
        return view;
      });
      if (views.length > 0) all.set(metric.name, views);
    }
    return all;
  }

  #numberOf(metric: string, key: string): number {
    let numbers = this.#numbers.get(metric);
    if (numbers === undefined) {
      numbers = new Map();
      this.#numbers.set(metric, numbers);
    }
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
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
    const watermarkMs = agentWatermarkMs ?? Number.NEGATIVE_INFINITY;
    let isAnyOver = false;
    for (const views of this.#views.values()) {
      for (const view of views) {
        view.take(watermarkMs, steadyMs, results);
        if (view.isOver(watermarkMs)) isAnyOver = true;
      }
    }
    if (isAnyOver) this.#drop((view) => view.isOver(watermarkMs));
    return results;
  }

  #drop(isDropped: (view: WatchedView) => boolean): void {
    this.#adopt(
      new Map([...this.#views].map(([metric, views]) => [metric, views.filter((view) => !isDropped(view))])),
    );
  }

  get #paneCount(): number {
    let count = 0;
    for (const views of this.#views.values()) for (const view of views) count += view.paneCount;
    return count;
  }

  /** Readings that were not taken because there were too many groups or panes. Only grows. */
  get refusedCount(): number {
    let count = this.#formerRefusedCount;
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
  /** In this view. */
  readonly index: number;
  /** For whoever is told. */
  readonly number: number;
  readonly labels: Labels;
  readonly series: number[];
  readonly panes: Map<number, PaneState>;
  /** By window and start. */
  readonly instances: Map<string, Instance>;
  passedMs: number;
  /** `passedMs` before this call: what was open then is told, however far the watermark has come since. */
  beforeMs: number;
  sweptMs: number;
  /** The least end of what is due; Infinity where nothing is. */
  dueMs: number;
}

interface WatchedViewOptions extends WatchedWindowsOptions {
  /** Windows that begin before are another view's, or nobody's. */
  readonly fromMs: number;
  numberOf(key: string): number;
  /** Whether another pane may be kept. */
  hasRoom(): boolean;
}

/** The panes of one metric and grouping, and the windows over them. */
class WatchedView {
  readonly metric: string;
  readonly by: readonly string[];
  readonly #options: WatchedViewOptions;
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
  /** Null where each group is to be looked at. */
  #resting: {
    readonly version: number;
    readonly groupCount: number;
    readonly untilMs: number;
    passedMs: number;
    readonly steadyMs: number;
  } | null = null;
  /** Windows that begin from here on are another view's. */
  #untilMs = Infinity;

  constructor(metric: PipelineMetric, specs: readonly AlignedWindowSpec[], options: WatchedViewOptions) {
    this.metric = metric.name;
    this.by = specs[0].by;
    this.#options = options;
    this.#layout = paneLayout(metric.paneMs ?? 0, metric.accumulate);
    this.#tracks = specs.map((spec) => ({ spec, grid: windowGrid(spec) }));
    this.#keepMs = Math.max(...specs.map(({ sizeMs }) => sizeMs)) + CORRECTIONS_MS;
    this.#open = new PaneTable(metric.name, this.#layout, { rowsMax: OPEN_PANES_MAX });
    this.#tree = new PaneTree(this.#layout, (startMs, group) =>
      this.#groups[Number(group)].panes.get(startMs),
    );
  }

  get paneCount(): number {
    return this.#paneCount;
  }

  get refusedCount(): number {
    return this.#refusedCount + this.#open.refusedCount;
  }

  /** Whether its groups are by these labels. */
  isOf(by: readonly string[]): boolean {
    return JSON.stringify(this.by) === JSON.stringify(by);
  }

  /** Whether it tells of the same windows the same. */
  isLike(other: WatchedView): boolean {
    const specs = (view: WatchedView) => JSON.stringify(view.#tracks.map(({ spec }) => spec));
    return this.#layout.key === other.#layout.key && specs(this) === specs(other);
  }

  /** What is heard of those holds its groups back as it did those of the view before. */
  adoptSeries(before: WatchedView): void {
    for (const { labels, series } of before.#groups) for (const index of series) this.#admit(index, labels);
  }

  /** It tells of what begins before only. */
  end(untilMs: number): void {
    this.#untilMs = Math.min(this.#untilMs, untilMs);
  }

  get isEnding(): boolean {
    return this.#untilMs !== Infinity;
  }

  /** None of its windows takes anything any more. */
  isOver(agentWatermarkMs: number): boolean {
    return agentWatermarkMs >= this.#untilMs + this.#keepMs;
  }

  add(series: Series, timeMs: number, value: number): void {
    let group = series.index < this.#groupOfSeries.length ? this.#groupOfSeries[series.index] : UNKNOWN;
    if (group === UNKNOWN) group = this.#admit(series.index, this.#labelsOf(series));
    if (group === FULL) this.#refusedCount++;
    else this.#open.add(group, timeMs, value);
  }

  take(agentWatermarkMs: number, steadyMs: number, results: WatchedResult[]): void {
    if (this.#rests(agentWatermarkMs, steadyMs)) return;
    let isIdle = true;
    for (const group of this.#groups) {
      group.beforeMs = group.passedMs;
      const ownMs = this.#ownWatermarkMs(group, steadyMs);
      if (ownMs !== Number.NEGATIVE_INFINITY) isIdle = false;
      group.passedMs = Math.max(agentWatermarkMs, ownMs);
    }
    if (this.#open.rowCount > 0) this.#mergePassed();
    for (const group of this.#groups) {
      if (group.dueMs <= group.passedMs) this.#tell(group, results);
      this.#sweep(group);
    }
    if (isIdle && this.#open.rowCount === 0) this.#rest(agentWatermarkMs, steadyMs);
  }

  /** All series are idle, and nothing is open: as long as nothing is heard, groups pass as the agent does. */
  #rest(agentWatermarkMs: number, steadyMs: number): void {
    let untilMs = Infinity;
    for (const { dueMs, sweptMs, panes, instances } of this.#groups) {
      const sweepMs = panes.size + instances.size > 0 ? sweptMs + this.#layout.paneMs : Infinity;
      untilMs = Math.min(untilMs, dueMs, sweepMs);
    }
    const { version } = this.#options.watermarks;
    const groupCount = this.#groups.length;
    this.#resting = { version, groupCount, untilMs, passedMs: agentWatermarkMs, steadyMs };
  }

  /** Whether nothing is to be told or forgotten yet. */
  #rests(agentWatermarkMs: number, steadyMs: number): boolean {
    const resting = this.#resting;
    if (resting === null) return false;
    if (
      resting.version === this.#options.watermarks.version &&
      this.#open.rowCount === 0 &&
      steadyMs >= resting.steadyMs &&
      agentWatermarkMs >= resting.passedMs &&
      agentWatermarkMs < resting.untilMs
    ) {
      resting.passedMs = agentWatermarkMs;
      return true;
    }
    // Groups that have come since have passed nothing yet.
    for (const group of this.#groups.slice(0, resting.groupCount))
      group.passedMs = Math.max(group.passedMs, resting.passedMs);
    this.#resting = null;
    return false;
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
      if (group === undefined || startMs + this.#keepMs <= group.beforeMs) continue;
      const name = String(group.index);
      let pane = group.panes.get(startMs);
      if (pane === undefined) {
        if (!this.#options.hasRoom()) {
          this.#refusedCount += readingCountOfRow(rows.layout, rows.state, row * rows.layout.stride);
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
        if (startMs < this.#options.fromMs || startMs >= this.#untilMs) continue;
        const endMs = track.grid.endOf(startMs);
        if (endMs + CORRECTIONS_MS <= group.beforeMs) continue;
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
    const { index, number, labels, passedMs } = group;
    const due = [...group.instances.values()].filter(({ isDue, endMs }) => isDue && endMs <= passedMs);
    for (const instance of due.toSorted((a, b) => a.endMs - b.endMs || a.startMs - b.startMs)) {
      const { track, startMs, endMs, isTold } = instance;
      const merged = this.#tree.merged(String(index), startMs, endMs);
      const values = paneResults(this.#layout, merged);
      results.push({ window: track.spec.name, group: number, labels, endMs, values, isRevision: isTold });
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

  #labelsOf(series: Series): Labels {
    return Object.fromEntries(this.by.map((name) => [name, series.labels[name] ?? ""]));
  }

  #admit(series: number, labels: Labels): number {
    const key = labelsKey(labels);
    let group = this.#groupByKey.get(key);
    if (group === undefined && this.#groups.length < this.#options.groupsMax) {
      group = {
        index: this.#groups.length,
        number: this.#options.numberOf(key),
        labels,
        series: [],
        panes: new Map(),
        instances: new Map(),
        passedMs: Number.NEGATIVE_INFINITY,
        beforeMs: Number.NEGATIVE_INFINITY,
        sweptMs: Number.NEGATIVE_INFINITY,
        dueMs: Infinity,
      };
      this.#groups.push(group);
      this.#groupByKey.set(key, group);
      this.#groupByLabels.set(labels, group);
    }
    group?.series.push(series);
    if (series >= this.#groupOfSeries.length) {
      const grown = new Int32Array(Math.max(64, (series + 1) * 2)).fill(UNKNOWN);
      grown.set(this.#groupOfSeries);
      this.#groupOfSeries = grown;
    }
    return (this.#groupOfSeries[series] = group?.index ?? FULL);
  }
}

const UNKNOWN = -1;
const FULL = -2;
