import type { Change } from "@millrace/queue";
import type { Clock } from "@millrace/runtime";
import { type PaneRows, readingCount } from "@millrace/stream";
import type { Outbox } from "../outbox/outbox.ts";
import type { PaneCheckpoint } from "./pane-checkpoint.ts";
import type { PaneEmission } from "./pane-emission.ts";
import type { PaneTables } from "./pane-tables.ts";

export interface PaneSealerOptions {
  readonly clock: Clock;
  readonly emission: PaneEmission;
  readonly tables: PaneTables;
  readonly outbox: Pick<Outbox, "appendPanes" | "advance" | "sealed">;
  readonly paneCheckpoint: Pick<PaneCheckpoint, "forget">;
  /** Panes go to the live lane; while the link has been down for long, complete ones alone to backfill. */
  isLinkLive(): boolean;
  /** Panes have left for the outbox with this commit. */
  left(): void;
}

const BACKFILL_INTERVAL_MS = 5_000;

/** Seals what leaves the panes into batches of the outbox, in the commit that takes it out of memory. */
export class PaneSealer {
  readonly #options: PaneSealerOptions;
  /** Panes that have no place in the tables any more: sealed with the next commit. */
  #outdated: readonly PaneRows[] = [];
  #isDue = false;
  #isLast = false;
  #sealedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PaneSealerOptions) {
    this.#options = options;
  }

  /** The next commit looks for what should leave. */
  due(): void {
    this.#isDue = true;
  }

  /** The agent stops: open panes leave too. */
  last(): void {
    this.#isLast = true;
    this.#isDue = true;
  }

  addOutdated(rows: readonly PaneRows[]): void {
    this.#outdated = [...this.#outdated, ...rows];
  }

  /** Of all panes that have not been sealed. */
  get openReadings(): number {
    let count = 0;
    for (const table of this.#options.tables.all()) count += table.readingCount;
    for (const rows of this.#outdated) count += readingCount(rows);
    return count;
  }

  /**
   * What has no place any more; and what the panes have gained: of live metrics at once while the link is up, of complete
   * panes otherwise. True: it has looked for the second.
   */
  collect(changes: Change[]): boolean {
    const { clock, emission, outbox, left } = this.#options;
    const isLive = this.#options.isLinkLive();
    const lane = isLive ? "live" : "backfill";
    if (this.#outdated.length > 0) {
      outbox.appendPanes(changes, lane, this.#outdated, outbox.sealed);
      this.#forget(this.#outdated);
      this.#outdated = [];
    }
    const nowMs = clock.monotonicMs();
    const intervalMs = isLive || this.#isLast ? 0 : BACKFILL_INTERVAL_MS;
    if (!this.#isDue || nowMs - this.#sealedAtMs < intervalMs) return false;
    this.#isDue = false;
    this.#sealedAtMs = nowMs;
    const { sections, sealed } = emission.take(this.#isLast ? "everything" : isLive ? "live" : "complete");
    if (sections.length === 0) {
      outbox.advance(sealed);
      return true;
    }
    outbox.appendPanes(changes, lane, sections, sealed);
    this.#forget(sections);
    left();
    return true;
  }

  /**
   * What was recovered as it stands, before anything new is mixed in: copies of a store that start from the same bytes
   * make the same batch under the same sequence, and central takes it once.
   */
  sealRecovered(changes: Change[]): void {
    const { emission, outbox } = this.#options;
    const { sections, sealed } = emission.take("everything");
    if (sections.length === 0) return;
    // The watermark stays where it was: what sensors could not send meanwhile is still to come.
    const { watermarkMs } = outbox.sealed;
    outbox.appendPanes(changes, "live", sections, { ...sealed, watermarkMs, isIdle: false });
    this.#forget(sections);
  }

  #forget(sections: readonly PaneRows[]): void {
    for (const rows of sections) this.#options.paneCheckpoint.forget(rows);
  }
}
