import { ACCUMULATORS } from "../accumulators/table.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import type { PaneRows } from "../pane-rows.ts";
import type { SessionWindowSpec } from "../window-spec.ts";
import type { Pane } from "./pane-set.ts";
import type { PaneView } from "./pane-view.ts";
import { SessionBook } from "./session-book.ts";
import type { Session } from "./session-book.ts";
import type { SessionMeasures } from "./session-codec.ts";
import { WindowTrack } from "./window-track.ts";

/** What a view's panes must accumulate so that sessions are exact. */
export const SESSION_ACCUMULATORS = ["first", "last"] as const;

/**
 * Windows that the data makes. One is named by the time of its first reading; it ends a gap after its last. Only good
 * readings make sessions; the others are counted beside the session whose panes they fall into.
 */
export class SessionTrack extends WindowTrack {
  readonly spec: SessionWindowSpec;
  readonly panes: PaneView;
  readonly book: SessionBook;
  /** What its stored sessions are of. */
  readonly measures: SessionMeasures;
  readonly #firstAt: number;
  readonly #lastAt: number;

  constructor(spec: SessionWindowSpec, view: PaneView) {
    super(spec.name, view);
    this.spec = spec;
    this.panes = view;
    this.book = new SessionBook(spec);
    const { gapMs, lengthMsMax, metric } = spec;
    this.measures = { gapMs, lengthMsMax, of: JSON.stringify([metric, ...view.by]) };
    const { accumulators, offsets } = view.layout;
    this.#firstAt = offsets[accumulators.indexOf(ACCUMULATORS.first)];
    this.#lastAt = offsets[accumulators.indexOf(ACCUMULATORS.last)];
  }

  startsOver(paneMs: EventTimeMs, group: string): readonly EventTimeMs[] {
    const session = this.book.over(group, paneMs, paneMs + this.view.layout.paneMs);
    return session === null ? [] : [session.firstMs];
  }

  /** Sessions that start before this take nothing any more. */
  get shutToMs(): EventTimeMs {
    return Math.max(this.finalToMs, this.keptToMs);
  }

  override get keptToMs(): EventTimeMs {
    const { coarse, layout } = this.view;
    let toMs = this.keptBeforeMs;
    for (const { endMs } of coarse) toMs = Math.max(toMs, endMs);
    return Math.ceil(toMs / layout.paneMs) * layout.paneMs;
  }

  override get closedEndMs(): EventTimeMs {
    return this.shutToMs;
  }

  override takesAt(paneMs: EventTimeMs): boolean {
    return paneMs >= this.shutToMs;
  }

  /** No session lies on a grid. */
  override isKept({ startMs }: TimeRange): boolean {
    return startMs < this.keptToMs;
  }

  /** They were kept. */
  override isStale(): boolean {
    return false;
  }

  /** Whether a pane that begins at a time is in no session that takes nothing any more. */
  takes(paneMs: EventTimeMs, group: string): boolean {
    const { shutToMs } = this;
    return paneMs >= shutToMs && !this.startsOver(paneMs, group).some((startMs) => startMs < shutToMs);
  }

  /** The times of a pane's first and last good reading: as far as they are known, else all of the pane; null without any. */
  readingsOf({ startMs, state }: Pick<Pane, "startMs" | "state">): Session | null {
    if (state.fields[0] === 0) return null;
    const firstMs = state.fields[this.#firstAt];
    const lastMs = state.fields[this.#lastAt];
    const { paneMs } = this.view.layout;
    const isKnown = firstMs >= startMs && firstMs <= lastMs && lastMs < startMs + paneMs;
    return isKnown ? { firstMs, lastMs } : { firstMs: startMs, lastMs: startMs + paneMs - 1 };
  }

  /** The time of a row's first good reading, or of the pane's start where it is not known. */
  firstOf(rows: PaneRows, row: number): EventTimeMs {
    const index = rows.layout.accumulators.indexOf(ACCUMULATORS.first);
    const firstMs = index < 0 ? NaN : rows.state[row * rows.layout.stride + rows.layout.offsets[index]];
    return Number.isInteger(firstMs) ? firstMs : rows.startMs[row];
  }

  endOf({ lastMs }: Session): EventTimeMs {
    return lastMs + this.spec.gapMs;
  }

  /** A reading within a gap of either end would change it. */
  owedOf({ startMs, endMs }: TimeRange): TimeRange {
    return { startMs: startMs - this.spec.gapMs, endMs: endMs + 1 };
  }

  panesOf(startMs: EventTimeMs, endMs: EventTimeMs): TimeRange {
    const { paneMs } = this.view.layout;
    return {
      startMs: Math.floor(startMs / paneMs) * paneMs,
      endMs: (Math.floor((endMs - this.spec.gapMs) / paneMs) + 1) * paneMs,
    };
  }

  /** Those that begin in a pane become final together: else what comes may join one with the next, and the pane is still of use. */
  override readyToMs(trustedMs: number): EventTimeMs {
    return this.view.paneStartOf(super.readyToMs(trustedMs));
  }

  override becomingFinalToMs(trustedMs: number): EventTimeMs {
    return this.readyToMs(trustedMs);
  }

  /** However long one is that starts then; in steps of the gap, so that little is written. */
  protected firstOpenMs(timeMs: EventTimeMs): EventTimeMs {
    const { gapMs, lengthMsMax } = this.spec;
    return Math.floor((timeMs - lengthMsMax - gapMs) / gapMs) * gapMs;
  }
}
