import type { CoarsePanes } from "../coarse-panes.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { PaneLayout } from "../pane-layout.ts";
import { historyBlockMs, startOf } from "../history/history-level.ts";
import { matchLayouts } from "../pane-state.ts";
import type { LayoutMatch, PaneState } from "../pane-state.ts";
import type { Labels } from "../series.ts";
import type { MetricSpec } from "../window-spec.ts";
import { GroupNames } from "./group-names.ts";
import type { GridTrack } from "./grid-track.ts";
import type { LongMark } from "./long-mark.ts";
import { PaneSet } from "./pane-set.ts";
import type { Pane } from "./pane-set.ts";
import { seriesGroups, type SeriesGroups } from "./series-groups.ts";
import type { SessionTrack } from "./session-track.ts";
import { viewKeyName, withoutPaneSize } from "./state-key.ts";
import type { WindowTrack } from "./window-track.ts";

/** The panes of a metric grouped by certain labels; every window with that metric and those labels looks at them. */
export class PaneView extends PaneSet {
  readonly metric: string;
  /** The stream of records that the metric is of; undefined: it is of agents' readings. */
  readonly stream: string | undefined;
  readonly by: readonly string[];
  readonly gridTracks: GridTrack[] = [];
  readonly sessionTracks: SessionTrack[] = [];
  /** Kept beside the panes for windows of very many: each is the merge of all that came for the panes in its stretch. Mostly null. */
  readonly long: PaneSet | null;
  readonly #groupNames: GroupNames;
  readonly #groupsOf = new WeakMap<readonly Labels[], SeriesGroups>();
  readonly #matches = new WeakMap<PaneLayout, LayoutMatch>();
  /** What of its panes was made of longer ones, in the order in which that was; up to a time, and mostly none. At the start only. */
  coarse: readonly CoarsePanes[] = [];
  /** It has, or had, all that came of its metric from here on. Of before, some was refused, dropped, or came while it was away. */
  wholeFromMs: EventTimeMs = -Infinity;
  /** Nothing that it has taken is of this time or later; in steps, so that little is written. */
  cameToMs: EventTimeMs = -Infinity;
  /** Since a window over it went away: no pane that begins before this has changed. -Infinity: none is away. */
  changedFromMs: EventTimeMs = -Infinity;
  /** Rises when windows leave memory: what panes know of their windows is out of date. */
  version = 0;
  /** Of a watched view: panes from here on stay, though they are in final windows only. */
  heldFromMs: EventTimeMs = Infinity;
  /** Of a watched view: what panes gain that begin before this comes too late to be told; it is in windows only. */
  sealedToMs: EventTimeMs = -Infinity;
  /** How often that was so. */
  tooLateCount = 0;
  /** The blocks of the history in which panes have changed; null: nobody watches. */
  #changedBlocks: Set<EventTimeMs> | null = null;
  /** Of a watched view: groups that had no pane in memory, and the start of the first since. */
  readonly #comeGroups = new Map<string, EventTimeMs>();
  readonly #blockMs: number;

  /** `longMs`: of the long panes; null: none are kept. */
  constructor(metric: MetricSpec, paneMs: number, by: readonly string[], longMs: number | null) {
    super("p", viewKeyName(metric.name, paneMs, by), paneMs, metric.accumulate);
    this.long =
      longMs === null ? null : new PaneSet("l", withoutPaneSize(this.key), longMs, metric.accumulate);
    this.metric = metric.name;
    this.stream = metric.stream;
    this.by = by;
    this.#groupNames = new GroupNames(by);
    this.#blockMs = historyBlockMs(paneMs);
  }

  get tracks(): readonly WindowTrack[] {
    return [...this.gridTracks, ...this.sessionTracks];
  }

  /** Every pane that starts before this is in final windows only. */
  get finalToMs(): EventTimeMs {
    return Math.min(...this.tracks.map((track) => track.finalToMs));
  }

  /** Every pane that starts before this may go, long ones too: no window that looks at them begins within one. Of a watched view blocks go as a whole: what still comes is added to all of its block. */
  get dropToMs(): EventTimeMs {
    if (this.#changedBlocks === null) return this.finalToMs;
    let toMs = Math.min(this.finalToMs, this.heldFromMs);
    for (const blockMs of this.#changedBlocks) toMs = Math.min(toMs, blockMs);
    return startOf(toMs, this.#blockMs);
  }

  /** From now on `takeChangedBlocks` tells what changes, and no pane goes before that. */
  watch(): void {
    this.#changedBlocks ??= new Set();
  }

  /** The starts of the history's blocks in which panes have changed since the last call. */
  takeChangedBlocks(): readonly EventTimeMs[] {
    const blocks = [...(this.#changedBlocks ?? [])];
    this.#changedBlocks?.clear();
    return blocks;
  }

  /** Groups that have come into memory since the last call, perhaps again, and when their first pane starts. */
  takeComeGroups(): readonly (readonly [string, EventTimeMs])[] {
    const groups = [...this.#comeGroups];
    this.#comeGroups.clear();
    return groups;
  }

  /** What the store says once its long panes are all there. */
  get longMark(): LongMark {
    return this.long?.layout.paneMs ?? null;
  }

  /** Its panes of either length. */
  get sets(): readonly PaneSet[] {
    return this.long === null ? [this] : [this, this.long];
  }

  /**
   * The start of the pane that what comes of a time goes into: where panes were longer, the one that what came of it then is in by
   * now, so that it can be taken out again. Every window that is not kept has both times in it, or neither. Monotone.
   */
  placeOf(timeMs: EventTimeMs): EventTimeMs {
    let placeMs = timeMs;
    for (const { paneMs, endMs } of this.coarse)
      if (placeMs < endMs) placeMs = Math.floor(placeMs / paneMs) * paneMs;
    return this.paneStartOf(placeMs);
  }

  /** The group of a series, as in keys; a label that the series lacks is "". */
  groupOf(labels: Labels): string {
    return this.#groupNames.of(labels);
  }

  /** The groups of a batch's series; the same list of series is looked at once. */
  groupsOf(series: readonly Labels[]): SeriesGroups {
    let groups = this.#groupsOf.get(series);
    if (groups === undefined) {
      groups = seriesGroups(series, (labels) => this.groupOf(labels));
      this.#groupsOf.set(series, groups);
    }
    return groups;
  }

  /** Where the parts of this view's layout stand in that of a batch; the same layout is looked at once. */
  matchOf(layout: PaneLayout): LayoutMatch {
    let match = this.#matches.get(layout);
    if (match === undefined) {
      match = matchLayouts(this.layout, layout);
      this.#matches.set(layout, match);
    }
    return match;
  }

  labelsOf(group: string): Labels {
    const values: readonly string[] = JSON.parse(group);
    return Object.fromEntries(this.by.map((name, index) => [name, values[index] ?? ""]));
  }

  override open(startMs: EventTimeMs, group: string, state?: PaneState): Pane {
    if (this.#changedBlocks !== null && !this.tree.has(group)) this.#comeGroups.set(group, startMs);
    return super.open(startMs, group, state);
  }

  override change(pane: Pane): void {
    super.change(pane);
    const { startMs } = pane;
    if (startMs < this.sealedToMs) this.tooLateCount += 1;
    else this.#changedBlocks?.add(startOf(startMs, this.#blockMs));
  }
}
