import { assert } from "../assert.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { WindowResult } from "../window-result.ts";
import { CompletenessPool } from "./completeness-pool.ts";
import { decodeMarker, encodeMarker } from "./open-marker.ts";
import { decodePane, encodePane } from "./pane-codec.ts";
import type { Pane, PaneSet } from "./pane-set.ts";
import type { PaneView } from "./pane-view.ts";
import { encodeSessions } from "./session-codec.ts";
import type { SessionTrack } from "./session-track.ts";
import { parseStateKey, stateKey, wholeKey } from "./state-key.ts";
import type { StateKeyParts } from "./state-key.ts";
import { encodeViewEntry } from "./view-entry.ts";
import { decodeWindow, encodeWindow } from "./window-codec.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

/** One key of the state that has changed; `bytes` null when it is gone. */
export interface StateChange {
  readonly key: string;
  readonly bytes: Uint8Array | null;
}

const encoder = new TextEncoder();
const PANES_LOOKED_AT = 64;
/** How far what a view takes has come is noted in such steps. */
const CAME_STEP_MS = 10_000;

/** What of the engine's state is in memory, what the store was asked for, and what it does not have yet. */
export class WindowMemory {
  readonly views = new Map<string, PaneView>();
  readonly tracks = new Map<string, WindowTrack>();
  /** Windows that `tick` must look at: not complete, or changed since their last result. */
  readonly open = new Set<WindowRecord>();
  /** Open windows whose marker says that they only wait for agents. */
  readonly aside = new Set<WindowRecord>();
  readonly completeness = new CompletenessPool();
  /** Stored panes, results, markers or sessions that could not be read, since the start. */
  unreadableCount = 0;

  /** What the store had, and lacks, of what was asked for; given up at the next tick. */
  readonly #loaded = new Map<string, Uint8Array>();
  readonly #absent = new Set<string>();

  readonly #longSets = new Map<string, PaneSet>();
  readonly #changedPanes: { set: PaneSet; pane: Pane }[] = [];
  /** As they go into the store. */
  readonly #changedResults = new Map<WindowRecord, { readonly key: string; readonly bytes: Uint8Array }>();
  readonly #changedMarkers = new Set<WindowRecord>();
  readonly #changedSessions = new Map<string, { track: SessionTrack; pageMs: EventTimeMs; group: string }>();
  readonly #changes = new Map<string, Uint8Array | null>();

  addView(view: PaneView): void {
    this.views.set(view.key, view);
    if (view.long !== null) this.#longSets.set(view.long.key, view.long);
  }

  /** Whose panes lie under such keys; undefined where it is none of these. */
  paneSet({ kind, name }: Pick<StateKeyParts, "kind" | "name">): PaneSet | undefined {
    return kind === "l" ? this.#longSets.get(name) : this.views.get(name);
  }

  /** What the store has under a key that was asked for; undefined when nothing. */
  load(key: string, bytes: Uint8Array | undefined): void {
    const parts = parseStateKey(key);
    if (parts === null) return;
    if (parts.kind !== "p" && parts.kind !== "l") {
      if (bytes === undefined) this.#absent.add(key);
      else this.#loaded.set(key, bytes);
      return;
    }
    const set = this.paneSet(parts);
    if (set === undefined || set.panes.get(parts.startMs, parts.group) !== undefined) return;
    const state = bytes === undefined ? null : decodePane(set.layout, bytes);
    if (state !== null) set.open(parts.startMs, parts.group, state);
    else {
      this.#absent.add(key);
      if (bytes !== undefined) this.unreadableCount++;
    }
  }

  forgetLoaded(): void {
    this.#loaded.clear();
    this.#absent.clear();
  }

  /** Result and marker of a window that may be in the store only. */
  addRecordNeeds(keys: Set<string>, track: WindowTrack, startMs: EventTimeMs, group: string): void {
    if (startMs >= track.evictedToMs || track.records.get(startMs, group) !== undefined) return;
    for (const kind of ["w", "o"] as const) {
      const key = stateKey(kind, track.key, startMs, group);
      if (!this.#loaded.has(key) && !this.#absent.has(key)) keys.add(key);
    }
  }

  /** The panes of a range that may be in the store only. */
  addPaneNeeds(keys: Set<string>, set: PaneSet, { startMs, endMs }: TimeRange, group: string): void {
    const toMs = Math.min(endMs, set.residentFromMs);
    for (let atMs = startMs; atMs < toMs; atMs += set.layout.paneMs) {
      if (set.panes.get(atMs, group) !== undefined) continue;
      const key = stateKey(set.kind, set.key, atMs, group);
      if (!this.#absent.has(key)) keys.add(key);
    }
  }

  /** Asserts that the panes of a range have been loaded: looks at the first of them, and at some. */
  bringPanes(set: PaneSet, { startMs, endMs }: TimeRange, group: string): void {
    if (startMs >= set.residentFromMs) return;
    const { paneMs } = set.layout;
    const missing = new Set<string>();
    const stepMs = Math.max(1, Math.ceil((endMs - startMs) / paneMs / PANES_LOOKED_AT)) * paneMs;
    for (let atMs = startMs; atMs < endMs; atMs += stepMs)
      this.addPaneNeeds(missing, set, { startMs: atMs, endMs: Math.min(atMs + paneMs, endMs) }, group);
    assert(missing.size === 0, `${[...missing][0]} is applied to without having been loaded`);
  }

  /** The record of a window: in memory, or as it was loaded, or new. Without an end it has that of its last result. */
  record(
    track: WindowTrack,
    { startMs, endMs }: { readonly startMs: EventTimeMs; readonly endMs: EventTimeMs | null },
    group: string,
    nowMs: number,
  ): WindowRecord {
    const known = track.records.get(startMs, group);
    if (known !== undefined) return known;
    const keyOf = (kind: "w" | "o") => stateKey(kind, track.key, startMs, group);
    const isStored = startMs < track.evictedToMs;
    const stored = isStored ? this.#loaded.get(keyOf("w")) : undefined;
    const storedMarker = isStored ? this.#loaded.get(keyOf("o")) : undefined;
    // Where it is lost where sessions lie, a stored pane may begin one that nobody asked for: its revisions begin anew.
    const isLossy = startMs < track.panesLostToMs || this.unreadableCount > 0;
    assert(
      !isStored || stored !== undefined || isLossy || this.#absent.has(keyOf("w")),
      `${keyOf("w")} is applied to without having been loaded`,
    );
    const read = stored === undefined ? null : this.#readable(stored);
    const isOfBefore = read !== null && !track.hasMade(read.result);
    const isStale = read !== null && track.isStale(read.result);
    const last = isStale ? { ...read.result, isOutdated: true as const } : (read?.result ?? null);
    const result = isOfBefore ? null : last;
    const marker = isOfBefore || storedMarker === undefined ? null : decodeMarker(storedMarker);
    const record: WindowRecord = {
      track,
      group,
      labels: track.view.labelsOf(group),
      startMs,
      endMs: endMs ?? result?.endMs ?? startMs,
      isMerged: result?.mergedIntoMs !== undefined,
      state: result === null ? "provisional" : track.stateAfter(result),
      result,
      revision: read?.result.revision ?? 0,
      completenessKey: isOfBefore ? "" : (read?.key ?? ""),
      isDirty: false,
      hasPanes: false,
      openedAtMs: marker?.openedAtMs ?? nowMs,
      firstPassedAtMs: marker?.firstPassedAtMs ?? null,
      isWaitedFor: false,
      nextCheckMs: -Infinity,
    };
    track.records.set(startMs, group, record);
    if (record.state === "provisional") this.#open(record);
    return record;
  }

  /** A window has more in its panes than its last result says. */
  touch(record: WindowRecord, nowMs: number): void {
    if (record.isDirty) return;
    const { result } = record;
    if (result?.state === "complete" && !this.open.has(record) && !record.track.isRevised(record.startMs)) {
      if (result.isOutdated === true) return;
      record.result = { ...result, isOutdated: true };
      this.resultChanged(record, record.result);
      return;
    }
    record.isDirty = true;
    record.nextCheckMs = -Infinity;
    if (this.aside.delete(record)) this.#changedMarkers.add(record);
    if (this.open.has(record)) return;
    record.openedAtMs = nowMs;
    this.#open(record);
  }

  /** A window whose marker is stored is open again. */
  reopen(record: WindowRecord, isAside: boolean): void {
    this.open.add(record);
    this.#changedMarkers.delete(record);
    if (isAside) this.aside.add(record);
  }

  /** A window waits for agents, though nothing of it is new. */
  setAside(record: WindowRecord): void {
    record.hasPanes = false;
    this.aside.add(record);
    this.#changedMarkers.add(record);
  }

  /** A window needs no more looking at. */
  close(record: WindowRecord): void {
    // Its marker goes, and all that it said: a session may have to wait again.
    record.firstPassedAtMs = null;
    this.aside.delete(record);
    if (this.open.delete(record)) this.#changedMarkers.add(record);
  }

  /** What the store has of a window that has said nothing itself stays as it is, but for its marker. */
  leave(record: WindowRecord): void {
    this.close(record);
    record.track.records.delete(record.startMs, record.group);
  }

  /** A window that nobody has seen is none any more. Should it be one again before the next tick, nothing is stored of it. */
  discard(record: WindowRecord): void {
    const { track, startMs, group } = record;
    this.close(record);
    track.records.delete(startMs, group);
    for (const kind of ["w", "o"] as const) {
      this.#loaded.delete(recordKey(kind, record));
      this.#absent.add(recordKey(kind, record));
    }
  }

  /** Takes a window out of memory; its marker stays as it is. */
  evict(record: WindowRecord): void {
    const { track, startMs, group } = record;
    assert(!track.isHeld(record), `${recordKey("w", record)} leaves memory before it is final`);
    this.open.delete(record);
    this.aside.delete(record);
    track.records.delete(startMs, group);
    track.hasStoredTo(startMs + 1);
  }

  /** Whether something of a window is not among the taken changes yet. */
  isUnsaved(record: WindowRecord): boolean {
    return this.#changedResults.has(record) || this.#changedMarkers.has(record);
  }

  paneChanged(view: PaneView, pane: Pane): void {
    this.setChanged(view, pane);
    if (pane.startMs >= view.changedFromMs) return;
    view.changedFromMs = pane.startMs;
    this.wholeChanged(view);
  }

  /** The same of a long pane. */
  setChanged(set: PaneSet, pane: Pane): void {
    set.change(pane);
    if (pane.isChanged) return;
    pane.isChanged = true;
    this.#changedPanes.push({ set, pane });
  }

  /** Returns how many bytes that takes up in a commit, about. */
  dropPane(set: PaneSet, pane: Pane): number {
    set.drop(pane);
    pane.isChanged = false;
    const key = stateKey(set.kind, set.key, pane.startMs, pane.group);
    this.delete(key);
    return key.length;
  }

  /** Returns how many bytes it takes up in a commit, about: with its key, and that of its marker. */
  resultChanged(record: WindowRecord, result: WindowResult): number {
    const key = recordKey("w", record);
    const bytes = encodeWindow(result);
    this.#changedResults.set(record, { key, bytes });
    return bytes.length + 2 * key.length;
  }

  markerChanged(record: WindowRecord): void {
    this.#changedMarkers.add(record);
  }

  /** Parts that begin in a page are others now. */
  sessionsChanged(track: SessionTrack, pageMs: EventTimeMs, group: string): void {
    this.#changedSessions.set(stateKey("s", track.key, pageMs, group), { track, pageMs, group });
  }

  finalChanged(track: WindowTrack): void {
    this.#changes.set(`f|${track.key}`, encoder.encode(String(track.finalToMs)));
  }

  wholeChanged({ key, wholeFromMs, stream, cameToMs, changedFromMs }: PaneView): void {
    const timeOf = (timeMs: EventTimeMs) => (Number.isFinite(timeMs) ? timeMs : null);
    const changed = changedFromMs === -Infinity ? {} : { changedFromMs: timeOf(changedFromMs) };
    const came = Number.isFinite(cameToMs) ? { cameToMs } : {};
    this.put(
      wholeKey(key),
      encodeViewEntry({ wholeFromMs: timeOf(wholeFromMs), stream, ...came, ...changed }),
    );
  }

  /** What a view takes is of before this. */
  comesTo(view: PaneView, toMs: EventTimeMs): void {
    if (!(toMs > view.cameToMs)) return;
    view.cameToMs = Math.ceil(toMs / CAME_STEP_MS) * CAME_STEP_MS;
    this.wholeChanged(view);
  }

  /** A view has not taken, or not kept, all of before this. */
  lacks(view: PaneView, toMs: EventTimeMs): void {
    if (!(toMs > view.wholeFromMs)) return;
    view.wholeFromMs = toMs;
    this.wholeChanged(view);
  }

  put(key: string, bytes: Uint8Array): void {
    this.#changes.set(key, bytes);
  }

  delete(key: string): void {
    this.#changes.set(key, null);
  }

  /** What has changed since the last call, for one atomic commit. */
  takeChanges(): StateChange[] {
    for (const { set, pane } of this.#changedPanes) {
      if (!pane.isChanged) continue;
      pane.isChanged = false;
      this.#changes.set(
        stateKey(set.kind, set.key, pane.startMs, pane.group),
        encodePane(set.layout, pane.state),
      );
    }
    for (const { key, bytes } of this.#changedResults.values()) this.#changes.set(key, bytes);
    for (const record of this.#changedMarkers) {
      const marker = {
        openedAtMs: record.openedAtMs,
        firstPassedAtMs: record.firstPassedAtMs,
        isAside: this.aside.has(record),
      };
      this.#changes.set(recordKey("o", record), this.open.has(record) ? encodeMarker(marker) : null);
    }
    for (const [key, { track, pageMs, group }] of this.#changedSessions) {
      const parts = track.book.page(group, pageMs);
      this.#changes.set(key, parts.length === 0 ? null : encodeSessions(track.measures, parts));
    }
    const changes = Array.from(this.#changes, ([key, bytes]) => ({ key, bytes }));
    this.#changedPanes.length = 0;
    this.#changedResults.clear();
    this.#changedMarkers.clear();
    this.#changedSessions.clear();
    this.#changes.clear();
    return changes;
  }

  #open(record: WindowRecord): void {
    this.open.add(record);
    this.#changedMarkers.add(record);
  }

  /** A stored result, and its completeness as text; null, and counted, when it cannot be read: the window then begins its revisions anew. */
  #readable(stored: Uint8Array): { readonly result: WindowResult; readonly key: string } | null {
    try {
      const result = decodeWindow(stored);
      const { completeness, key } = this.completeness.share(result.completeness);
      return { result: { ...result, completeness }, key };
    } catch {
      this.unreadableCount++;
      return null;
    }
  }
}

function recordKey(kind: "w" | "o", record: WindowRecord): string {
  return stateKey(kind, record.track.key, record.startMs, record.group);
}
