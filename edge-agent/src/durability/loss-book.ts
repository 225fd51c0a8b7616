import type { BatchQueue, Change } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import type { ClockGuard } from "../clock-guard.ts";
import type { Ledger } from "../ledger.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Recovery } from "./recovery.ts";

export interface LossBookOptions {
  readonly ledger: Ledger;
  readonly outbox: Pick<Outbox, "appendLost">;
  readonly queue: BatchQueue;
  readonly guard: Pick<ClockGuard, "nowMs" | "readingsEndMs">;
  readonly limits: {
    readonly clockFloorMs: number;
    readonly maxFutureMs: number;
    readonly dedupeHorizonMs: number;
  };
  readonly log: Logger;
}

/** Keeps the ledger adding up when damage has taken something, and has central told of which event time. */
export class LossBook {
  readonly #options: LossBookOptions;

  constructor(options: LossBookOptions) {
    this.#options = options;
  }

  /** What the ledger has as aggregated and the recovered store no longer holds. */
  recovered(
    changes: Change[],
    recovery: Recovery,
    found: { readonly heldReadings: number; readonly openReadings: number },
  ): void {
    const { ledger, outbox, queue, guard, limits, log } = this.#options;
    const { totals } = ledger;
    // Of what was held, the rest is lost before it was in a pane; more is there where the ledger is an older one.
    const lost = totals.held - found.heldReadings;
    totals.held -= lost;
    if (lost > 0) totals.aggregated += lost;
    else totals.received -= lost;
    const { aggregated, forwarded, evicted, damaged } = totals;
    const stored = found.openReadings + queue.queuedReadings;
    const uncounted = stored + forwarded + evicted + damaged - aggregated;
    if (uncounted > 0) {
      totals.received += uncounted;
      totals.aggregated += uncounted;
    }
    const readings = Math.max(0, -uncounted);
    const isUnexplained = uncounted > 0 && !recovery.isLedgerOld;
    if (readings === 0 && !isUnexplained && !recovery.hasLostUncounted) return;
    totals.damaged += readings;
    const { maxFutureMs, clockFloorMs: floorMs, dedupeHorizonMs: lateMs } = limits;
    const range = recovery.lostRange({ nowMs: guard.nowMs(), maxFutureMs, floorMs, lateMs });
    outbox.appendLost(changes, readings, range);
    log.error("readings were lost to damage of the store", { readings, ...range });
  }

  /** What was held and cannot be read any more: nothing tells whether it would have been aggregated, so it counts as that. */
  held(changes: Change[], readings: number): void {
    const { ledger, outbox, guard, limits, log } = this.#options;
    const { totals } = ledger;
    totals.held -= readings;
    totals.aggregated += readings;
    totals.damaged += readings;
    outbox.appendLost(changes, readings, { startMs: limits.clockFloorMs, endMs: guard.readingsEndMs() });
    log.error("held readings were lost to damage of the store", { readings });
  }

  /**
   * The store was rolled back or copied: another life of it may have sent some of the batches before `epochFrom` as they
   * were before they were merged. Central takes only one of the two, so what they hold may be lost in part, or count twice.
   */
  coarsened(changes: Change[], epochFrom: number): void {
    const { queue, outbox } = this.#options;
    const range = queue.coarsenedIn("backfill", queue.lane("backfill").sent + 1, epochFrom - 1);
    if (range !== undefined) outbox.appendLost(changes, 0, range);
  }
}
