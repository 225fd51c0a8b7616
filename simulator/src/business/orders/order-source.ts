import type { BusinessRecord, RecordSource } from "../business-record.ts";
import { centsText } from "../cents-text.ts";
import type { OrdersPlan } from "../plan/business-plan.ts";
import type { TimeText } from "../time-text.ts";
import { OrderBlock } from "./order-block.ts";
import type { OrderStream } from "./order-stream.ts";

const BLOCK_ORDERS = 4_096;

export interface OrderSourceOptions {
  readonly plan: OrdersPlan;
  readonly stream: OrderStream;
  readonly time: TimeText;
  /** Between the letter and the number of an id: runs that began at other times have other ids. */
  readonly idPrefix: string;
  /** Sees every block of orders before it becomes records. */
  readonly onBlock: (block: OrderBlock) => void;
}

/** `{"order_id","time","amount","region","category","user","payment"}`, and `retry_of` where it is tried again. */
export class OrderSource implements RecordSource {
  readonly #options: OrderSourceOptions;
  readonly #block = new OrderBlock(BLOCK_ORDERS);
  /** By region and category: what stands between the amount and the user. */
  readonly #places: readonly (readonly string[])[];

  constructor(options: OrderSourceOptions) {
    this.#options = options;
    this.#places = placeTexts(options.plan);
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, onBlock, time, idPrefix } = this.#options;
    const block = this.#block;
    for (let isDone = false; !isDone;) {
      isDone = stream.generate(block, untilMs);
      onBlock(block);
      if (into === null) continue;
      for (let at = 0; at < block.count; at += 1) {
        const id = `o${idPrefix}${block.number[at]}`;
        const timeMs = block.timeMs[at];
        const key = `u${block.user[at]}`;
        const place = this.#places[block.region[at]][block.category[at]];
        const end = block.isFailed[at] === 1 ? PAYMENT_FAILED : PAYMENT_PAID;
        const retry = block.retryOf[at] === 0 ? "}" : `,"retry_of":"o${idPrefix}${block.retryOf[at]}"}`;
        const json = `{"order_id":"${id}","time":${time.of(timeMs)},"amount":${centsText(block.cents[at])}${place}${key}${end}${retry}`;
        into.push({ topic: "orders", id, timeMs, sentMs: timeMs, key, json });
      }
    }
  }
}

const PAYMENT_PAID = `","payment":"paid"`;
const PAYMENT_FAILED = `","payment":"failed"`;

function placeTexts({ regions, categories }: OrdersPlan): readonly (readonly string[])[] {
  return regions.map(({ region }) =>
    categories.map(
      ({ category }) => `,"region":${JSON.stringify(region)},"category":${JSON.stringify(category)},"user":"`,
    ),
  );
}

/** `{"refund_id","order_id","time","amount","region","category","user"}`; taken after the orders of the same time. */
export class RefundSource implements RecordSource {
  readonly #options: Omit<OrderSourceOptions, "onBlock">;
  readonly #onRefund: (timeMs: number, cents: number, region: number) => void;
  readonly #places: readonly (readonly string[])[];
  #count = 0;

  constructor(
    options: Omit<OrderSourceOptions, "onBlock">,
    onRefund: (timeMs: number, cents: number, region: number) => void,
  ) {
    this.#options = options;
    this.#onRefund = onRefund;
    this.#places = placeTexts(options.plan);
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, time, idPrefix } = this.#options;
    while (stream.refunds.nextMs < untilMs) {
      const timeMs = stream.refunds.nextMs;
      const refund = stream.refunds.pop();
      if (refund === undefined) return;
      const { order, cents, region, category, user } = refund;
      this.#onRefund(timeMs, cents, region);
      this.#count += 1;
      if (into === null) continue;
      const id = `r${idPrefix}${this.#count}`;
      const key = `u${user}`;
      const json = `{"refund_id":"${id}","order_id":"o${idPrefix}${order}","time":${time.of(timeMs)},"amount":${centsText(cents)}${this.#places[region][category]}${key}"}`;
      into.push({ topic: "refunds", id, timeMs, sentMs: timeMs, key, json });
    }
  }
}
