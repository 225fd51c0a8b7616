import { z } from "zod";
import { recordDeliverySchema } from "../../plan/delivery-schema.ts";
import { duration } from "../../plan/duration-schema.ts";
import { TIME_FORMATS } from "../time-text.ts";
import { WallClock } from "../wall-clock.ts";
import { TRUCK_EVENTS } from "./business-plan.ts";

const name = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,63}$/u, "letters, digits, dots, - and _, at most 64");
const positive = z.number().positive();
const atLeastZero = z.number().min(0);
const share = z.number().min(0).max(1);
const perSecond = z.number().positive().max(1_000_000);
const longer = duration.refine((ms) => ms > 0, "takes longer than nothing; write it like 30s");
/** Times that are written as local ones have no more than seconds. */
const window = duration.refine((ms) => ms > 0 && ms % 1_000 === 0, "whole seconds; write it like 1m");
const zone = z.string().refine((text) => {
  try {
    return new WallClock(text) instanceof WallClock;
  } catch {
    return false;
  }
}, "there is no such time zone; write it like Asia/Shanghai");
/** One weight for each hour of the day. */
const daily = z
  .array(atLeastZero)
  .length(24, "24 weights, one for each hour of the day")
  .refine((hours) => hours.some((weight) => weight > 0), "some hour must have a weight above 0");

/** People's: least at 4:00, most in the evening. */
const SHOPPING_DAY = [
  6, 4, 2.5, 1.5, 1, 1.2, 2, 4, 6.5, 8.5, 10, 10.5, 10, 9.5, 9.5, 9.5, 9, 9, 9.5, 11, 13, 13.5, 11.5, 8.5,
];
const BANKING_DAY = [
  2, 1.2, 0.8, 0.6, 0.6, 1, 2, 4, 8, 11, 12, 11, 9, 9, 10, 10, 9.5, 9, 8.5, 8, 7.5, 6.5, 5, 3.5,
];
const PHONE_DAY = [4, 2.5, 1.5, 1, 1, 2, 5, 9, 9, 7.5, 7, 8, 10, 8, 7, 7, 7.5, 9, 10, 11, 12, 12.5, 11, 7.5];

const festival = z.strictObject({
  /** After the plan's start, a date by the zone's clock, or the next midnight there. */
  at: z.string(),
  peak: z.number().min(1).max(100).default(50),
  warmUp: longer.default(7_200_000),
  warmUpShare: share.default(0.12),
  rise: longer.default(30_000),
  decay: longer.default(2_400_000),
  floorShare: share.default(0.1),
  eveningShare: share.default(0.3),
});

const orders = z.strictObject({
  perSecond,
  daily: daily.default(SHOPPING_DAY),
  regions: z.record(name, atLeastZero).default({ 北京: 30, 上海: 28, 广州: 22, 深圳: 20 }),
  categories: z
    .record(
      name,
      z.strictObject({
        weight: atLeastZero.default(1),
        median: z.number().positive().max(1e9),
        spread: z.number().min(0).max(3).default(0.6),
        refunds: share.default(0.03),
        /** Times a region's weight. */
        regions: z.record(z.string(), atLeastZero).default({}),
      }),
    )
    .default({
      phones: { weight: 1, median: 2_999, spread: 0.5, refunds: 0.02, regions: {} },
      clothes: { weight: 4, median: 159, spread: 0.7, refunds: 0.12, regions: {} },
      food: { weight: 5, median: 58, spread: 0.6, refunds: 0.01, regions: {} },
    }),
  users: z.int().min(1).max(1_000_000_000).default(1_000_000),
  payment: z
    .strictObject({
      perSecond: perSecond.optional(),
      waitMax: longer.default(5_000),
      declined: share.default(0.01),
      retry: z
        .strictObject({
          share: share.default(0.7),
          after: longer.default(15_000),
          attemptsMax: z.int().min(1).max(100).default(4),
        })
        .prefault({}),
    })
    .prefault({}),
  refundDelay: z
    .strictObject({ median: longer.default(3_600_000), spread: z.number().min(0).max(3).default(1) })
    .prefault({}),
  festival: festival.optional(),
});

const transfers = z.strictObject({
  perSecond,
  daily: daily.default(BANKING_DAY),
  accounts: z.int().min(2).max(1_000_000_000).default(1_000_000),
  circle: z.tuple([z.int().min(1).max(1_000), z.int().min(1).max(1_000)]).default([3, 16]),
  knownDays: z.number().positive().max(3_650).default(90),
  strangers: share.default(0.01),
  median: z.number().positive().max(1e9).default(420),
  spread: z.number().min(0).max(3).default(1.2),
  alarm: z
    .strictObject({ strangers: z.int().min(2).max(1_000).default(10), within: longer.default(600_000) })
    .prefault({}),
  /** Whether `run --into` writes those payments too. */
  history: z.boolean().default(false),
  rings: z
    .array(
      z.strictObject({
        at: duration,
        every: longer.optional(),
        account: z.int().min(1).optional(),
        payees: z.int().min(2).max(10_000),
        within: longer,
        to: z.enum(["strangers", "known"]).default("strangers"),
      }),
    )
    .default([]),
});

const trucks = z.strictObject({
  every: longer.default(10_000),
  places: z.record(name, z.tuple([z.number().min(-180).max(180), z.number().min(-85).max(85)])).default({}),
  routes: z
    .record(
      z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/, "letters, digits, - and _, at most 64"),
      z.strictObject({
        through: z.array(z.string()).min(2),
        trucks: z.int().min(1).max(100_000),
        tunnels: z.array(z.strictObject({ from: atLeastZero, to: positive })).default([]),
      }),
    )
    .refine((routes) => Object.keys(routes).length > 0, "name at least one route"),
  cruiseKmh: z.number().min(5).max(130).default(80),
  speedLimitKmh: z.number().min(5).max(200).default(100),
  corridorKm: positive.default(3),
  geofenceKm: positive.default(20),
  lateAfter: longer.default(1_800_000),
  silentAfter: longer.default(120_000),
  rest: z.strictObject({ every: longer.default(14_400_000), for: longer.default(2_700_000) }).prefault({}),
  speedingPerDay: z.number().min(0).max(1_000).default(0.5),
  detoursPerDay: z.number().min(0).max(1_000).default(0.2),
  events: z
    .array(z.strictObject({ truck: z.string(), event: z.enum(TRUCK_EVENTS), at: duration, for: longer }))
    .default([]),
});

const appOpens = z.strictObject({
  users: z.int().min(1).max(1_000_000_000),
  daily: daily.default(PHONE_DAY),
  sessionsPerUserDay: z.number().positive().max(1_000).default(6),
  opensPerSession: z.number().min(1).max(1_000).default(3),
  openEvery: longer.default(40_000),
  window: window.default(300_000),
});

/** The part of a plan file that makes records. Unknown keys are refused. */
export const businessSchema = z.strictObject({
  zone: zone.default("Asia/Shanghai"),
  time: z.enum(TIME_FORMATS).default("epoch-ms"),
  windows: z.array(window).min(1).default([60_000]),
  records: z.enum(["windows", "each"]).default("windows"),
  debezium: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a letter or _, then letters, digits and _")
        .default("shop"),
      database: z.string().min(1).default("shop"),
      schemas: z.boolean().default(false),
      decimals: z.enum(["precise", "double", "string"]).default("precise"),
      replicaIdentity: z.enum(["full", "default"]).default("full"),
      snapshot: duration.default(0),
    })
    .optional(),
  delivery: recordDeliverySchema.optional(),
  orders: orders.optional(),
  transfers: transfers.optional(),
  trucks: trucks.optional(),
  appOpens: appOpens.optional(),
});

export type BusinessFile = z.infer<typeof businessSchema>;
