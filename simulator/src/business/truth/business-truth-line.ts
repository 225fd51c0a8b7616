import { z } from "zod";
import { DAMAGES } from "../../delivery/damage-payload.ts";
import { RECORD_STREAMS } from "../business-record.ts";
import { CHANGED_TABLES } from "../debezium/changed-table.ts";
import { TRUCK_ALARMS } from "../trucks/truck-oracle.ts";

/**
 * The truth of records. A window is `[start, end)` of event time and stands behind the last record that it holds; one
 * without any has no line. Sums are exact to the cent.
 */
const span = { start: z.number(), end: z.number() };
const orderTotals = z.object({ count: z.number(), sum: z.number(), failed: z.number() });
const totals = z.object({ count: z.number(), sum: z.number() });

/** One record, where the plan asks for each. */
const record = z.object({
  type: z.literal("record"),
  stream: z.enum(RECORD_STREAMS),
  id: z.string(),
  time: z.number(),
  /** When it left, if later. */
  sent: z.number().optional(),
  key: z.string(),
  /** The very text; null: a tombstone. */
  json: z.string().nullable(),
});
/** A record that comes late, comes again, or of which something else comes that is none. */
const recordDelivery = z.object({
  type: z.literal("record-delivery"),
  stream: z.enum(RECORD_STREAMS),
  id: z.string(),
  /** When it leaves. */
  due: z.number(),
  /** When a copy does. */
  again: z.number().optional(),
  malformed: z.enum(DAMAGES).optional(),
});
const ordersWindow = z.object({
  type: z.literal("orders-window"),
  ...span,
  ...orderTotals.shape,
  byRegion: z.record(z.string(), orderTotals),
  byCategory: z.record(z.string(), orderTotals),
});
const refundsWindow = z.object({
  type: z.literal("refunds-window"),
  ...span,
  ...totals.shape,
  byRegion: z.record(z.string(), totals),
});
/** A table's change events by kind, by the time of the change in the database. */
const changesWindow = z.object({
  type: z.literal("changes-window"),
  ...span,
  table: z.enum(CHANGED_TABLES),
  c: z.number(),
  u: z.number(),
  d: z.number(),
  r: z.number(),
  tombstones: z.number(),
});
const transfersWindow = z.object({
  type: z.literal("transfers-window"),
  ...span,
  ...totals.shape,
  /** To payees whom the account had never paid. */
  firstPayments: z.number(),
});
/** Must raise an alarm: the account, whom it paid, and when it paid the last of them. */
const fraud = z.object({
  type: z.literal("fraud"),
  account: z.string(),
  time: z.number(),
  payees: z.array(z.string()),
  within: z.number(),
});
/** A ring of the plan has paid for the last time. `hasAlarm` false: a near miss, which must not have raised any. */
const ring = z.object({
  type: z.literal("ring"),
  /** Its place in the plan, from 1. */
  number: z.number(),
  account: z.string(),
  start: z.number(),
  end: z.number(),
  payees: z.number(),
  to: z.enum(["strangers", "known"]),
  hasAlarm: z.boolean(),
});
const truckWindow = z.object({
  type: z.literal("truck-window"),
  ...span,
  truck: z.string(),
  count: z.number(),
  /** From the truck's last report before the window to its last one in it. */
  distanceKm: z.number(),
  speedMax: z.number(),
  /** Cities within whose fence it reported. */
  geofences: z.array(z.string()),
});
const truckAlarm = z.object({
  type: z.enum(["truck-alarm", "truck-cleared"]),
  alarm: z.enum(TRUCK_ALARMS),
  truck: z.string(),
  time: z.number(),
  value: z.number(),
  limit: z.number(),
});
const usersWindow = z.object({
  type: z.literal("users-window"),
  ...span,
  /** Different ones. */
  users: z.number(),
  opens: z.number(),
});
/** No record is later than this; windows still open then follow as they are. */
const recordsEnd = z.object({
  type: z.literal("records-end"),
  time: z.number(),
});

/** The receiver holds the first `records` of the run, in the order in which they leave their sources. */
const recordsAcked = z.object({
  type: z.literal("records-acked"),
  records: z.number(),
  at: z.number(),
  /** So many may have come to it once more since the last such line: nobody knew whether they had. */
  again: z.number().optional(),
  /** Written by a process that goes on with a run: whatever another had under way may come again. */
  isResumed: z.literal(true).optional(),
  /** They are rows of a database: what is told of their changes is somebody else's. */
  isTable: z.literal(true).optional(),
  /** Only these are sent; the others count as if they were. Absent: all. */
  streams: z.array(z.enum(RECORD_STREAMS)).optional(),
});

/** A process ended before so many of those that had left were acknowledged; one that goes on with the run brings them. */
const recordsUnacked = z.object({ type: z.literal("records-unacked"), records: z.number(), at: z.number() });

export const businessTruthLines = [
  record,
  recordDelivery,
  ordersWindow,
  refundsWindow,
  changesWindow,
  transfersWindow,
  fraud,
  ring,
  truckWindow,
  truckAlarm,
  usersWindow,
  recordsEnd,
  recordsAcked,
  recordsUnacked,
] as const;

/** Types of the lines that are made; the others say what became of records on their way. */
export const MADE_RECORD_LINES: ReadonlySet<string> = new Set(
  businessTruthLines
    .filter((schema) => schema !== recordsAcked && schema !== recordsUnacked)
    .flatMap(({ shape: { type } }): readonly string[] =>
      type instanceof z.ZodEnum ? type.options : [...type.values],
    ),
);

export type BusinessTruthLine = z.infer<(typeof businessTruthLines)[number]>;
