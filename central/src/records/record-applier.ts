import type { Store } from "@millrace/queue";
import { ownSource } from "../alarms/alarm-book.ts";
import type { CentralState } from "../state/central-state.ts";
import { loadEngineKeys } from "../store/engine-entries.ts";
import { noteLateMetric } from "../ledger/note-late-metric.ts";
import type { LateMetric } from "../ledger/note-late-metric.ts";
import type { RecordBatch, RecordOutcome } from "./record-batch.ts";
import type { TakenBatch } from "./record-inbox.ts";
import { partitionName } from "./record-streams.ts";
import type { RecordStage } from "./record-stage.ts";

/** So many records of the future one after another: it is central's clock that is wrong, or whoever stamps them. */
const FUTURE_IN_ROW_MIN = 100;

export interface RecordMoment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

interface Loss {
  /** The one that goes on behind it. */
  readonly batch: RecordBatch;
  readonly lost: number;
  /** Where the partition was in a topic that is no more; null: it is the same. */
  readonly endedAt: number | null;
}

/** Applies batches of records to central's state in memory: panes, positions, ids, quarantine, all for one commit. */
export class RecordApplier {
  readonly #state: CentralState;
  readonly #store: Store;

  constructor(state: CentralState, store: Store) {
    this.#state = state;
    this.#store = store;
  }

  /** What may be said once the commit is durable. */
  async apply(waiting: readonly TakenBatch[], clocks: RecordMoment): Promise<(() => void)[]> {
    const { records, engine, trustedTime } = this.#state;
    const { nowMs, monotonicMs } = clocks;
    // A clock that begins in the past, as after a boot, makes no record one of the future: its position would be behind it for good.
    const moment = { nowMs: Math.max(nowMs, trustedTime.earliestMs(monotonicMs)), monotonicMs };
    const answers: (() => void)[] = [];
    const touched = new Set<RecordStage>();
    /** Of which something was taken. */
    const taking = new Set<RecordStage>();
    for (const { stream, batch, resolve, reject } of waiting) {
      const stage = records.get(stream);
      if (stage === undefined) {
        answers.push(() => reject(new Error(`no metric reads records ${stream}`)));
        continue;
      }
      await stage.load(batch, this.#store);
      const endedAt = stage.endedAt(batch);
      const outcome = stage.take(batch, {
        ...moment,
        finalToMs: engine.finalToMsOf(stream),
        takes: engine.takerOf(stream),
      });
      touched.add(stage);
      if (outcome.taken > 0) taking.add(stage);
      if (stage.futureInRow >= FUTURE_IN_ROW_MIN)
        this.#alarmFuture(partitionName(stream, batch.partition), stage.futureInRow, moment);
      const keptToMs = outcome.tooLate > 0 ? engine.keptToMsOf({ stream }, stage.latestLateMs) : null;
      this.#noteLate(partitionName(stream, batch.partition), { ...outcome, keptToMs }, moment);
      if (stage.crowdedOutCount > 0)
        this.#alarmCrowded(stage, partitionName(stream, batch.partition), moment);
      if (stage.anewCount > 0)
        this.#alarmAnew(partitionName(stream, batch.partition), stage.anewCount, moment);
      if (batch.resumedAt !== undefined)
        this.#alarmLoss(
          partitionName(stream, batch.partition),
          { batch, lost: outcome.lost, endedAt },
          moment,
        );
      answers.push(() => resolve(outcome));
    }
    for (const stage of records.all())
      if (await stage.tidy(this.#store, engine.finalToMsOf(stage.stream))) touched.add(stage);
    for (const stage of touched) {
      await this.#applyRows(stage, { isOfAll: !taking.has(stage) }, moment);
      await this.#applyRules(stage, moment);
      this.#quarantine(stage, moment);
      trustedTime.recordsSaid(stage.clock.leadMs);
    }
    return answers;
  }

  /** Raises and ends the alarms on records that are due by time; before the records of the same commit, so that each is active in one at least. */
  tick(moment: RecordMoment): void {
    for (const stage of this.#state.records.all()) {
      stage.tickRules(moment);
      this.#takeEvents(stage, moment);
    }
  }

  #alarmFuture(partition: string, value: number, moment: RecordMoment): void {
    const message = `all records of ${partition} are further ahead of central's clock than maxFuture: they are rejected, and in no window; set the clock that is wrong, central's or that of whoever stamps them`;
    this.#raiseOnce(partition, { message, value }, moment);
  }

  #noteLate(
    partition: string,
    outcome: RecordOutcome & { readonly keptToMs: number | null },
    moment: RecordMoment,
  ): void {
    const run = this.#state.lateRuns.note(partition, outcome, moment.monotonicMs);
    if (run !== null) this.#raiseOnce(partition, { message: run.message, value: run.count }, moment);
  }

  #alarmAnew(partition: string, value: number, moment: RecordMoment): void {
    const message = `changes of ${partition} are later than all before and stand earlier in the database's log: it has begun anew (a database that was restored, or another one behind the topic), and what they say of rows that are known is in no window; give the stream and its metrics other names`;
    this.#raiseOnce(partition, { message, value }, moment);
  }

  #alarmCrowded(
    { stream, crowdedOutCount: value, idCountMax }: RecordStage,
    partition: string,
    moment: RecordMoment,
  ): void {
    const message = `records of ${partition} are set aside, and in no window: more than dedupe.idsMax (${idCountMax}) ids came between them and what was read before them, and those of their time were forgotten; raise dedupe.idsMax of records.${stream}, or shorten its dedupe.horizon`;
    this.#raiseOnce(partition, { message, value }, moment);
  }

  /** Once while it lasts. */
  #raiseOnce(
    partition: string,
    { message, value }: { readonly message: string; readonly value: number },
    { nowMs }: RecordMoment,
  ): void {
    const { alarms } = this.#state;
    if (alarms.isRaised(partition, "data_loss")) return;
    alarms.raise({ agent: partition, site: "", kind: "data_loss", message, value, nowMs });
  }

  #alarmLoss(partition: string, { batch, lost, endedAt }: Loss, { nowMs }: RecordMoment): void {
    const { damage, resumedAt: offset, isGone } = batch;
    const anew =
      isGone === true
        ? `without partition ${partition}`
        : `partition ${partition} is read from offset ${offset} on`;
    const message =
      endedAt !== null
        ? `the topic was made anew${isGone === true ? " " : ": "}${anew}; what it held before from offset ${endedAt} on was not read, and is gone`
        : damage !== undefined
          ? `${lost} records of ${partition} cannot be read (${damage.reason}); it goes on at offset ${offset}`
          : lost > 0
            ? `${lost} records of ${partition} were gone before central could read them; it goes on at offset ${offset}`
            : `partition ${partition} begins anew at offset ${offset}: what it had, and central had not read, is lost`;
    this.#state.alarms.raise({ agent: partition, site: "", kind: "data_loss", message, value: lost, nowMs });
  }

  async #applyRows(
    stage: RecordStage,
    { isOfAll }: Pick<LateMetric, "isOfAll">,
    moment: RecordMoment,
  ): Promise<void> {
    const { engine, late } = this.#state;
    const { stream: source } = stage;
    const { nowMs, monotonicMs } = moment;
    const comeToMs = Math.floor(stage.clock.latestMs(monotonicMs) ?? Infinity) + 1;
    for (const rows of stage.takeRows()) {
      await loadEngineKeys(this.#store, engine, engine.needs(rows));
      const outcome = engine.apply(rows, nowMs, comeToMs);
      late.note(source, outcome.late, nowMs);
      const { metric } = rows;
      if (outcome.tooLate > 0) stage.tooLateOf(metric, outcome.tooLate);
      noteLateMetric(this.#state, { ...outcome, source, site: "", metric, isOfAll }, moment);
    }
    for (const rows of stage.takeRetractions()) {
      await loadEngineKeys(this.#store, engine, engine.needs(rows));
      engine.apply(rows, nowMs, comeToMs);
    }
  }

  async #applyRules(stage: RecordStage, moment: RecordMoment): Promise<void> {
    this.#takeEvents(stage, moment);
    for (const book of stage.rules.distinct)
      for (let key = book.untidyKey; key !== null; key = book.untidyKey)
        book.tidy(await this.#store.get(key));
  }

  #takeEvents({ rules }: RecordStage, { nowMs }: RecordMoment): void {
    for (const event of rules.takeEvents()) this.#state.alarms.take(event, ownSource(nowMs));
  }

  #quarantine(stage: RecordStage, { nowMs }: RecordMoment): void {
    const { stream, topic } = stage;
    for (const { partition, offset, reason, detail, bytes } of stage.takeRefused())
      this.#state.quarantine.keep({
        atMs: nowMs,
        agent: partitionName(stream, partition),
        topic: "records",
        record: topic === null ? { stream, partition, offset } : { stream, topic, partition, offset },
        reason,
        detail,
        payload: bytes,
      });
  }
}
