import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";

/**
 * Where the engine's state lies in the caller's store. Keys are text (UTF-8 on disk) and order by kind, name, time:
 *
 *   p|{view}|{start}|{group}     one pane of one group: accumulators (pane-codec.ts)
 *   l|{view}|{start}|{group}     one long pane of one group: as a pane
 *   m|{view}                     how long the long panes of a view are, and that they hold all that its panes do (long-mark.ts)
 *   w|{window}|{start}|{group}   last result of one window of one group (window-codec.ts)
 *   o|{window}|{start}|{group}   marker: not complete, or changed since its last result (open-marker.ts)
 *   s|{window}|{start}|{group}   where a group's sessions lie that begin in one page of time (session-codec.ts)
 *   f|{window}                   every window that starts before this is final: decimal ms
 *   c|{view}                     up to when its panes are made of longer ones (coarse-codec.ts)
 *   v|{view}                     from when on it has all that came (view-entry.ts)
 *   n|{window}                   it was there at the last start, and from when on it is whole (window-presence.ts)
 *
 *   {view}    metric@paneMs:label,label   each name percent-encoded, so no bar inside; without the size where one stands for all (c, l, m, v)
 *   {window}  the window's name, percent-encoded
 *   {start}   event time ms + 2^52 as 14 hex digits: sorts, before 1970 too
 *   {group}   JSON array of the group's label values, in the order of `by`; may hold bars, being last
 */
export type StateKind = PaneKind | "w" | "o" | "s";
export type PaneKind = "p" | "l";

/** Times beyond this (about 142,000 years either side of 1970) have no key. */
export const STATE_TIME_MS_MAX = 2 ** 52 - 1;

/** Keys with `from <= key < to`; at most `limit` of them, from the end when `isReverse`. */
export interface StateRange {
  readonly from: string;
  readonly to: string;
  readonly limit?: number;
  readonly isReverse?: boolean;
}

export interface StateKeyParts {
  readonly kind: StateKind;
  /** View or window, as in the key. */
  readonly name: string;
  readonly startMs: EventTimeMs;
  readonly group: string;
}

export function stateKey(kind: StateKind, name: string, startMs: EventTimeMs, group: string): string {
  return `${kind}|${name}|${startCode(startMs)}|${group}`;
}

export function parseStateKey(key: string): StateKeyParts | null {
  const match = /^([plwos])\|([^|]*)\|([0-9a-f]{14})\|(.*)$/s.exec(key);
  if (match === null) return null;
  const [, kind, name, start, group] = match;
  if (kind !== "p" && kind !== "l" && kind !== "w" && kind !== "o" && kind !== "s") return null;
  return { kind, name: name, startMs: parseInt(start, 16) - 2 ** 52, group: group };
}

/** Everything of one view or window that starts in `[fromMs, toMs)`; infinite bounds are fine. */
export function stateRange(
  kind: StateKind,
  name: string,
  fromMs: EventTimeMs,
  toMs: EventTimeMs,
): StateRange {
  return {
    from: `${kind}|${name}|${startCode(clamp(fromMs))}`,
    to: `${kind}|${name}|${toMs > STATE_TIME_MS_MAX ? "~" : startCode(clamp(toMs))}`,
  };
}

/** A window's name as it stands in keys. */
export function windowKeyName(window: string): string {
  return encodeURIComponent(window);
}

/** A view's name as it stands in keys. */
export function viewKeyName(metric: string, paneMs: number, by: readonly string[]): string {
  return `${encodeURIComponent(metric)}@${paneMs}:${by.map(encodeURIComponent).join(",")}`;
}

/** The metric in a view's name, as in keys. */
export function viewMetricName(viewKey: string): string {
  return viewKey.replace(/@.*$/s, "");
}

/** How long the panes of a view are, by its name; NaN of what is no name. */
export function viewPaneMs(viewKey: string): number {
  return Number(/@(\d+):/.exec(viewKey)?.[1]);
}

/** Where it lies up to when the panes of a view are coarse. */
export function coarseKey(viewKey: string): string {
  return `c|${withoutPaneSize(viewKey)}`;
}

/** Where it lies from when on a view is whole. */
export function wholeKey(viewKey: string): string {
  return `v|${withoutPaneSize(viewKey)}`;
}

/** Where it lies how long the long panes of a view are. */
export function longKey(viewKey: string): string {
  return `m|${withoutPaneSize(viewKey)}`;
}

/** The same for views that differ in their pane size only. */
export function withoutPaneSize(viewKey: string): string {
  return viewKey.replace(/@\d+:/, "@:");
}

let codedMs = NaN;
let code = "";

/** Most ask for the start that was asked for before. */
function startCode(startMs: EventTimeMs): string {
  if (startMs === codedMs) return code;
  assert(Number.isInteger(startMs) && Math.abs(startMs) <= STATE_TIME_MS_MAX, `no key for time ${startMs}`);
  code = (startMs + 2 ** 52).toString(16).padStart(14, "0");
  codedMs = startMs;
  return code;
}

function clamp(timeMs: EventTimeMs): EventTimeMs {
  return Math.ceil(Math.max(-STATE_TIME_MS_MAX, Math.min(STATE_TIME_MS_MAX, timeMs)));
}
