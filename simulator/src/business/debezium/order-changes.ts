import type { BusinessRecord, RecordSource } from "../business-record.ts";
import { DueQueue } from "../../due-queue.ts";
import { OrderBlock } from "../orders/order-block.ts";
import type { OrderStream } from "../orders/order-stream.ts";
import type { DebeziumPlan, OrdersPlan } from "../plan/business-plan.ts";
import type { ChangeKind } from "../truth/business-truth.ts";
import { ChangeEnvelope, type Change, type Row } from "./change-envelope.ts";
import { ChangeLog } from "./change-log.ts";
import { TABLE_COLUMNS } from "./changed-table.ts";

export interface OrderChangesOptions {
  readonly plan: OrdersPlan;
  readonly debezium: DebeziumPlan;
  readonly stream: OrderStream;
  readonly idPrefix: string;
  /** Of the stream of chance that the log draws from. */
  readonly logName: string;
  /** Until then rows are only in the table, and the connector finds them there. */
  readonly snapshotAtMs: number;
  /** Sees every block of orders since then before it becomes records. */
  readonly onBlock: (block: OrderBlock) => void;
  readonly onChange: (timeMs: number, kind: ChangeKind) => void;
}

const BLOCK_ORDERS = 1_024;
/** After which an order is taken out of the table that nobody will pay. */
const CANCEL_AFTER_MS = 120_000;

type Status = "pending" | "paid" | "failed" | "refunded";

/** An order without what changes of it. */
interface Order {
  readonly number: number;
  readonly createdMs: number;
  readonly region: number;
  readonly category: number;
  readonly cents: number;
  readonly user: number;
  readonly retryOf: number;
}

interface RowChange {
  readonly order: Order;
  readonly op: "c" | "u" | "d";
  readonly from: { readonly status: Status; readonly updatedMs: number } | null;
  readonly to: Status | null;
}

/**
 * The table `orders` as it changes: an order comes as pending, is paid or failed when the payment system has said so, may
 * be refunded, and is deleted if nobody will pay it; a deletion is followed by a tombstone.
 */
export class OrderChanges implements RecordSource {
  readonly #options: OrderChangesOptions;
  readonly #envelope: ChangeEnvelope;
  readonly #log: ChangeLog;
  readonly #block = new OrderBlock(BLOCK_ORDERS);
  readonly #due = new DueQueue<RowChange>();
  /** What the connector will find, by order; null once it has. */
  #table: Map<number, { readonly order: Order; readonly row: Row }> | null = new Map();

  constructor(options: OrderChangesOptions) {
    this.#options = options;
    this.#envelope = new ChangeEnvelope({
      plan: options.debezium,
      table: "orders",
      columns: TABLE_COLUMNS.orders,
    });
    this.#log = new ChangeLog(options.logName);
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, onBlock, snapshotAtMs } = this.#options;
    if (this.#table !== null) this.#generate(Math.min(untilMs, snapshotAtMs), () => {});
    this.#generate(untilMs, onBlock);
    for (;;) {
      const timeMs = Math.min(this.#due.nextMs, stream.refunds.nextMs);
      if (timeMs >= snapshotAtMs && untilMs > snapshotAtMs) this.#readSnapshot(into);
      if (timeMs >= untilMs) return;
      const change = stream.refunds.nextMs === timeMs ? this.#refund() : this.#due.pop();
      if (change !== undefined) this.#change(timeMs, change, into);
    }
  }

  #generate(untilMs: number, onBlock: (block: OrderBlock) => void): void {
    for (let isDone = false; !isDone;) {
      isDone = this.#options.stream.generate(this.#block, untilMs);
      onBlock(this.#block);
      this.#enter(this.#block);
    }
  }

  /** An order, what becomes of its payment, and its end if it has one. */
  #enter(block: OrderBlock): void {
    for (let at = 0; at < block.count; at += 1) {
      const createdMs = block.timeMs[at];
      const order: Order = {
        number: block.number[at],
        createdMs,
        region: block.region[at],
        category: block.category[at],
        cents: block.cents[at],
        user: block.user[at],
        retryOf: block.retryOf[at],
      };
      this.#due.push(createdMs, { order, op: "c", from: null, to: "pending" });
      const doneMs = createdMs + block.paymentMs[at];
      const to = block.isFailed[at] === 1 ? "failed" : "paid";
      this.#due.push(doneMs, { order, op: "u", from: { status: "pending", updatedMs: createdMs }, to });
      if (block.isGivenUp[at] === 1)
        this.#due.push(doneMs + CANCEL_AFTER_MS, {
          order,
          op: "d",
          from: { status: "failed", updatedMs: doneMs },
          to: null,
        });
    }
  }

  #refund(): RowChange | undefined {
    const refund = this.#options.stream.refunds.pop();
    if (refund === undefined) return undefined;
    const { order: number, orderMs: createdMs, paidMs, ...place } = refund;
    const order = { number, createdMs, ...place };
    return { order, op: "u", from: { status: "paid", updatedMs: paidMs }, to: "refunded" };
  }

  #change(timeMs: number, { order, op, from, to }: RowChange, into: BusinessRecord[] | null): void {
    const after = to === null ? null : this.#row(order, to, timeMs);
    if (this.#table !== null) {
      if (after === null) this.#table.delete(order.number);
      else this.#table.set(order.number, { order, row: after });
      return;
    }
    const before = from === null ? null : this.#row(order, from.status, from.updatedMs);
    this.#options.onChange(timeMs, op);
    const change: Change = { op, before, after, ...this.#log.next(timeMs), snapshot: "false" };
    this.#write(timeMs, change, into);
    if (op !== "d") return;
    this.#options.onChange(timeMs, "tombstones");
    if (into === null || before === null) return;
    const key = this.#envelope.keyOf(before);
    into.push({
      topic: "orders",
      id: `${change.lsn}-tombstone`,
      timeMs,
      sentMs: change.seenMs,
      key,
      json: null,
    });
  }

  /** Every row that is there at the start, by the age of its order. */
  #readSnapshot(into: BusinessRecord[] | null): void {
    if (this.#table === null) return;
    const { snapshotAtMs, onChange } = this.#options;
    const rows = [...this.#table.values()].sort((one, other) => one.order.number - other.order.number);
    this.#table = null;
    rows.forEach(({ order, row }, index) => {
      onChange(snapshotAtMs, "r");
      const snapshot = index === rows.length - 1 ? "last" : index === 0 ? "first" : "true";
      const place = { ...this.#log.next(snapshotAtMs), seenMs: snapshotAtMs };
      this.#write(order.createdMs, { op: "r", before: null, after: row, ...place, snapshot }, into);
    });
  }

  #write(timeMs: number, change: Change, into: BusinessRecord[] | null): void {
    const row = change.after ?? change.before;
    if (into === null || row === null) return;
    into.push({
      topic: "orders",
      id: `${change.lsn}`,
      timeMs,
      sentMs: change.seenMs,
      key: this.#envelope.keyOf(row),
      json: this.#envelope.valueOf(change),
      change: { op: change.op, row },
    });
  }

  #row(order: Order, status: Status, updatedMs: number): Row {
    const { plan, idPrefix } = this.#options;
    return [
      `o${idPrefix}${order.number}`,
      `u${order.user}`,
      plan.regions[order.region].region,
      plan.categories[order.category].category,
      order.cents,
      status,
      order.retryOf === 0 ? null : `o${idPrefix}${order.retryOf}`,
      order.createdMs,
      updatedMs,
    ];
  }
}
