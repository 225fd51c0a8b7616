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

/** `{"transfer_id","time","from","to","amount"}`. */
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
      const { number, timeMs, from, to, cents } = transfer;
      const id = `t${idPrefix}${number}`;
      into.push({
        topic: "transfers",
        id,
        timeMs,
        sentMs: timeMs,
        key: accountName(from),
        json: `{"transfer_id":"${id}","time":${time.of(timeMs)},"from":"${accountName(from)}","to":"${accountName(to)}","amount":${centsText(cents)}}`,
      });
    }
  }
}

export function accountName(account: number): string {
  return `a${account}`;
}
