import { emptyPane, mergePane } from "../pane-state.ts";
import { addCoarseMove, decodeCoarse, encodeCoarse, heldToMs } from "./coarse-codec.ts";
import { decodeLongMark, encodeLongMark } from "./long-mark.ts";
import { decodePane, encodePane } from "./pane-codec.ts";
import type { PaneView } from "./pane-view.ts";
import {
  coarseKey,
  longKey,
  parseStateKey,
  stateKey,
  viewPaneMs,
  wholeKey,
  withoutPaneSize,
} from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { StateEntry } from "./due-ranges.ts";
import { decodeViewEntry } from "./view-entry.ts";
import type { StateChange } from "./window-memory.ts";

/** Panes moved in one commit. */
const MOVED_PANES_MAX = 1_000;

/**
 * Brings panes that were stored with another pane size into the panes that the windows use by now, so that a window
 * keeps what it holds when a window beside it comes or goes. To be called before the engine is restored:
 *
 *   for (let range = move.nextRange(); range !== null; range = move.nextRange()) {
 *     const keys = move.take(read(range));
 *     commit(move.merge(keys.map(read)));
 *   }
 *
 * Each commit puts the new panes and deletes the old ones together: interrupted anywhere, the next start goes on from there.
 *
 * A stored pane goes into the pane that contains its start. Finer panes merge into coarser ones exactly. Of a coarser one nobody
 * can tell what of it belongs into which of the finer: up to when there are such panes is stored with them, windows with a
 * boundary in one stay as they were shown (`WindowTrack.isKept`), and what still comes goes where the others went (`PaneView.placeOf`).
 */
export class PaneMove {
  readonly #viewKeys: ReadonlySet<string>;
  readonly #views: ReadonlyMap<string, PaneView>;
  #fromKey: string | null = "p|";
  /** The view of another pane size whose panes are moved now; null while the next one is looked for. */
  #old: { readonly name: string; readonly paneMs: number; readonly view: PaneView } | null = null;
  #entries: readonly StateEntry[] = [];
  readonly #otherViews: string[] = [];

  constructor(views: readonly PaneView[]) {
    this.#viewKeys = new Set(views.map((view) => view.key));
    this.#views = new Map(views.map((view) => [withoutPaneSize(view.key), view]));
  }

  /** Names of the views that were met and are none of these. */
  get otherViews(): readonly string[] {
    return this.#otherViews;
  }

  /** What is to be read next; null when every pane has its place. */
  nextRange(): StateRange | null {
    if (this.#fromKey === null) return null;
    if (this.#old === null) return { from: this.#fromKey, to: "p}", limit: 1 };
    return { from: this.#fromKey, to: `p|${this.#old.name}}`, limit: MOVED_PANES_MAX };
  }

  /** Takes the entries of that range; the keys whose values `merge` needs. */
  take(entries: readonly StateEntry[]): string[] {
    this.#entries = [];
    const last = entries.at(-1);
    if (last === undefined) {
      this.#fromKey = this.#old === null ? null : `p|${this.#old.name}}`;
      this.#old = null;
      return [];
    }
    if (this.#old === null) {
      const name = parseStateKey(last.key)?.name;
      const view = name === undefined ? undefined : this.#views.get(withoutPaneSize(name));
      if (name === undefined) this.#fromKey = after(last.key);
      else if (view !== undefined && !this.#viewKeys.has(name))
        this.#old = { name, paneMs: viewPaneMs(name), view };
      else {
        if (view === undefined) this.#otherViews.push(name);
        this.#fromKey = `p|${name}}`;
      }
      return [];
    }
    this.#fromKey = after(last.key);
    this.#entries = entries;
    const { key } = this.#old.view;
    return [coarseKey(key), wholeKey(key), longKey(key), ...this.#targets().keys()];
  }

  /** The changes that move what `take` took, for one commit; `found` in the order of the keys that it returned. */
  merge([coarse, whole, mark, ...found]: readonly (Uint8Array | undefined)[]): StateChange[] {
    if (this.#old === null) return [];
    const { key: viewKey, layout, longMark } = this.#old.view;
    const changes = this.#coarsen(coarse, whole);
    // Others that were kept with panes of before: what is moved may lie in several of them.
    if (![null, longMark].includes(decodeLongMark(mark)))
      changes.push({ key: longKey(viewKey), bytes: encodeLongMark(0) });
    for (const [index, [key, olds]] of [...this.#targets()].entries()) {
      const stored = found[index];
      const state = (stored === undefined ? null : decodePane(layout, stored)) ?? emptyPane(layout);
      for (const old of olds) {
        const from = decodePane(layout, old.bytes);
        if (from === null) continue;
        mergePane(layout, state, from);
        changes.push({ key: old.key, bytes: null });
      }
      changes.push({ key, bytes: encodePane(layout, state) });
    }
    return changes;
  }

  /** Where the panes do not go into longer ones: up to when windows may have boundaries in them. */
  #coarsen(stored: Uint8Array | undefined, whole: Uint8Array | undefined): StateChange[] {
    const lastMs = parseStateKey(this.#entries.at(-1)?.key ?? "")?.startMs;
    if (this.#old === null || lastMs === undefined) return [];
    const { paneMs, view } = this.#old;
    if (view.layout.paneMs % paneMs === 0) return [];
    const moves = stored === undefined ? [] : decodeCoarse(stored);
    const heldMs = Math.max(lastMs + paneMs, heldToMs(moves, paneMs));
    // Windows that begin behind all that has come have none of it.
    const { cameToMs = Infinity } = whole === undefined ? {} : decodeViewEntry(whole);
    const endMs = Math.min(heldMs, cameToMs);
    return [{ key: coarseKey(view.key), bytes: encodeCoarse(addCoarseMove(moves, paneMs, endMs)) }];
  }

  #targets(): Map<string, StateEntry[]> {
    const targets = new Map<string, StateEntry[]>();
    for (const entry of this.#entries) {
      const parts = parseStateKey(entry.key);
      if (parts === null || this.#old === null) continue;
      const { key, layout } = this.#old.view;
      const startMs = Math.floor(parts.startMs / layout.paneMs) * layout.paneMs;
      const target = stateKey("p", key, startMs, parts.group);
      const olds = targets.get(target);
      if (olds === undefined) targets.set(target, [entry]);
      else olds.push(entry);
    }
    return targets;
  }
}

/** The key that follows directly. */
function after(key: string): string {
  return `${key}\0`;
}
