import type { BusinessRecord, RecordSource } from "../business-record.ts";
import type { DebeziumPlan } from "../plan/business-plan.ts";
import { accountName, type TransferSourceOptions } from "../transfers/transfer-source.ts";
import { ChangeEnvelope } from "./change-envelope.ts";
import { ChangeLog } from "./change-log.ts";
import { TABLE_COLUMNS } from "./changed-table.ts";

export interface TransferChangesOptions extends Omit<TransferSourceOptions, "time"> {
  readonly debezium: DebeziumPlan;
  /** Of the stream of chance that the log draws from. */
  readonly logName: string;
  readonly onInsert: (timeMs: number) => void;
}

/** The table `transfers`: a row for each, and none changes. */
export class TransferChanges implements RecordSource {
  readonly #options: TransferChangesOptions;
  readonly #envelope: ChangeEnvelope;
  readonly #log: ChangeLog;

  constructor(options: TransferChangesOptions) {
    this.#options = options;
    this.#envelope = new ChangeEnvelope({
      plan: options.debezium,
      table: "transfers",
      columns: TABLE_COLUMNS.transfers,
    });
    this.#log = new ChangeLog(options.logName);
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, idPrefix, onTransfer, onInsert } = this.#options;
    for (let transfer = stream.next(untilMs); transfer !== null; transfer = stream.next(untilMs)) {
      const { number, timeMs, from, to, cents } = transfer;
      onTransfer(transfer);
      onInsert(timeMs);
      const place = this.#log.next(timeMs);
      if (into === null) continue;
      const after = [`t${idPrefix}${number}`, accountName(from), accountName(to), cents, timeMs];
      into.push({
        topic: "transfers",
        id: `${place.lsn}`,
        timeMs,
        sentMs: place.seenMs,
        key: this.#envelope.keyOf(after),
        json: this.#envelope.valueOf({ op: "c", before: null, after, ...place, snapshot: "false" }),
        change: { op: "c", row: after },
      });
    }
  }
}
