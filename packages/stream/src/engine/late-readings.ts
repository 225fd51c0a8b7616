import type { EventTimeMs } from "../event-time.ts";
import type { Labels } from "../series.ts";
import type { PaneView } from "./pane-view.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

/** `after_complete`: the window had been complete, and is revised. `too_late`: it was final, or kept; it takes nothing more. */
export const LATE_REASONS = ["after_complete", "too_late"] as const;
export type LateReason = (typeof LATE_REASONS)[number];

/** Readings of one `apply`, so of one source, that came late for one window. */
export interface LateWindow {
  readonly window: string;
  readonly group: Labels;
  /** Of a session that is not there, those of the pane. */
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  readonly reason: LateReason;
  readonly readings: number;
  /** How long after the window's end they came, on central's clock; at least 0. */
  readonly lateMs: number;
}

/** Windows that one `apply` tells of. */
export const LATE_WINDOWS_MAX = 16;

interface LatePane {
  readonly startMs: EventTimeMs;
  readonly group: string;
  readonly readings: number;
}

/** Collects what came late. Of the windows that one `apply` was late for, the first that it meets are told of. */
export class LateReadings {
  readonly #nowMs: number;
  /** Null before the first: of most batches nothing is late. */
  #windows: Map<string, { -readonly [Key in keyof LateWindow]: LateWindow[Key] }> | null = null;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** A pane that some window of the view does not take any more. */
  refuse(view: PaneView, { startMs, group, readings }: LatePane): void {
    for (const track of view.gridTracks) {
      if (startMs >= track.closedEndMs) continue;
      for (const windowMs of track.startsOver(startMs)) {
        if (!track.isClosed(windowMs)) continue;
        const range = { startMs: windowMs, endMs: track.grid.endOf(windowMs) };
        this.#add(track, { ...range, group, labels: view.labelsOf(group) }, "too_late", readings);
      }
    }
    for (const track of view.sessionTracks) {
      if (track.takes(startMs, group)) continue;
      const session = track.book.over(group, startMs, startMs + view.layout.paneMs);
      const range =
        session === null
          ? { startMs, endMs: startMs + view.layout.paneMs }
          : { startMs: session.firstMs, endMs: track.endOf(session) };
      this.#add(track, { ...range, group, labels: view.labelsOf(group) }, "too_late", readings);
    }
  }

  /** A window has taken readings; whether that revises one that had been complete. */
  revise(record: WindowRecord, readings: number): boolean {
    if (record.result?.state !== "complete") return false;
    this.#add(record.track, record, "after_complete", readings);
    return true;
  }

  take(): LateWindow[] {
    return this.#windows === null ? [] : [...this.#windows.values()];
  }

  #add(
    { key, spec }: WindowTrack,
    { group, labels, startMs, endMs }: Pick<WindowRecord, "group" | "labels" | "startMs" | "endMs">,
    reason: LateReason,
    readings: number,
  ): void {
    // A group's name may hold anything, so it is last.
    const name = `${key}|${startMs}|${reason}|${group}`;
    this.#windows ??= new Map();
    const known = this.#windows.get(name);
    if (known !== undefined) known.readings += readings;
    else if (this.#windows.size < LATE_WINDOWS_MAX)
      this.#windows.set(name, {
        window: spec.name,
        group: labels,
        startMs,
        endMs,
        reason,
        readings,
        lateMs: Math.max(0, this.#nowMs - endMs),
      });
  }
}
