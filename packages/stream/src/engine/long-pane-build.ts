import type { EventTimeMs } from "../event-time.ts";
import { mergePane } from "../pane-state.ts";
import type { PaneState } from "../pane-state.ts";
import type { StateEntry } from "./due-ranges.ts";
import { decodeLongMark, encodeLongMark } from "./long-mark.ts";
import { decodePane, encodePane } from "./pane-codec.ts";
import type { PaneView } from "./pane-view.ts";
import { longKey, parseStateKey, stateKey, stateRange, withoutPaneSize } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";
import type { StateChange } from "./window-memory.ts";

/** Entries looked at in one step. */
const ENTRIES_MAX = 1_000;

/**
 * Makes the long panes of views that have none in the store, or some of another length: of their panes, once. From then on they are
 * kept with them, as their mark says. To be called after the panes have been moved, before the engine is restored:
 *
 *   for (let range = build.nextRange(); range !== null; range = build.nextRange()) commit(build.take(read(range)));
 *
 * Interrupted anywhere it begins again at the next start, whichever long panes that needs: the mark says so.
 */
export class LongPaneBuild {
  readonly #views: readonly PaneView[];
  #at = 0;
  #step: "mark" | "clear" | "fill" = "mark";
  #fromKey = "";
  /** By group, of the stretch that begins then. */
  readonly #open = new Map<string, PaneState>();
  #openMs: EventTimeMs = -Infinity;

  constructor(views: readonly PaneView[]) {
    this.#views = views;
  }

  /** What is to be read next; null once nothing is left to do. */
  nextRange(): StateRange | null {
    const view = this.#views[this.#at];
    if (view === undefined) return null;
    if (this.#step === "mark") return { from: longKey(view.key), to: `${longKey(view.key)}\0` };
    const range =
      this.#step === "clear"
        ? stateRange("l", withoutPaneSize(view.key), -Infinity, Infinity)
        : stateRange("p", view.key, -Infinity, Infinity);
    return { ...range, from: this.#fromKey === "" ? range.from : this.#fromKey, limit: ENTRIES_MAX };
  }

  /** Takes the entries of that range; what is to be committed before the next one is read: at once, or in parts, in this order. */
  take(entries: readonly StateEntry[]): StateChange[] {
    const view = this.#views[this.#at];
    if (this.#step === "mark") return this.#takeMark(view, entries);
    const changes =
      this.#step === "clear" ? entries.map(({ key }) => ({ key, bytes: null })) : this.#fill(view, entries);
    const last = entries.at(-1);
    if (last !== undefined && entries.length >= ENTRIES_MAX) {
      this.#fromKey = `${last.key}\0`;
      return changes;
    }
    this.#fromKey = "";
    if (this.#step === "clear" && view.long !== null) {
      this.#step = "fill";
      return changes;
    }
    this.#flush(view, changes);
    changes.push({ key: longKey(view.key), bytes: encodeLongMark(view.longMark) });
    this.#next();
    return changes;
  }

  #takeMark(view: PaneView, [entry]: readonly StateEntry[]): StateChange[] {
    if (decodeLongMark(entry?.bytes) === view.longMark) {
      this.#next();
      return [];
    }
    this.#step = "clear";
    return [{ key: longKey(view.key), bytes: encodeLongMark(0) }];
  }

  #fill(view: PaneView, entries: readonly StateEntry[]): StateChange[] {
    const changes: StateChange[] = [];
    const { long } = view;
    for (const { key, bytes } of entries) {
      const parts = parseStateKey(key);
      const state = decodePane(view.layout, bytes);
      // One that cannot be read is found, and counted, by whoever needs it.
      if (parts === null || state === null || long === null) continue;
      const startMs = long.paneStartOf(parts.startMs);
      if (startMs !== this.#openMs) this.#flush(view, changes);
      this.#openMs = startMs;
      const open = this.#open.get(parts.group);
      if (open === undefined) this.#open.set(parts.group, state);
      else mergePane(long.layout, open, state);
    }
    return changes;
  }

  /** The stretch is over. */
  #flush({ long }: PaneView, changes: StateChange[]): void {
    if (long === null) return;
    for (const [group, state] of this.#open)
      changes.push({
        key: stateKey("l", long.key, this.#openMs, group),
        bytes: encodePane(long.layout, state),
      });
    this.#open.clear();
  }

  #next(): void {
    this.#at++;
    this.#step = "mark";
  }
}
