import { orNearest, parseDuration } from "@millrace/runtime";
import type { PlanSource } from "../../plan/plan-source.ts";
import { toRecordDeliveryPlan } from "../../plan/to-delivery-plan.ts";
import { routeLengthKm } from "../trucks/route-line.ts";
import type {
  AppOpensPlan,
  BusinessPlan,
  DebeziumPlan,
  FestivalPlan,
  OrdersPlan,
  RingPlan,
  RoutePlan,
  TransfersPlan,
  TrucksPlan,
} from "./business-plan.ts";
import { truckName } from "./business-plan.ts";
import type { BusinessFile } from "./business-schema.ts";
import { CITIES } from "./cities.ts";
import { recordsPerSecond } from "./records-per-second.ts";

/** They are held in memory until the start. */
const SNAPSHOT_ORDERS_MAX = 1_000_000;

type Problem = (path: readonly PropertyKey[], message: string) => void;

/** The records of the file, resolved; what contradicts itself is a problem of the source. */
export function toBusinessPlan(file: BusinessFile, source: PlanSource): BusinessPlan {
  const problem: Problem = (path, message) => source.addProblem(["business", ...path], message);
  const { orders, transfers, trucks, appOpens, debezium } = file;
  if (orders === undefined && transfers === undefined && trucks === undefined && appOpens === undefined)
    problem([], "there are no records: name orders, transfers, trucks or appOpens");
  if (debezium !== undefined && orders === undefined && transfers === undefined)
    problem(["debezium"], "only orders and transfers come as change events, and there are none");
  const found = ((debezium?.snapshot ?? 0) / 1_000) * (orders?.perSecond ?? 0);
  if (found > SNAPSHOT_ORDERS_MAX)
    problem(
      ["debezium", "snapshot"],
      `some ${Math.round(found)} orders would be in the table; ${SNAPSHOT_ORDERS_MAX} at most`,
    );
  if (debezium !== undefined && file.delivery !== undefined)
    problem(["delivery"], "change events come as their log has them; delivery is of plain records");
  const streams = {
    orders: orders === undefined ? null : toOrders(orders, problem),
    transfers: transfers === undefined ? null : toTransfers(transfers, problem),
    trucks: trucks === undefined ? null : toTrucks(trucks, problem),
    appOpens: appOpens === undefined ? null : toAppOpens(appOpens),
  };
  return {
    zone: file.zone,
    timeFormat: file.time,
    windowMs: file.windows,
    hasEachRecord: file.records === "each",
    debezium: debezium === undefined ? null : toDebezium(debezium),
    delivery: toRecordDeliveryPlan(file.delivery, recordsPerSecond(streams), (path, message) =>
      problem(["delivery", ...path], message),
    ),
    ...streams,
  };
}

function toDebezium(file: NonNullable<BusinessFile["debezium"]>): DebeziumPlan {
  const { name, database, schemas, decimals, replicaIdentity, snapshot } = file;
  return { name, database, hasSchemas: schemas, decimals, replicaIdentity, snapshotMs: snapshot };
}

function toOrders(file: NonNullable<BusinessFile["orders"]>, problem: Problem): OrdersPlan {
  const { payment, categories, regions, refundDelay } = file;
  const names = Object.keys(regions);
  if (!Object.values(regions).some((weight) => weight > 0))
    problem(["orders", "regions"], "some region must have a weight above 0");
  if (!Object.values(categories).some(({ weight }) => weight > 0))
    problem(["orders", "categories"], "some category must have a weight above 0");
  for (const [category, { regions: factors }] of Object.entries(categories)) {
    for (const region of Object.keys(factors)) {
      if (names.includes(region)) continue;
      const path = ["orders", "categories", category, "regions", region];
      problem(path, `there is no region ${region}; ${orNearest(region, names)}`);
    }
  }
  return {
    perSecond: file.perSecond,
    daily: file.daily,
    regions: Object.entries(regions).map(([region, weight]) => ({ region, weight })),
    categories: Object.entries(categories).map(([category, each]) => ({
      category,
      weight: each.weight,
      median: each.median,
      spread: each.spread,
      refundShare: each.refunds,
      regionFactors: names.map((region) => each.regions[region] ?? 1),
    })),
    users: file.users,
    payment: {
      perSecond: payment.perSecond ?? 5 * file.perSecond,
      waitMaxMs: payment.waitMax,
      declinedShare: payment.declined,
      retryShare: payment.retry.share,
      retryAfterMs: payment.retry.after,
      attemptsMax: payment.retry.attemptsMax,
    },
    refundDelay: { medianMs: refundDelay.median, spread: refundDelay.spread },
    festival: toFestival(file, problem),
  };
}

function toFestival(
  { festival }: NonNullable<BusinessFile["orders"]>,
  problem: Problem,
): FestivalPlan | null {
  if (festival === undefined) return null;
  const { at, peak, warmUp, warmUpShare, rise, decay, floorShare, eveningShare } = festival;
  const afterMs = parseDuration(at);
  const dateMs = dateOf(at);
  if (at !== "next-midnight" && afterMs === undefined && dateMs === undefined)
    problem(
      ["orders", "festival", "at"],
      `"${at}" is no time; write it like 10m after the start, 2026-11-11, or next-midnight`,
    );
  return {
    at: dateMs !== undefined ? { dateMs } : afterMs !== undefined ? { afterMs } : "next-midnight",
    peak,
    warmUpMs: warmUp,
    warmUpShare,
    riseMs: rise,
    decayMs: decay,
    floorShare,
    eveningShare,
  };
}

/** Of a day that there is: `2026-02-30` is none. */
function dateOf(text: string): number | undefined {
  const dateMs = Date.parse(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(dateMs)) return undefined;
  return new Date(dateMs).toISOString().startsWith(text) ? dateMs : undefined;
}

function toTransfers(file: NonNullable<BusinessFile["transfers"]>, problem: Problem): TransfersPlan {
  const { perSecond, daily, accounts, circle, knownDays, strangers, median, spread, alarm } = file;
  if (circle[0] > circle[1]) problem(["transfers", "circle"], "a least and a greatest number, in this order");
  if (circle[1] >= accounts)
    problem(["transfers", "circle", 1], `a circle of ${circle[1]} needs more than ${accounts} accounts`);
  const rings = file.rings.map((ring, index): RingPlan => {
    const at = (key: string): PropertyKey[] => ["transfers", "rings", index, key];
    const known = ring.to === "known" ? circle[1] : accounts - 1 - circle[1];
    if (ring.payees > known)
      problem(
        at("payees"),
        ring.to === "known"
          ? `an account has paid ${known} others at most; make the circle larger`
          : `of ${accounts} accounts, ${Math.max(0, known)} are strangers to one that knows ${circle[1]}`,
      );
    if (ring.account !== undefined && ring.account > accounts)
      problem(at("account"), `there are ${accounts} accounts`);
    if (ring.every !== undefined && ring.every <= ring.within)
      problem(at("every"), "a ring is over before it comes again: every is not longer than within");
    return {
      number: index + 1,
      atMs: ring.at,
      everyMs: ring.every ?? Infinity,
      account: ring.account ?? null,
      payees: ring.payees,
      withinMs: ring.within,
      to: ring.to,
    };
  });
  return {
    perSecond,
    daily,
    accounts,
    circle,
    knownDays,
    hasHistory: file.history,
    strangerShare: strangers,
    median,
    spread,
    alarm: { strangers: alarm.strangers, withinMs: alarm.within },
    rings,
  };
}

function toTrucks(file: NonNullable<BusinessFile["trucks"]>, problem: Problem): TrucksPlan {
  const places = { ...CITIES, ...file.places };
  const routes = Object.entries(file.routes).map(([route, { through, trucks, tunnels }]): RoutePlan => {
    const stops = through.flatMap((city, index) => {
      const place = Object.hasOwn(places, city) ? places[city] : undefined;
      if (place === undefined)
        problem(
          ["trucks", "routes", route, "through", index],
          `there is no place ${city}; ${orNearest(city, Object.keys(places))} (others are given under places)`,
        );
      return place === undefined ? [] : [{ city, longitude: place[0], latitude: place[1] }];
    });
    const lengthKm = routeLengthKm(stops);
    tunnels.forEach(({ from, to }, index) => {
      const at = (key: string): PropertyKey[] => ["trucks", "routes", route, "tunnels", index, key];
      if (to <= from) problem(at("to"), "a tunnel ends behind its beginning");
      else if (to > lengthKm) problem(at("to"), `the route is ${Math.round(lengthKm)} km long`);
    });
    return {
      route,
      trucks,
      stops,
      tunnels: tunnels.map(({ from, to }) => ({ fromKm: from, toKm: to })),
    };
  });
  const names = new Set(
    routes.flatMap(({ route, trucks }) =>
      Array.from({ length: trucks }, (_, index) => truckName(route, index)),
    ),
  );
  file.events.forEach(({ truck }, index) => {
    if (names.has(truck)) return;
    const like = truckName(routes[0].route, 0);
    problem(
      ["trucks", "events", index, "truck"],
      `there is no truck ${truck}; trucks are named like ${like}`,
    );
  });
  return {
    everyMs: file.every,
    routes,
    cruiseKmh: file.cruiseKmh,
    speedLimitKmh: file.speedLimitKmh,
    corridorKm: file.corridorKm,
    geofenceKm: file.geofenceKm,
    lateAfterMs: file.lateAfter,
    silentAfterMs: file.silentAfter,
    habits: {
      restEveryMs: file.rest.every,
      restForMs: file.rest.for,
      speedingPerDay: file.speedingPerDay,
      detoursPerDay: file.detoursPerDay,
    },
    events: file.events.map((event, index) => ({
      number: index + 1,
      truck: event.truck,
      event: event.event,
      atMs: event.at,
      forMs: event.for,
    })),
  };
}

function toAppOpens(file: NonNullable<BusinessFile["appOpens"]>): AppOpensPlan {
  const { users, daily, sessionsPerUserDay, opensPerSession, openEvery, window } = file;
  return { users, daily, sessionsPerUserDay, opensPerSession, openEveryMs: openEvery, windowMs: window };
}
