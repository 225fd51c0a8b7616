import type { TimeRange } from "../event-time.ts";
import type { PaneRows } from "../pane-rows.ts";
import type { Pane } from "./pane-set.ts";
import type { Session } from "./session-book.ts";
import type { SessionTrack } from "./session-track.ts";
import type { WindowMemory } from "./window-memory.ts";
import type { WindowRecord } from "./window-track.ts";

/** Keeps the records of session windows in step with where the sessions lie. */
export class SessionRecords {
  readonly #memory: WindowMemory;

  constructor(memory: WindowMemory) {
    this.#memory = memory;
  }

  /** Keys that a row's readings may touch: of a session that they begin, and of those that they make longer, one or two. */
  addNeeds(keys: Set<string>, track: SessionTrack, rows: PaneRows, row: number, group: string): void {
    const { view, book } = track;
    const { paneMs } = view.layout;
    const startMs = view.paneStartOf(rows.startMs[row]);
    if (startMs < track.shutToMs) return;
    const pane = { firstMs: startMs, lastMs: startMs + paneMs - 1 };
    const starts = [startMs, track.firstOf(rows, row), ...book.startsNear(group, pane)];
    for (const start of starts) this.#memory.addRecordNeeds(keys, track, start, group);
    this.#memory.addPaneNeeds(keys, view, reachOf(track, pane), group);
    for (const session of book.sessionsNear(group, pane)) {
      this.#memory.addRecordNeeds(keys, track, session.firstMs, group);
      // It may be continued by another one, without a reading between them.
      const hasPanes = track.records.get(session.firstMs, group)?.hasPanes === true;
      const from = hasPanes ? session.lastMs : session.firstMs;
      this.#memory.addPaneNeeds(keys, view, reachOf(track, { firstMs: from, lastMs: session.lastMs }), group);
    }
  }

  /** A pane has gained something; the records of the sessions that have. */
  take(track: SessionTrack, pane: Pane, nowMs: number): WindowRecord | null {
    const { group } = pane;
    const readings = track.readingsOf(pane);
    const change = readings === null ? null : track.book.add(group, readings, track.shutToMs);
    for (const pageMs of change?.pages ?? []) this.#memory.sessionsChanged(track, pageMs, group);
    const panes = this.#panesInMemory(track, change?.before ?? [], group);
    for (const startMs of change?.merged ?? []) this.#merge(track, startMs, group, nowMs);
    for (const moved of change?.changed ?? []) this.#follow(track, moved, { group, nowMs, panes });
    const session =
      change?.session ?? track.book.over(group, pane.startMs, pane.startMs + track.view.layout.paneMs);
    return session === null ? null : this.#follow(track, session, { group, nowMs, panes });
  }

  #panesInMemory(track: SessionTrack, sessions: readonly Session[], group: string): TimeRange[] {
    return sessions
      .filter(({ firstMs }) => track.records.get(firstMs, group)?.hasPanes === true)
      .map((session) => track.panesOf(session.firstMs, track.endOf(session)));
  }

  /** Brings a record to where its session lies by now. `panes`: of which time all that exist are in memory. */
  #follow(
    track: SessionTrack,
    session: Session,
    { group, nowMs, panes }: { group: string; nowMs: number; panes: readonly TimeRange[] },
  ): WindowRecord {
    const range = { startMs: session.firstMs, endMs: track.endOf(session) };
    const record = this.#memory.record(track, range, group, nowMs);
    if (record.endMs !== range.endMs || record.isMerged || !record.hasPanes) {
      let { startMs: atMs, endMs } = track.panesOf(range.startMs, range.endMs);
      for (const known of [...panes].sort((a, b) => a.startMs - b.startMs)) {
        this.#memory.bringPanes(track.view, { startMs: atMs, endMs: Math.min(endMs, known.startMs) }, group);
        atMs = Math.max(atMs, known.endMs);
      }
      this.#memory.bringPanes(track.view, { startMs: atMs, endMs }, group);
      record.hasPanes = true;
      record.isMerged = false;
      record.endMs = range.endMs;
      reopenMoved(record);
    }
    this.#memory.touch(record, nowMs);
    return record;
  }

  /** A session is none any more. Where nobody has seen it there is nothing to take back. */
  #merge(track: SessionTrack, startMs: number, group: string, nowMs: number): void {
    const record = this.#memory.record(track, { startMs, endMs: null }, group, nowMs);
    record.isMerged = true;
    if (record.result === null) {
      this.#memory.discard(record);
    } else {
      record.endMs = record.result.endMs;
      reopenMoved(record);
      this.#memory.touch(record, nowMs);
    }
  }
}

/** A session that has moved its end is as complete as that: other than a window of fixed length, it may have to wait again. */
export function reopenMoved(record: WindowRecord): void {
  const { track, result, endMs } = record;
  // When it is due hangs on its end.
  record.nextCheckMs = -Infinity;
  if (result?.state === "complete")
    record.state = result.endMs === endMs ? track.stateAfter(result) : "provisional";
}

/** The panes of these readings, and those within a gap of them. */
function reachOf(track: SessionTrack, { firstMs, lastMs }: Session): TimeRange {
  const { gapMs } = track.spec;
  return track.panesOf(firstMs - gapMs, lastMs + 2 * gapMs);
}
