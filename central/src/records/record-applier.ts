import type { Store } from "@millrace/queue";
import { loadEngineKeys } from "../core/central-state.ts";
import type { CentralState } from "../core/central-state.ts";
import type { WaitingBatch } from "./record-inbox.ts";
import { partitionName } from "./record-streams.ts";
import type { RecordStage } from "./record-stage.ts";

export interface RecordMoment {
  readonly nowMs: number;
  readonly monotonicMs: number;
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
  async apply(waiting: readonly WaitingBatch[], moment: RecordMoment): Promise<(() => void)[]> {
    const { records, engine, trustedTime } = this.#state;
    const answers: (() => void)[] = [];
    const touched = new Set<RecordStage>();
    for (const { stream, batch, resolve, reject } of waiting) {
      const stage = records.get(stream);
      if (stage === undefined) {
        answers.push(() => reject(new Error(`no metric reads records ${stream}`)));
        continue;
      }
      const outcome = stage.take(batch, { ...moment, finalToMs: engine.finalToMsOf(stream) });
      touched.add(stage);
      if (batch.resumedAt !== undefined)
        this.#alarmLoss(
          partitionName(stream, batch.partition),
          { offset: batch.resumedAt, lost: outcome.lost },
          moment,
        );
      answers.push(() => resolve(outcome));
    }
    for (const stage of touched) {
      await this.#applyRows(stage, moment);
      this.#quarantine(stage, moment);
      trustedTime.recordsSaid(stage.leadMs);
    }
    return answers;
  }

  #alarmLoss(
    partition: string,
    { offset, lost }: { readonly offset: number; readonly lost: number },
    { nowMs }: RecordMoment,
  ): void {
    const message =
      lost > 0
        ? `${lost} records of ${partition} were gone before central could read them; it goes on at offset ${offset}`
        : `partition ${partition} begins anew at offset ${offset}: what it had, and central had not read, is lost`;
    this.#state.alarms.raise({ agent: partition, site: "", kind: "data_loss", message, value: lost, nowMs });
  }

  async #applyRows(stage: RecordStage, { nowMs }: RecordMoment): Promise<void> {
    const { engine, late } = this.#state;
    for (const rows of stage.takeRows()) {
      await loadEngineKeys(this.#store, engine, engine.needs(rows));
      late.note(stage.stream, engine.apply(rows, nowMs).late, nowMs);
    }
  }

  #quarantine(stage: RecordStage, { nowMs }: RecordMoment): void {
    const { stream } = stage;
    for (const { partition, offset, reason, detail, bytes } of stage.takeRefused())
      this.#state.quarantine.keep({
        atMs: nowMs,
        agent: partitionName(stream, partition),
        topic: "records",
        record: { stream, partition, offset },
        reason,
        detail,
        payload: bytes,
      });
  }
}
