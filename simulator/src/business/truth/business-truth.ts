import type { AppOpen } from "../app-opens/open-stream.ts";
import type { ChangedTable } from "../debezium/changed-table.ts";
import type { OrderBlock } from "../orders/order-block.ts";
import type { BusinessPlan, OrdersPlan, TrucksPlan } from "../plan/business-plan.ts";
import type { Circles } from "../transfers/circles.ts";
import { FraudOracle } from "../transfers/fraud-oracle.ts";
import { accountName } from "../transfers/transfer-source.ts";
import type { Transfer } from "../transfers/transfer-stream.ts";
import { kmBetween, TruckOracle, type TruckAlarmStep } from "../trucks/truck-oracle.ts";
import type { TruckReport } from "../trucks/truck-report.ts";
import type { BusinessTruthLine } from "./business-truth-line.ts";
import { OpenWindow } from "./open-window.ts";

export type ChangeKind = "c" | "u" | "d" | "r" | "tombstones";

export interface BusinessTruthOptions {
  readonly plan: BusinessPlan;
  /** Of the plan's transfers, if it has any. */
  readonly circles: Circles | null;
  readonly record: (line: BusinessTruthLine) => void;
}

/** What every window must say and which alarms must happen: told by the records one after another, plainly. */
export class BusinessTruth {
  readonly #record: (line: BusinessTruthLine) => void;
  readonly #orders: readonly OpenWindow<OrderSums>[];
  readonly #refunds: readonly OpenWindow<RefundSums>[];
  readonly #changes: Readonly<Record<ChangedTable, readonly OpenWindow<ChangeCounts>[]>>;
  readonly #transfers: readonly OpenWindow<TransferSums>[];
  readonly #users: readonly OpenWindow<{ opens: number; readonly users: Set<number> }>[];
  readonly #trucks: readonly OpenWindow<Map<string, TruckSums>>[];
  readonly #fraud: FraudOracle | null;
  readonly #truckOracle: TruckOracle | null;
  readonly #truckPlan: TrucksPlan | null;
  readonly #odometerM = new Map<string, number>();

  constructor({ plan, circles, record }: BusinessTruthOptions) {
    this.#record = record;
    const { windowMs, orders, transfers, trucks, appOpens } = plan;
    this.#orders = orders === null ? [] : windowMs.map((sizeMs) => this.#ordersWindow(sizeMs, orders));
    this.#refunds =
      orders === null || plan.debezium !== null
        ? []
        : windowMs.map((sizeMs) => this.#refundsWindow(sizeMs, orders));
    const changesOf = (table: ChangedTable): readonly OpenWindow<ChangeCounts>[] =>
      plan.debezium === null ? [] : windowMs.map((sizeMs) => this.#changesWindow(sizeMs, table));
    this.#changes = { orders: changesOf("orders"), transfers: changesOf("transfers") };
    this.#transfers = transfers === null ? [] : windowMs.map((sizeMs) => this.#transfersWindow(sizeMs));
    this.#users = appOpens === null ? [] : [this.#usersWindow(appOpens.windowMs)];
    this.#trucks = trucks === null ? [] : windowMs.map((sizeMs) => this.#trucksWindow(sizeMs));
    this.#fraud =
      transfers === null || circles === null
        ? null
        : new FraudOracle({ ...transfers.alarm, knows: (account, payee) => circles.knows(account, payee) });
    this.#truckPlan = trucks;
    this.#truckOracle = trucks === null ? null : new TruckOracle(trucks);
  }

  onOrders(block: OrderBlock): void {
    for (const window of this.#orders) {
      for (let at = 0; at < block.count; at += 1) {
        const sums = window.at(block.timeMs[at]);
        const [cents, failed] = [block.cents[at], block.isFailed[at]];
        sums.all.add(cents, failed);
        sums.regions[block.region[at]].add(cents, failed);
        sums.categories[block.category[at]].add(cents, failed);
      }
    }
  }

  onRefund(timeMs: number, cents: number, region: number): void {
    for (const window of this.#refunds) {
      const sums = window.at(timeMs);
      sums.all.add(cents, 0);
      sums.regions[region].add(cents, 0);
    }
  }

  onChange(table: ChangedTable, timeMs: number, kind: ChangeKind): void {
    for (const window of this.#changes[table]) window.at(timeMs)[kind] += 1;
  }

  onTransfer({ timeMs, from, to, cents, endOfRing }: Transfer): void {
    const { isFirst, alarm } = this.#fraud?.add(timeMs, from, to) ?? { isFirst: false, alarm: null };
    for (const window of this.#transfers) {
      const sums = window.at(timeMs);
      sums.count += 1;
      sums.cents += cents;
      if (isFirst) sums.firstPayments += 1;
    }
    if (alarm !== null) {
      this.#record({
        type: "fraud",
        account: accountName(from),
        time: timeMs,
        payees: alarm.payees.map(accountName),
        within: this.#fraud?.withinMs ?? 0,
      });
    }
    if (endOfRing === null) return;
    const { plan, payments } = endOfRing;
    this.#record({
      type: "ring",
      number: plan.number,
      account: accountName(from),
      start: payments[0].timeMs,
      end: timeMs,
      payees: payments.length,
      to: plan.to,
      hasAlarm: this.#fraud?.isRaised(from) === true,
    });
  }

  onReport(report: TruckReport): void {
    const { truck, timeMs, odometerM, speedKmh, route } = report;
    const distanceM = odometerM - (this.#odometerM.get(truck) ?? odometerM);
    this.#odometerM.set(truck, odometerM);
    const plan = this.#truckPlan;
    const fences =
      plan === null
        ? []
        : plan.routes[route].stops.filter((stop) => kmBetween(stop, report) <= plan.geofenceKm);
    for (const window of this.#trucks) {
      const trucks = window.at(timeMs);
      const sums = trucks.get(truck) ?? { count: 0, distanceM: 0, speedMax: 0, geofences: new Set<string>() };
      trucks.set(truck, sums);
      sums.count += 1;
      sums.distanceM += distanceM;
      sums.speedMax = Math.max(sums.speedMax, speedKmh);
      for (const { city } of fences) sums.geofences.add(city);
    }
    for (const step of this.#truckOracle?.add(report) ?? []) this.#recordTruck(step);
  }

  onOpen({ timeMs, user }: AppOpen): void {
    for (const window of this.#users) {
      const sums = window.at(timeMs);
      sums.opens += 1;
      sums.users.add(user);
    }
  }

  /** Nothing comes any more from before `untilMs`. */
  closeBefore(untilMs: number): void {
    for (const window of this.#all()) window.closeBefore(untilMs);
  }

  /** The run is over. */
  finish(endMs: number): void {
    for (const window of this.#all()) window.finish();
    for (const step of this.#truckOracle?.finish(endMs) ?? []) this.#recordTruck(step);
  }

  #all(): readonly Pick<OpenWindow<never>, "closeBefore" | "finish">[] {
    return [
      ...this.#orders,
      ...this.#refunds,
      ...this.#changes.orders,
      ...this.#changes.transfers,
      ...this.#transfers,
      ...this.#trucks,
      ...this.#users,
    ];
  }

  #recordTruck({ alarm, step, truck, timeMs, value, limit }: TruckAlarmStep): void {
    const type = step === "alarm" ? "truck-alarm" : "truck-cleared";
    this.#record({ type, alarm, truck, time: timeMs, value, limit });
  }

  #ordersWindow(sizeMs: number, { regions, categories }: OrdersPlan): OpenWindow<OrderSums> {
    return new OpenWindow({
      sizeMs,
      begin: (): OrderSums => ({
        all: new Sums(),
        regions: regions.map(() => new Sums()),
        categories: categories.map(() => new Sums()),
      }),
      write: (start, end, sums) =>
        this.#record({
          type: "orders-window",
          start,
          end,
          ...sums.all.withFailed(),
          byRegion: Object.fromEntries(
            regions.map(({ region }, at) => [region, sums.regions[at].withFailed()]),
          ),
          byCategory: Object.fromEntries(
            categories.map(({ category }, at) => [category, sums.categories[at].withFailed()]),
          ),
        }),
    });
  }

  #refundsWindow(sizeMs: number, { regions }: OrdersPlan): OpenWindow<RefundSums> {
    return new OpenWindow({
      sizeMs,
      begin: (): RefundSums => ({ all: new Sums(), regions: regions.map(() => new Sums()) }),
      write: (start, end, sums) =>
        this.#record({
          type: "refunds-window",
          start,
          end,
          ...sums.all.plain(),
          byRegion: Object.fromEntries(regions.map(({ region }, at) => [region, sums.regions[at].plain()])),
        }),
    });
  }

  #changesWindow(sizeMs: number, table: ChangedTable): OpenWindow<ChangeCounts> {
    return new OpenWindow({
      sizeMs,
      begin: () => ({ c: 0, u: 0, d: 0, r: 0, tombstones: 0 }),
      write: (start, end, counts) => this.#record({ type: "changes-window", start, end, table, ...counts }),
    });
  }

  #transfersWindow(sizeMs: number): OpenWindow<TransferSums> {
    return new OpenWindow({
      sizeMs,
      begin: () => ({ count: 0, cents: 0, firstPayments: 0 }),
      write: (start, end, { count, cents, firstPayments }) =>
        this.#record({ type: "transfers-window", start, end, count, sum: cents / 100, firstPayments }),
    });
  }

  #usersWindow(sizeMs: number): OpenWindow<{ opens: number; readonly users: Set<number> }> {
    return new OpenWindow({
      sizeMs,
      begin: () => ({ opens: 0, users: new Set<number>() }),
      write: (start, end, { opens, users }) =>
        this.#record({ type: "users-window", start, end, users: users.size, opens }),
    });
  }

  #trucksWindow(sizeMs: number): OpenWindow<Map<string, TruckSums>> {
    return new OpenWindow({
      sizeMs,
      begin: () => new Map<string, TruckSums>(),
      write: (start, end, trucks) => {
        for (const [truck, { count, distanceM, speedMax, geofences }] of trucks) {
          const distanceKm = distanceM / 1_000;
          const line = { start, end, truck, count, distanceKm, speedMax, geofences: [...geofences] };
          this.#record({ type: "truck-window", ...line });
        }
      },
    });
  }
}

type ChangeCounts = Record<ChangeKind, number>;

interface OrderSums {
  readonly all: Sums;
  readonly regions: readonly Sums[];
  readonly categories: readonly Sums[];
}

interface RefundSums {
  readonly all: Sums;
  readonly regions: readonly Sums[];
}

interface TransferSums {
  count: number;
  cents: number;
  firstPayments: number;
}

interface TruckSums {
  count: number;
  distanceM: number;
  speedMax: number;
  readonly geofences: Set<string>;
}

class Sums {
  #count = 0;
  #cents = 0;
  #failed = 0;

  add(cents: number, failed: number): void {
    this.#count += 1;
    this.#cents += cents;
    this.#failed += failed;
  }

  plain(): { readonly count: number; readonly sum: number } {
    return { count: this.#count, sum: this.#cents / 100 };
  }

  withFailed(): { readonly count: number; readonly sum: number; readonly failed: number } {
    return { ...this.plain(), failed: this.#failed };
  }
}
