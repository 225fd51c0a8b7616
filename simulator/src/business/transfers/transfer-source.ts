import type { BusinessRecord, RecordSource } from "../business-record.ts";
import { centsText } from "../cents-text.ts";
import type { TimeText } from "../time-text.ts";
import type { Transfer, TransferStream } from "./transfer-stream.ts";

export interface TransferSourceOptions {
  readonly stream: TransferStream;
  readonly time: TimeText;
  readonly idPrefix: string;
  /** Sees every transfer before it becomes a record. */
  readonly onTransfer: (transfer: Transfer) => void;
}

/** Transfers as they happen. */
export class TransferSource implements RecordSource {
  readonly #options: TransferSourceOptions;

  constructor(options: TransferSourceOptions) {
    this.#options = options;
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, time, idPrefix, onTransfer } = this.#options;
    for (let transfer = stream.next(untilMs); transfer !== null; transfer = stream.next(untilMs)) {
      onTransfer(transfer);
      if (into === null) continue;
      into.push(transferRecord(`t${idPrefix}${transfer.number}`, transfer, time));
    }
  }
}

/** `{"transfer_id","time","from","to","amount"}`. */
export function transferRecord(
  id: string,
  { timeMs, from, to, cents }: Pick<Transfer, "timeMs" | "from" | "to" | "cents">,
  time: TimeText,
): BusinessRecord {
  const key = accountName(from);
  const json = `{"transfer_id":"${id}","time":${time.of(timeMs)},"from":"${key}","to":"${accountName(to)}","amount":${centsText(cents)}}`;
  return { topic: "transfers", id, timeMs, sentMs: timeMs, key, json };
}

export function accountName(account: number): string {
  return `a${account}`;
}
