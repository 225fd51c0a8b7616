import type { EventTimeMs } from "../event-time.ts";
import type { PaneLayout } from "../pane-layout.ts";
import { emptyPane, mergePane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";

/** Windows of fewer panes are merged pane by pane. */
const TREE_PANES_MIN = 8;
/** The smallest node merges 2^2 panes: nodes cost at most half of what the panes do. */
const LEVEL_MIN = 2;
const LEAST_PANES = 1 << LEVEL_MIN;
/** The greatest merges 2^20 panes. */
const LEVEL_MAX = 20;

/** Panes are counted in blocks of 2^5 and 2^10: for what is empty no node is made. */
const BLOCK_LEVEL = 5;
const BLOCKS_LEVEL = 10;

/** Of one group, by level less the least, then by start in units of the node. Null where a node has no panes. */
type Nodes = Map<number, PaneState | null>[];

/**
 * Merges of panes that change behind it, of every group. A node of level k holds the merge of 2^k panes, from a multiple
 * of 2^k on; a range is the merge of at most two nodes of each level. After one pane has changed, only the nodes above it
 * are made again: O(log n) merges for a range of n panes. The shape hangs on the range alone, so that the same panes
 * always give the same bits, in whatever order they came.
 */
export class PaneTree {
  readonly #layout: PaneLayout;
  readonly #paneAt: (startMs: EventTimeMs, group: string) => PaneState | undefined;
  /** Below a node that is there, all are that have panes. */
  readonly #groups = new Map<string, Nodes>();
  readonly #counts = new Map<string, PaneCounts>();

  constructor(layout: PaneLayout, paneAt: (startMs: EventTimeMs, group: string) => PaneState | undefined) {
    this.#layout = layout;
    this.#paneAt = paneAt;
  }

  /** Nodes in memory. */
  get size(): number {
    let size = 0;
    for (const levels of this.#groups.values()) for (const nodes of levels) size += nodes.size;
    return size;
  }

  /** Whether a group has panes. */
  has(group: string): boolean {
    return this.#counts.has(group);
  }

  /** A pane is there that was not. */
  come(startMs: EventTimeMs, group: string): void {
    let counts = this.#counts.get(group);
    if (counts === undefined) {
      counts = new PaneCounts();
      this.#counts.set(group, counts);
    }
    counts.add(startMs / this.#layout.paneMs, 1);
    this.#forget(startMs, group);
  }

  /** A pane is no more. */
  go(startMs: EventTimeMs, group: string): void {
    const counts = this.#counts.get(group);
    counts?.add(startMs / this.#layout.paneMs, -1);
    if (counts?.isEmpty === true) this.#counts.delete(group);
    this.#forget(startMs, group);
  }

  /** A pane that is there has changed. */
  change(startMs: EventTimeMs, group: string): void {
    const levels = this.#groups.get(group);
    if (levels === undefined) return;
    const index = startMs / this.#layout.paneMs;
    for (let step = 0, panes = LEAST_PANES; step < levels.length; step++, panes *= 2)
      if (!levels[step].delete(Math.floor(index / panes))) return;
  }

  /** What is above a pane: where there was none, nodes may be above that have none below. */
  #forget(startMs: EventTimeMs, group: string): void {
    const index = startMs / this.#layout.paneMs;
    for (const [step, nodes] of (this.#groups.get(group) ?? []).entries())
      nodes.delete(Math.floor(index / (LEAST_PANES * 2 ** step)));
  }

  /** Forgets the nodes that start before a time; they are made again when asked for. */
  forgetBefore(timeMs: EventTimeMs): void {
    const endIndex = timeMs / this.#layout.paneMs;
    for (const [group, levels] of this.#groups) {
      let left = 0;
      for (const [step, nodes] of levels.entries()) {
        const panes = 1 << (LEVEL_MIN + step);
        for (const node of nodes.keys()) if (node * panes < endIndex) nodes.delete(node);
        left += nodes.size;
      }
      if (left === 0) this.#groups.delete(group);
    }
  }

  /** The merge of a group's panes in `[startMs, endMs)`, for the caller to keep. */
  merged(group: string, startMs: EventTimeMs, endMs: EventTimeMs): PaneState {
    const { paneMs } = this.#layout;
    const state = emptyPane(this.#layout);
    const end = endMs / paneMs;
    let index = startMs / paneMs;
    const isTree = end - index >= TREE_PANES_MIN;
    // Small enough for bits.
    let bits = modulo(index, 1 << LEVEL_MAX);
    while (index < end) {
      const level = isTree ? levelOf(bits, end - index) : 0;
      const panes = level < LEVEL_MIN ? 1 : 1 << level;
      const part =
        level < LEVEL_MIN
          ? this.#paneAt(index * paneMs, group)
          : this.#node(this.#levelsOf(group), level, index / panes, group);
      if (part !== undefined && part !== null) mergePane(this.#layout, state, part);
      index += panes;
      bits += panes;
    }
    return state;
  }

  #levelsOf(group: string): Nodes {
    let levels = this.#groups.get(group);
    if (levels === undefined) {
      levels = [];
      this.#groups.set(group, levels);
    }
    return levels;
  }

  #node(levels: Nodes, level: number, at: number, group: string): PaneState | null {
    if (this.#counts.get(group)?.hasNone(level, at) !== false) return null;
    while (levels.length <= level - LEVEL_MIN) levels.push(new Map());
    const nodes = levels[level - LEVEL_MIN];
    const known = nodes.get(at);
    if (known !== undefined) return known;
    const node = level === LEVEL_MIN ? this.#least(at, group) : this.#inner(levels, level, at, group);
    nodes.set(at, node);
    return node;
  }

  #least(at: number, group: string): PaneState | null {
    const panes: PaneState[] = [];
    // No shift: panes of half a second are numbered beyond 32 bits.
    const end = (at + 1) * LEAST_PANES;
    for (let index = at * LEAST_PANES; index < end; index++) {
      const pane = this.#paneAt(index * this.#layout.paneMs, group);
      if (pane !== undefined) panes.push(pane);
    }
    return this.#merge(panes);
  }

  #inner(levels: Nodes, level: number, at: number, group: string): PaneState | null {
    const left = this.#node(levels, level - 1, 2 * at, group);
    const right = this.#node(levels, level - 1, 2 * at + 1, group);
    return this.#merge([left, right].filter((node) => node !== null));
  }

  /** An only child is the node itself: when it changes, the node is forgotten. */
  #merge(children: readonly PaneState[]): PaneState | null {
    if (children.length < 2) return children[0] ?? null;
    const node = emptyPane(this.#layout);
    for (const child of children) mergePane(this.#layout, node, child);
    return node;
  }
}

/** How many panes of a group are in which block. */
class PaneCounts {
  readonly #blocks = new Map<number, number>();
  readonly #great = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#great.size === 0;
  }

  add(index: number, change: number): void {
    addTo(this.#blocks, Math.floor(index / 2 ** BLOCK_LEVEL), change);
    addTo(this.#great, Math.floor(index / 2 ** BLOCKS_LEVEL), change);
  }

  /** Whether the node certainly has no panes. Of a greater one its children say it. */
  hasNone(level: number, at: number): boolean {
    if (level > BLOCKS_LEVEL) return false;
    if (!this.#great.has(Math.floor(at / 2 ** (BLOCKS_LEVEL - level)))) return true;
    return level <= BLOCK_LEVEL && !this.#blocks.has(Math.floor(at / 2 ** (BLOCK_LEVEL - level)));
  }
}

function addTo(counts: Map<number, number>, at: number, change: number): void {
  const count = (counts.get(at) ?? 0) + change;
  if (count === 0) counts.delete(at);
  else counts.set(at, count);
}

/** The level of the greatest node that begins at a place, of which the low bits are given, within so many panes. */
function levelOf(bits: number, panesLeft: number): number {
  let level = 0;
  while (level < LEVEL_MAX && (bits & (1 << level)) === 0 && 1 << (level + 1) <= panesLeft) level++;
  return level;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
