import { streamName } from "../signal/random-stream.ts";
import { OpenSource } from "./app-opens/open-source.ts";
import { OpenStream } from "./app-opens/open-stream.ts";
import type { BusinessRecord, RecordSource } from "./business-record.ts";
import { OrderChanges } from "./debezium/order-changes.ts";
import { TransferChanges } from "./debezium/transfer-changes.ts";
import { OrderSource, RefundSource } from "./orders/order-source.ts";
import { OrderStream } from "./orders/order-stream.ts";
import type { BusinessPlan } from "./plan/business-plan.ts";
import { truckName } from "./plan/business-plan.ts";
import { recordsPerSecond } from "./plan/records-per-second.ts";
import { RecordFates } from "./record-fates.ts";
import { TimeText } from "./time-text.ts";
import { Circles } from "./transfers/circles.ts";
import { transferHistory } from "./transfers/transfer-history.ts";
import { TransferSource } from "./transfers/transfer-source.ts";
import { TransferStream } from "./transfers/transfer-stream.ts";
import { RouteLine } from "./trucks/route-line.ts";
import { TruckSource } from "./trucks/truck-source.ts";
import { Truck } from "./trucks/truck.ts";
import type { BusinessTruthLine } from "./truth/business-truth-line.ts";
import { BusinessTruth } from "./truth/business-truth.ts";
import { WallClock } from "./wall-clock.ts";

export interface BusinessRunOptions {
  readonly plan: BusinessPlan;
  readonly seed: number;
  readonly startMs: number;
  readonly record: (line: BusinessTruthLine) => void;
  /** False: only the truth is wanted, which is made several times as fast. */
  readonly hasRecords: boolean;
}

/** Of one step; a second has a whole number of each. A record is sent when its step is over: not much after its time. */
const STEPS_MS = [100, 50, 20, 10];
/** About so many records a step at most. */
const STEP_RECORDS = 8_192;

/**
 * All records of a plan, step by step in order of event time, and their truth: a function of plan, seed and start. Each
 * stream draws from streams of chance of its own, so that another one changes nothing in it.
 */
export class BusinessRun {
  readonly #options: BusinessRunOptions;
  readonly #truth: BusinessTruth;
  readonly #sources: readonly RecordSource[];
  readonly #stepMs: number;
  readonly #time: TimeText;
  readonly #circles: Circles | null;
  readonly #idPrefix: string;
  /** Null: all records come as they are said. */
  readonly #fates: RecordFates | null;
  #nextMs: number;

  constructor(options: BusinessRunOptions) {
    this.#options = options;
    const { plan, seed, startMs, record } = options;
    this.#nextMs = startMs;
    this.#stepMs = stepOf(plan);
    this.#idPrefix = `${Math.floor(startMs / 1_000).toString(36)}-`;
    const clock = new WallClock(plan.zone);
    this.#time = new TimeText(plan.timeFormat, clock);
    const { transfers, delivery } = plan;
    this.#fates = delivery === null ? null : new RecordFates({ plan: delivery, seed, record });
    this.#circles = transfers === null ? null : new Circles(seed, transfers.accounts, transfers.circle);
    this.#truth = new BusinessTruth({ plan, circles: this.#circles, record });
    this.#sources = [
      ...this.#orderSources(clock),
      ...this.#transferSources(clock),
      ...this.#truckSources(),
      ...this.#openSources(clock),
    ];
  }

  /** Event time from which the next step's records are. */
  get nextTimeMs(): number {
    return this.#nextMs;
  }

  /** Event time before which the next step's records are. */
  get nextEndMs(): number {
    return this.#nextMs + this.#stepMs;
  }

  /** The next records, in order of event time; written down before they are returned. */
  step(): readonly BusinessRecord[] {
    const { hasRecords, plan, record } = this.#options;
    this.#nextMs += this.#stepMs;
    const bySource: BusinessRecord[][] = [];
    for (const source of this.#sources) {
      const isWanted = hasRecords || plan.hasEachRecord || this.#fates !== null;
      const records: BusinessRecord[] | null = isWanted ? [] : null;
      source.take(this.#nextMs, records);
      if (records !== null && records.length > 0) bySource.push(records);
    }
    const records = inOrder(bySource);
    if (plan.hasEachRecord) for (const each of records) record(toLine(each));
    const coming = this.#fates === null ? records : [...this.#fates.meet(records)];
    this.#truth.closeBefore(this.#nextMs);
    return coming;
  }

  /** Writes the end, and the windows that are still open. */
  finish(): void {
    this.#options.record({ type: "records-end", time: this.#nextMs });
    this.#truth.finish(this.#nextMs);
  }

  /** What happened before the first step, as far as a system has to know it; in order of event time. */
  history(): Iterable<BusinessRecord> {
    const { plan, seed, startMs } = this.#options;
    if (plan.transfers?.hasHistory !== true || this.#circles === null) return [];
    return transferHistory({
      plan: plan.transfers,
      seed,
      circles: this.#circles,
      time: this.#time,
      startMs,
      idPrefix: this.#idPrefix,
    });
  }

  #orderSources(clock: WallClock): RecordSource[] {
    const { plan, seed, startMs } = this.#options;
    const { orders, debezium } = plan;
    if (orders === null) return [];
    const idPrefix = this.#idPrefix;
    const beginMs = startMs - (debezium?.snapshotMs ?? 0);
    const stream = new OrderStream({ plan: orders, seed, clock, startMs: beginMs, planStartMs: startMs });
    const truth = this.#truth;
    if (debezium !== null) {
      return [
        new OrderChanges({
          plan: orders,
          debezium,
          stream,
          idPrefix,
          logName: streamName(seed, "orders", "log"),
          snapshotAtMs: startMs,
          onBlock: (block) => truth.onOrders(block),
          onChange: (timeMs, kind) => truth.onChange("orders", timeMs, kind),
        }),
      ];
    }
    const shared = { plan: orders, stream, time: this.#time, idPrefix };
    return [
      new OrderSource({ ...shared, onBlock: (block) => truth.onOrders(block) }),
      new RefundSource(shared, (timeMs, cents, region) => truth.onRefund(timeMs, cents, region)),
    ];
  }

  #transferSources(clock: WallClock): RecordSource[] {
    const { plan, seed, startMs } = this.#options;
    const { transfers, debezium } = plan;
    if (transfers === null || this.#circles === null) return [];
    const stream = new TransferStream({ plan: transfers, seed, circles: this.#circles, clock, startMs });
    const truth = this.#truth;
    const shared = {
      stream,
      idPrefix: this.#idPrefix,
      onTransfer: (transfer: Parameters<typeof truth.onTransfer>[0]) => truth.onTransfer(transfer),
    };
    if (debezium === null) return [new TransferSource({ ...shared, time: this.#time })];
    const logName = streamName(seed, "transfers", "log");
    const onInsert = (timeMs: number): void => truth.onChange("transfers", timeMs, "c");
    return [new TransferChanges({ ...shared, debezium, logName, onInsert })];
  }

  #truckSources(): RecordSource[] {
    const { plan, seed, startMs } = this.#options;
    const { trucks: plans } = plan;
    if (plans === null) return [];
    const trucks = plans.routes.flatMap(({ route, stops, trucks: count }, number) => {
      const line = new RouteLine(stops);
      return Array.from(
        { length: count },
        (_, index) =>
          new Truck({ plan: plans, route: number, line, name: truckName(route, index), seed, startMs }),
      );
    });
    return [
      new TruckSource({
        trucks,
        time: this.#time,
        idPrefix: this.#idPrefix,
        onReport: (report) => this.#truth.onReport(report),
      }),
    ];
  }

  #openSources(clock: WallClock): RecordSource[] {
    const { plan, seed, startMs } = this.#options;
    const { appOpens } = plan;
    if (appOpens === null) return [];
    const stream = new OpenStream({ plan: appOpens, seed, clock, startMs });
    return [
      new OpenSource({
        stream,
        time: this.#time,
        idPrefix: this.#idPrefix,
        onOpen: (open) => this.#truth.onOpen(open),
      }),
    ];
  }
}

/** A step that holds about so many records where the plan is busiest. */
function stepOf(plan: BusinessPlan): number {
  const perSecond = recordsPerSecond(plan);
  return STEPS_MS.find((ms) => (perSecond * ms) / 1_000 <= STEP_RECORDS) ?? STEPS_MS[STEPS_MS.length - 1];
}

/** Several lists, each in order of event time, as one; of one time the earlier list's come first. */
function inOrder(lists: readonly BusinessRecord[][]): readonly BusinessRecord[] {
  if (lists.length <= 1) return lists[0] ?? [];
  const places = lists.map(() => 0);
  const merged: BusinessRecord[] = [];
  for (;;) {
    let first = -1;
    for (let index = 0; index < lists.length; index += 1) {
      const record = lists[index].at(places[index]);
      if (record === undefined) continue;
      if (first < 0 || record.timeMs < lists[first][places[first]].timeMs) first = index;
    }
    if (first < 0) return merged;
    merged.push(lists[first][places[first]]);
    places[first] += 1;
  }
}

function toLine({ topic, id, timeMs, sentMs, key, json }: BusinessRecord): BusinessTruthLine {
  const sent = sentMs === timeMs ? {} : { sent: sentMs };
  return { type: "record", stream: topic, id, time: timeMs, ...sent, key, json };
}
