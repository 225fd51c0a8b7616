import type { PaneState } from "../pane-state.ts";
import type { WindowResult } from "../window-result.ts";
import { decodePane } from "./pane-codec.ts";
import { PaneTree } from "./pane-tree.ts";
import type { PaneSet } from "./pane-set.ts";
import type { Standing } from "./standing.ts";
import { standingOf } from "./standing-of.ts";
import { parseStateKey, stateKey, windowKeyName } from "./state-key.ts";
import { windowValues } from "./window-values.ts";
import type { WindowTrack } from "./window-track.ts";

/** What a query is told of windows that are not published again: outdated results are computed from the stored panes. */
export class OutdatedWindows {
  readonly #tracks: ReadonlyMap<string, WindowTrack>;
  readonly #standing: Standing;

  constructor(tracks: ReadonlyMap<string, WindowTrack>, standing: Standing) {
    this.#tracks = tracks;
    this.#standing = standing;
  }

  /** The keys of the panes that `compute` needs for these results; those of neighbours once. */
  keys(results: readonly WindowResult[]): string[] {
    const keys = new Set<string>();
    for (const result of results) {
      const track = this.#trackOf(result);
      if (track === undefined || track.isKept(result) || !isOutdated(track, result)) continue;
      const { view, panes } = track;
      const group = view.groupOf(result.group);
      const { startMs, endMs } = track.panesOf(result.startMs, result.endMs);
      for (let atMs = startMs; atMs < endMs; atMs += panes.layout.paneMs)
        keys.add(stateKey(panes.kind, panes.key, atMs, group));
    }
    return [...keys];
  }

  /** The same results, the outdated ones with the values of now: to the bit what the engine would publish. */
  compute(
    results: readonly WindowResult[],
    found: ReadonlyMap<string, Uint8Array>,
    nowMs: number,
  ): WindowResult[] {
    const trees = new Map<PaneSet, PaneTree>();
    return results.map((result) => {
      const track = this.#trackOf(result);
      if (track === undefined) return result;
      if (result.state !== "final" && track.isKept(result)) return this.#kept(track, result);
      // Of a window that is final by now the panes may be gone: its final result is there, or will be.
      if (!isOutdated(track, result) || result.startMs < track.finalToMs) return result;
      const { view, panes } = track;
      let tree = trees.get(panes);
      if (tree === undefined) trees.set(panes, (tree = treeOf(panes, found)));
      const { startMs, endMs } = track.panesOf(result.startMs, result.endMs);
      const merged = tree.merged(view.groupOf(result.group), startMs, endMs);
      const { isOutdated: _, top: __, ...rest } = result;
      const state = track.stateAfter(result);
      const completeness =
        state === result.state && state !== "provisional"
          ? result.completeness
          : standingOf(this.#standing, track, result, result.group).completeness;
      return { ...rest, state, ...windowValues(panes.layout, merged), completeness, computedAtMs: nowMs };
    });
  }

  /** What is kept as it was shown may lack readings by now, and says so; a final one says it itself. */
  #kept(track: WindowTrack, result: WindowResult): WindowResult {
    const { isOutdated: _, ...rest } = result;
    const { agentsCoarse } = standingOf(this.#standing, track, result, result.group).completeness;
    return { ...rest, completeness: { ...rest.completeness, ...(agentsCoarse && { agentsCoarse }) } };
  }

  /** Undefined where its window is no more what it was. */
  #trackOf(result: WindowResult): WindowTrack | undefined {
    const track = this.#tracks.get(windowKeyName(result.window));
    return track?.hasMade(result) === true ? track : undefined;
  }
}

/** Whether it lacks what came since, or while its window was away. */
function isOutdated(track: WindowTrack, result: WindowResult): boolean {
  return result.isOutdated === true || track.isStale(result);
}

/** A tree of stored panes of one length; one that cannot be read is left out. */
function treeOf({ kind, key: name, layout }: PaneSet, found: ReadonlyMap<string, Uint8Array>): PaneTree {
  const panes = new Map<string, PaneState | null>();
  const paneAt = (startMs: number, group: string) => {
    const key = stateKey(kind, name, startMs, group);
    let pane = panes.get(key);
    if (pane === undefined) {
      const bytes = found.get(key);
      pane = bytes === undefined ? null : decodePane(layout, bytes);
      panes.set(key, pane);
    }
    return pane ?? undefined;
  };
  const tree = new PaneTree(layout, paneAt);
  const prefix = `${kind}|${name}|`;
  for (const key of found.keys()) {
    const parts = key.startsWith(prefix) ? parseStateKey(key) : null;
    if (parts !== null) tree.come(parts.startMs, parts.group);
  }
  return tree;
}
