import { type Clock, type Logger, reasonOf } from "@millrace/runtime";
import type { TimeRange } from "@millrace/stream";
import type { ClockGuard, ClockStep } from "../clock-guard.ts";
import type { RedoRow } from "../durability/redo-entry.ts";
import type { Ledger, RejectionReason } from "../ledger.ts";
import { BLOCK_READINGS_MAX, type HeldBlock, type HeldReadings } from "./held-readings.ts";
import { HeldRows } from "./held-rows.ts";
import type { Quarantine } from "./quarantine.ts";
import type { ReadingIntake } from "./reading-intake.ts";
import { refusedTime } from "./refused-time.ts";
import type { Series, SeriesRegistry } from "./series-registry.ts";

export interface HeldAdmissionOptions {
  readonly held: HeldReadings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly guard: Pick<ClockGuard, "nowMs" | "steadyMs" | "isProven" | "readingsEndMs">;
  readonly maxFutureMs: number;
  /** False: nobody will ever tell this agent the time, so what earlier lives have held is judged by the clock at the start. */
  readonly hasWitness: boolean;
  readonly intake: Pick<ReadingIntake, "admit">;
  readonly ledger: Ledger;
  readonly series: SeriesRegistry;
  readonly quarantine: Pick<Quarantine, "add">;
  /** The pipeline that runs has this metric. */
  isMeasured(metric: string): boolean;
  /** The panes take so many readings more. */
  hasRoomFor(readings: number): boolean;
  /** Resolves once all that has been done is durable. */
  durable(): Promise<void>;
  /** All of what was held and is plausible is in the panes. */
  over(): void;
  /** So many readings were held, and the store has them no longer. */
  lost(readings: number): void;
}

/** By how much the clock was wrong, as is known now, and whether that is proven. */
interface Finding {
  readonly shiftMs: number;
  /** A plausible reading lies no further ahead. */
  readonly aheadMsMax: number;
  readonly isProven: boolean;
}

/** What one turn has refused of a series, for one reason: the first of them stands for all. */
interface Refusal {
  readonly series: Series | undefined;
  readonly row: RedoRow;
  readonly reason: RejectionReason;
  readonly nowMs: number;
  count: number;
}

/** The wall clock has been set ahead where it gains so much on the monotonic one. */
const STEP_MS = 1_000;
const ROOM_RETRY_MS = 50;
/** The last block that is read may have as many again. */
const TURN_READINGS_MAX = 2 * BLOCK_READINGS_MAX;

/**
 * Judges held readings again, in the order in which they came, once the clock proves to have been wrong: each against
 * what a right clock would have said when it came, and not against now, or a sensor whose own clock is ahead would only
 * have to wait. A witness settles all of them. A wall clock that was merely set ahead brings in what it makes plausible;
 * the rest waits on. A block and its redo rows go in one commit, so a crash finds a reading held or taken in, never both;
 * between two turns everything else has its own.
 */
export class HeldAdmission {
  readonly #options: HeldAdmissionOptions;
  /** Steady time at the start: what earlier lives have held came before. */
  readonly #openedMs: number;
  #finding: Finding | undefined;
  #proven: Finding | undefined;
  #judgedAheadMs: number;
  /** Of what is being taken in: no earlier event time, until all of it has left its panes. */
  #takenInFromMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isStopped = false;

  constructor(options: HeldAdmissionOptions) {
    this.#options = options;
    this.#openedMs = options.guard.steadyMs();
    this.#judgedAheadMs = options.hasWitness ? 0 : Number.NEGATIVE_INFINITY;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Looks whether the wall clock has been set ahead. */
  look(): void {
    const { guard, maxFutureMs } = this.#options;
    if (guard.isProven) return;
    const shiftMs = guard.nowMs() - guard.steadyMs();
    const isStep = shiftMs >= this.#judgedAheadMs + STEP_MS;
    // Set back: setting it ahead again is another step.
    if (isStep || shiftMs < this.#judgedAheadMs) this.#judgedAheadMs = shiftMs;
    if (isStep) this.#begin({ shiftMs, aheadMsMax: maxFutureMs, isProven: false });
  }

  /** A witness has agreed. What is held came before the first that did. */
  proven({ fromMs, nowMs, latestMs }: ClockStep): void {
    this.#proven ??= { shiftMs: nowMs - fromMs, aheadMsMax: latestMs - nowMs, isProven: true };
    if (this.#finding?.isProven !== true) this.#begin(this.#proven);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Event time that what is held may belong to, and what has come of it until it has left its panes. An agent that has no
   * witness would say so for ever for one sensor whose clock is ahead: there only while it is taken in.
   */
  stillHeld(): readonly TimeRange[] {
    const { held, hasWitness, guard } = this.#options;
    const heldFromMs = hasWitness ? held.earliestMs : Number.POSITIVE_INFINITY;
    const startMs = Math.floor(Math.min(heldFromMs, this.#takenInFromMs));
    const endMs = guard.readingsEndMs();
    return startMs < endMs ? [{ startMs, endMs }] : [];
  }

  /** All that was in the panes has left them, durably. */
  haveLeft(): void {
    if (!this.#isRunning) this.#takenInFromMs = Number.POSITIVE_INFINITY;
  }

  #begin(finding: Finding): void {
    if (this.#options.held.count === 0 || this.#isStopped) return;
    this.#finding = finding;
    this.#options.log.info("what was held is judged again", {
      readings: this.#options.held.count,
      ...finding,
    });
    this.#takenInFromMs = Math.min(this.#takenInFromMs, this.#options.held.earliestMs);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#finding !== undefined && !this.#isStopped) await this.#judgeAll(this.#finding);
    } catch (error) {
      // Whatever has been judged is durable, the rest is held: the next finding goes on.
      const { shiftMs = 0, isProven = true } = this.#finding ?? {};
      this.#finding = undefined;
      if (!isProven) this.#judgedAheadMs = shiftMs - STEP_MS;
      this.#options.log.repeated("held", "cannot read what is held", { reason: reasonOf(error) });
    }
    this.#isRunning = false;
    this.#options.over();
  }

  /** Until all that is held by now has been judged, or there is another finding. */
  async #judgeAll(finding: Finding): Promise<void> {
    const { held, durable } = this.#options;
    const end = held.closeBlock();
    await durable();
    for (let from = 0; ;) {
      await this.#room();
      const blocks = await held.blocks(from, end);
      if (this.#isStopped || this.#finding !== finding) return;
      const last = blocks.at(-1);
      if (last === undefined) break;
      this.#turn(blocks, finding);
      from = last.number + 1;
      // Nothing is read that this turn has changed.
      await durable();
    }
    if (this.#finding !== finding) return;
    this.#finding = undefined;
    if (finding.isProven && held.count > 0) this.#options.lost(held.takeLost());
  }

  async #room(): Promise<void> {
    const { clock, hasRoomFor } = this.#options;
    while (!hasRoomFor(TURN_READINGS_MAX) && !this.#isStopped) {
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(ROOM_RETRY_MS, resolve);
      await promise;
    }
  }

  #turn(blocks: readonly HeldBlock[], finding: Finding): void {
    const refusals = new Map<string, Refusal>();
    for (const block of blocks) this.#judge(block, finding, refusals);
    for (const refusal of refusals.values()) this.#setAside(refusal);
  }

  #judge(block: HeldBlock, { shiftMs, aheadMsMax, isProven }: Finding, refusals: Map<string, Refusal>): void {
    const { held } = this.#options;
    const kept = new HeldRows();
    for (const heldRow of block.rows ?? []) {
      const { row, cameAtMs } = heldRow;
      const nowMs = (block.isOwn ? cameAtMs : this.#openedMs) + shiftMs;
      const isFuture = row.timeMs > nowMs + aheadMsMax;
      if (isFuture && !isProven) {
        kept.add(heldRow);
        continue;
      }
      held.released(row.series);
      const series = this.#seriesOf(row);
      const reason = this.#settle(row, this.#isMeasured(series) ? series : undefined, isFuture);
      if (reason === undefined) continue;
      const key = `${reason} ${row.series}`;
      const refusal = refusals.get(key);
      if (refusal === undefined) refusals.set(key, { series, row, reason, nowMs, count: 1 });
      else refusal.count += 1;
    }
    held.settle(block, kept);
  }

  #seriesOf({ series: index }: RedoRow): Series | undefined {
    const { series } = this.#options;
    return series.has(index) ? series.get(index) : undefined;
  }

  #isMeasured(series: Series | undefined): boolean {
    return series !== undefined && this.#options.isMeasured(series.metric);
  }

  /** `series`: undefined where nobody reads it any more. */
  #settle(row: RedoRow, series: Series | undefined, isFuture: boolean): RejectionReason | undefined {
    if (series !== undefined && !isFuture) return this.#options.intake.admit(series, row);
    const reason = isFuture ? "future" : "unknown_topic";
    this.#options.ledger.rejectHeld(reason);
    return reason;
  }

  #setAside({ series, row, reason, nowMs, count }: Refusal): void {
    const { quarantine, clock, log } = this.#options;
    const { metric = "", labels = {} } = series ?? {};
    const what =
      reason === "future"
        ? refusedTime(row.timeMs, nowMs, null)
        : reason === "pane_cap"
          ? `${metric} has as many open panes as it may`
          : "the pipeline has its metric no longer";
    const detail = `held until the clock was proven: ${what}${count === 1 ? "" : ` (and ${count - 1} more)`}`;
    const reading = JSON.stringify({ metric, labels, timeMs: row.timeMs, value: row.value });
    const entry = { atMs: clock.nowMs(), topic: metric, client: "held", reason, detail };
    quarantine.add(entry, new TextEncoder().encode(reading));
    log.repeated(`rejected:${reason}`, "rejected held readings", { reason, metric, labels, detail });
  }
}
