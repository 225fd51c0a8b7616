import type { DeliveryPlan } from "../../delivery/delivery-plan.ts";
import type { TimeFormat } from "../time-text.ts";

/** The records of a plan, resolved: times in ms, amounts in cents, defaults filled in. */
export interface BusinessPlan {
  /** IANA name of the zone whose wall clock people live by. */
  readonly zone: string;
  readonly timeFormat: TimeFormat;
  /** Tumbling windows of the truth. */
  readonly windowMs: readonly number[];
  /** Whether the truth has every record beside its windows. */
  readonly hasEachRecord: boolean;
  /** Orders and transfers as change events; null: as plain rows. */
  readonly debezium: DebeziumPlan | null;
  /** What befalls records on their way; nothing is lost, and nothing is silent. */
  readonly delivery: DeliveryPlan | null;
  readonly orders: OrdersPlan | null;
  readonly transfers: TransfersPlan | null;
  readonly trucks: TrucksPlan | null;
  readonly appOpens: AppOpensPlan | null;
}

export interface DebeziumPlan {
  /** The connector's `topic.prefix`, and its database. */
  readonly name: string;
  readonly database: string;
  /** Schema and payload, as Kafka Connect's JSON converter writes them with `schemas.enable`. */
  readonly hasSchemas: boolean;
  /** The connector's `decimal.handling.mode`. */
  readonly decimals: "precise" | "double" | "string";
  /** The tables' REPLICA IDENTITY: whether `before` has the whole row, or its key. */
  readonly replicaIdentity: "full" | "default";
  /** How far before the start the first rows are that the connector finds in the tables. */
  readonly snapshotMs: number;
}

export interface OrdersPlan {
  /** On average over a usual day. */
  readonly perSecond: number;
  /** A weight an hour. */
  readonly daily: readonly number[];
  readonly regions: readonly { readonly region: string; readonly weight: number }[];
  readonly categories: readonly CategoryPlan[];
  readonly users: number;
  readonly payment: PaymentPlan;
  readonly refundDelay: DelayPlan;
  readonly festival: FestivalPlan | null;
}

export interface CategoryPlan {
  readonly category: string;
  readonly weight: number;
  readonly median: number;
  /** Deviation of the amount's logarithm. */
  readonly spread: number;
  /** Share of paid orders that are given back. */
  readonly refundShare: number;
  /** By region in the plan's order: times the region's weight. */
  readonly regionFactors: readonly number[];
}

export interface PaymentPlan {
  readonly perSecond: number;
  readonly waitMaxMs: number;
  /** Share that the bank declines at any time. */
  readonly declinedShare: number;
  /** Share of users who try again after a failure, and after how long on average. */
  readonly retryShare: number;
  readonly retryAfterMs: number;
  /** Orders of one purchase at most, the first with them. */
  readonly attemptsMax: number;
}

/** Lognormal. */
export interface DelayPlan {
  readonly medianMs: number;
  readonly spread: number;
}

export interface FestivalPlan {
  /** Its midnight: after the plan's start, on a date by the zone's clock (as that date's 0:00 UTC), or the next. */
  readonly at: { readonly afterMs: number } | { readonly dateMs: number } | "next-midnight";
  /** Times the mean rate. */
  readonly peak: number;
  readonly warmUpMs: number;
  readonly warmUpShare: number;
  readonly riseMs: number;
  readonly decayMs: number;
  readonly floorShare: number;
  readonly eveningShare: number;
}

export interface TransfersPlan {
  readonly perSecond: number;
  readonly daily: readonly number[];
  readonly accounts: number;
  /** Least and greatest number of payees whom an account has paid before. */
  readonly circle: readonly [number, number];
  /** The history of those payments goes back so far. */
  readonly knownDays: number;
  readonly hasHistory: boolean;
  readonly strangerShare: number;
  readonly median: number;
  readonly spread: number;
  /** What must raise an alarm: so many payees within so long, none of whom the account had paid before. */
  readonly alarm: { readonly strangers: number; readonly withinMs: number };
  readonly rings: readonly RingPlan[];
}

export interface RingPlan {
  /** Place in the plan, from 1. */
  readonly number: number;
  readonly atMs: number;
  /** Infinity: once. */
  readonly everyMs: number;
  /** null: drawn anew each time. */
  readonly account: number | null;
  readonly payees: number;
  /** Between the first payment and the last. */
  readonly withinMs: number;
  readonly to: "strangers" | "known";
}

export interface TrucksPlan {
  readonly everyMs: number;
  readonly routes: readonly RoutePlan[];
  readonly cruiseKmh: number;
  readonly speedLimitKmh: number;
  readonly corridorKm: number;
  readonly geofenceKm: number;
  readonly lateAfterMs: number;
  readonly silentAfterMs: number;
  readonly habits: TruckHabits;
  readonly events: readonly TruckEventPlan[];
}

export interface RoutePlan {
  readonly route: string;
  /** Named `<route>-1` and so on. */
  readonly trucks: number;
  readonly stops: readonly { readonly city: string; readonly longitude: number; readonly latitude: number }[];
  /** Without radio, in km from the route's beginning. */
  readonly tunnels: readonly { readonly fromKm: number; readonly toKm: number }[];
}

export interface TruckHabits {
  readonly restEveryMs: number;
  readonly restForMs: number;
  readonly speedingPerDay: number;
  readonly detoursPerDay: number;
}

/** What befalls one truck at a time of the plan. */
export interface TruckEventPlan {
  /** Place in the plan, from 1. */
  readonly number: number;
  readonly truck: string;
  readonly event: TruckEventKind;
  readonly atMs: number;
  readonly forMs: number;
}

export const TRUCK_EVENTS = ["silence", "dead", "detour", "stop", "speeding"] as const;
export type TruckEventKind = (typeof TRUCK_EVENTS)[number];

export interface AppOpensPlan {
  readonly users: number;
  readonly daily: readonly number[];
  readonly sessionsPerUserDay: number;
  /** Mean number of opens in a session, at least 1. */
  readonly opensPerSession: number;
  /** Mean time between two opens of a session. */
  readonly openEveryMs: number;
  /** Of the truth's distinct users. */
  readonly windowMs: number;
}

/** Trucks of a route are named by their number. */
export function truckName(route: string, index: number): string {
  return `${route}-${index + 1}`;
}
