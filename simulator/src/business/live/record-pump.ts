import type { Clock } from "@millrace/runtime";
import { PlanTime } from "../../pace/plan-time.ts";
import type { RunProgress } from "../../progress/run-progress.ts";
import type { TruthLine } from "../../truth/truth-line.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { BusinessRun } from "../business-run.ts";
import type { BusinessPlan } from "../plan/business-plan.ts";
import { SendingOrder } from "../sending-order.ts";
import type { RecordReceiver } from "./record-receiver.ts";
import type { RecordRecovery } from "./record-recovery.ts";

export interface RecordPumpOptions {
  readonly plan: BusinessPlan;
  readonly seed: number;
  readonly startMs: number;
  /** Event time after which nothing is made; null: until stopped. */
  readonly forMs: number | null;
  /** As of `PlanTime`; default: the clock's pace. */
  readonly speed?: number | null;
  /** A run that is gone on with: the same plan, seed and start. */
  readonly recovery: RecordRecovery | null;
  readonly receiver: RecordReceiver;
  /** The others' records are made, and go nowhere; absent: all are sent. */
  readonly streams?: readonly RecordStreamName[] | null;
  readonly truth: { append(line: TruthLine): void; flush(): void };
  readonly clock: Clock;
  /** All of it is made; the receiver may still have to take the last of it. */
  readonly onMade?: () => void;
}

/** Records in one call to the receiver. */
const BATCH_RECORDS = 8_000;
/** Steps in one go, so that signals are heard while a run is made again. */
const STEPS_MAX = 1_000;
const ACKED_MARK_MS = 1_000;

/**
 * Sends a plan's records as they happen, each when it leaves its source, written down before it is sent. A run that was
 * killed is made again up to where its file ends: what the receiver is known to hold is not sent twice.
 */
export class RecordPump {
  readonly #options: RecordPumpOptions;
  readonly #run: BusinessRun;
  #time: PlanTime;
  /** What an earlier process had made is made again: all of it was due. */
  #isCatchingUp: boolean;
  readonly #order = new SendingOrder();
  #skippedLines: number;
  /** Places in the run, whatever stream is there. */
  #made = 0;
  #acked: number;
  /** Of them, in the streams that are sent. */
  #chosenMade = 0;
  #chosenAcked = 0;
  #markedMs = -Infinity;
  #againTold = 0;
  #isStopped = false;
  #wake = (): void => {};

  constructor(options: RecordPumpOptions) {
    this.#options = options;
    const { plan, seed, startMs, recovery, clock, speed = null } = options;
    this.#time = new PlanTime({ clock, startMs, speed });
    this.#isCatchingUp = recovery !== null;
    this.#skippedLines = recovery?.lineCount ?? 0;
    this.#acked = recovery?.ackedCount ?? 0;
    const record = (line: TruthLine): void => this.#record(line);
    this.#run = new BusinessRun({ plan, seed, startMs, record, hasRecords: true });
  }

  /** Since the run began, in an earlier process too: what of it has been made again. */
  get progress(): RunProgress & { readonly acked: number } {
    const { speed, startMs, forMs } = this.#options;
    const leftMs = forMs === null ? null : Math.max(0, startMs + forMs - this.#run.nextTimeMs);
    return {
      makes: "records",
      generated: this.#chosenMade,
      acked: this.#chosenAcked,
      lost: 0,
      waiting: this.#chosenMade - this.#chosenAcked,
      onTheWay: this.#order.waitingCount,
      remainingMs: this.#isStopped ? 0 : leftMs,
      lagMs:
        speed === Infinity || this.#isCatchingUp ? 0 : Math.max(0, this.#time.nowMs() - this.#run.nextEndMs),
      connected: null,
    };
  }

  /** Resolves when the run is over and the receiver holds all of it; rejects when the receiver never will. */
  async run(): Promise<void> {
    const { receiver, truth, startMs, forMs } = this.#options;
    const endMs = forMs === null ? Infinity : startMs + forMs;
    if (this.#options.recovery !== null) this.#mark({ isResumed: true });
    truth.flush();
    try {
      const held = await receiver.open();
      if (held !== null) this.#acked = held;
      await this.#pump(endMs);
    } catch (error) {
      // The next process on this file goes on from here.
      this.#mark();
      truth.append({
        type: "records-unacked",
        records: this.#chosenMade - this.#chosenAcked,
        at: this.#markedMs,
      });
      truth.flush();
      throw error;
    }
    this.#run.finish();
    this.#mark();
    truth.flush();
  }

  async #pump(endMs: number): Promise<void> {
    while (!this.#isStopped && this.#run.nextTimeMs < endMs) {
      const batch = this.#makeDue(endMs);
      if (this.#run.nextTimeMs >= endMs) this.#options.onMade?.();
      if (batch.length > 0) await this.#send(batch);
      const waitMs = this.#isCatchingUp ? 0 : this.#time.waitMs(this.#run.nextEndMs);
      const isOver = this.#run.nextTimeMs >= endMs;
      if (!isOver && (waitMs > 0 || batch.length === 0)) await this.#sleep(waitMs);
    }
    // What still waits in its source leaves with the end.
    await this.#send([...this.#unsent(this.#order.until(Infinity))]);
  }

  /** Makes nothing more; what is made is still sent. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** What has happened by now, as much as one call takes. */
  #makeDue(endMs: number): BusinessRecord[] {
    const batch: BusinessRecord[] = [];
    const run = this.#run;
    const nowMs = this.#isCatchingUp ? Infinity : this.#time.nowMs();
    for (let steps = 0; steps < STEPS_MAX && batch.length < BATCH_RECORDS; steps += 1) {
      if (this.#isCatchingUp && this.#lookWhetherCaughtUp()) break;
      if (run.nextEndMs > nowMs || run.nextTimeMs >= endMs) break;
      const stepEndMs = run.nextEndMs;
      for (const record of this.#unsent(this.#order.take(run.step()))) batch.push(record);
      for (const record of this.#unsent(this.#order.until(stepEndMs))) batch.push(record);
    }
    return batch;
  }

  /** From where an earlier process has left it, a run goes on at its pace. */
  #lookWhetherCaughtUp(): boolean {
    if (this.#skippedLines > 0 || this.#made < this.#acked) return false;
    this.#isCatchingUp = false;
    const { clock, speed = null } = this.#options;
    this.#time = new PlanTime({ clock, startMs: this.#run.nextTimeMs, speed });
    return true;
  }

  /** Without what an earlier process has brought to the receiver. */
  *#unsent(records: Iterable<BusinessRecord>): Generator<BusinessRecord> {
    for (const record of records) {
      this.#made += 1;
      const chosen = this.#isChosen(record) ? 1 : 0;
      this.#chosenMade += chosen;
      if (this.#made > this.#acked) yield record;
      else this.#chosenAcked += chosen;
    }
  }

  #isChosen({ topic }: BusinessRecord): boolean {
    const { streams = null } = this.#options;
    return streams === null || streams.includes(topic);
  }

  async #send(batch: readonly BusinessRecord[]): Promise<void> {
    const { truth, receiver, clock } = this.#options;
    truth.flush();
    for (let at = 0; at < batch.length; at += BATCH_RECORDS) {
      const part = batch.slice(at, at + BATCH_RECORDS);
      const chosen = part.filter((record) => this.#isChosen(record));
      await receiver.send(chosen, this.#acked + part.length);
      this.#acked += part.length;
      this.#chosenAcked += chosen.length;
      if (clock.nowMs() - this.#markedMs >= ACKED_MARK_MS) this.#mark();
    }
  }

  #mark(further: { readonly isResumed?: true } = {}): void {
    const { clock, receiver, truth, streams = null } = this.#options;
    this.#markedMs = clock.nowMs();
    const again = receiver.againMax - this.#againTold;
    this.#againTold = receiver.againMax;
    truth.append({
      type: "records-acked",
      records: this.#acked,
      at: this.#markedMs,
      ...(again > 0 ? { again } : {}),
      ...(receiver.isTable === true ? { isTable: true } : {}),
      ...(streams === null ? {} : { streams: [...streams] }),
      ...further,
    });
  }

  #record(line: TruthLine): void {
    if (this.#skippedLines > 0) this.#skippedLines -= 1;
    else this.#options.truth.append(line);
  }

  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = this.#options.clock.after(ms, resolve);
    await promise;
    timer.cancel();
  }
}
