import { z } from "zod";
import { duration, flag, name, takes, wholeNumber } from "../../packages/config/src/schema-types.ts";

const text = () => takes(z.string().min(1), "text");
const moment = () =>
  takes(
    z.union([
      z.number(),
      z
        .string()
        .regex(/^\d\d:\d\d(:\d\d(\.\d{1,3})?)?$|^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/),
    ]),
    "a time such as 10:00:30.250 of the case's date, 2026-03-02T10:00:00Z, or ms since 1970",
  );
const labels = () => z.record(name(), takes(z.string(), "text (put a number in quotes)"));
const period = () => takes(z.tuple([moment(), moment()]), "two times, from and to");
const anything = () => takes(z.unknown(), "as in pipeline.yaml");
const span = (min = "0s") => duration({ min, max: "365d" });
const names = () => takes(z.array(z.string()), "a list of names");

/** What becomes of a reading; every one but `counted` enters no window. */
export const FATES = [
  "counted",
  "duplicate",
  "future",
  "before_floor",
  "refused",
  "too_late",
  "unwindowed",
  "rule_only",
  "lost",
] as const;

const reading = z.strictObject({
  at: moment().describe("When it arrives at the agent."),
  agent: name().optional().describe("Default: the only one."),
  time: moment().optional().describe("Its own time; default: when it arrives."),
  metric: name().optional().describe("Default: the only one."),
  labels: labels().optional(),
  value: takes(z.union([z.number(), z.string()]), "a number, or text as a sensor may send it"),
  quality: takes(z.enum(["good", "uncertain", "bad"]), "good, uncertain or bad").prefault("good"),
  fate: takes(z.enum(FATES), `one of ${FATES.join(", ")}`).prefault("counted"),
  tooLateFor: names()
    .prefault([])
    .describe("Windows whose lateness is over, where others take it: name, or name@start."),
});

const agent = z.strictObject({
  site: name().optional().describe("Default: the agent's name."),
  joins: moment().optional().describe("Default: before everything."),
  retires: moment().optional(),
  down: takes(z.array(period()), "a list of periods")
    .prefault([])
    .describe("While its link to central is down."),
  backlogPerSecond: wholeNumber(1, 1_000)
    .prefault(1_000)
    .describe("Batches of its backlog that the link carries a second."),
  batchDelay: span().prefault("0s").describe("What its batches take on the way; heartbeats take none."),
  repeatsBatches: flag().prefault(false).describe("The link delivers each batch twice."),
  losesBacklog: takes(z.array(moment()), "a list of times")
    .prefault([])
    .describe("When it gives up what waits in its backlog."),
  clock: takes(z.array(z.tuple([moment(), z.number()])), "a list of [from, ms ahead]")
    .prefault([])
    .describe("How far its clock is ahead of the world, from when on."),
  accumulate: z.record(name(), takes(z.array(z.string()), "a list of accumulators")).prefault({}),
});

/** A name that no accumulator has would make `absent` true for ever. */
const RESULTS = [
  "count",
  "sum",
  "min",
  "max",
  "range",
  "mean",
  "stddev",
  "first",
  "last",
  "ratio",
  "p50",
  "p90",
  "p95",
  "p99",
  "distinct",
  "distinctError",
  "topCount",
  "topErrorMax",
  "increase",
  "rate",
  "inexact",
  "timeMean",
];
const resultName = () =>
  takes(
    z.string().refine((text) => RESULTS.includes(text) || text.startsWith("le_")),
    `the name of a result: ${RESULTS.join(", ")} or le_…`,
  );

const seen = {
  state: takes(z.enum(["provisional", "complete", "final"]), "provisional, complete or final").optional(),
  values: z
    .record(
      resultName(),
      takes(
        z.union([z.number(), z.literal("absent"), z.tuple([z.number(), z.number()])]),
        "a number, absent, or [least, greatest] for an estimate",
      ),
    )
    .optional(),
  top: takes(z.array(z.tuple([z.string(), z.number()])), "a list of [what, how often]").optional(),
  uncertain: wholeNumber(0, 1e6).optional(),
  bad: wholeNumber(0, 1e6).optional(),
  undeduplicated: wholeNumber(0, 1e6).optional(),
  expected: wholeNumber(0, 1e6).optional().describe("Agents."),
  missing: names().optional().describe("Agents."),
  sitesMissing: names().optional(),
  withLoss: names().optional(),
};

const expectation = z.strictObject({
  window: name().optional().describe("Default: the only one."),
  start: moment(),
  group: labels().prefault({}),
  at: moment().optional().describe("As published by then; default: by the end."),
  absent: flag().prefault(false).describe("Nothing has been published of it."),
  revision: wholeNumber(1, 1e6).optional(),
  mergedInto: moment()
    .optional()
    .describe("Of a session that was taken back: the start of the one with its readings."),
  ...seen,
  revisions: takes(z.array(z.unknown()), "a list of revisions")
    .pipe(z.array(z.strictObject({ at: moment().optional(), ...seen })))
    .optional()
    .describe("All there are, in order."),
});

const fullWindow = z.strictObject({
  window: name().optional().describe("Default: the only one."),
  agent: name().optional().describe("Default: the only one."),
  labels: labels().prefault({}).describe("Of its series."),
  number: wholeNumber(1, 1e6).describe("From 1, of its series."),
  at: moment().describe("When the reading arrived that made it full."),
  first: moment().describe("Least event time of its readings."),
  last: moment().describe("Greatest event time."),
  values: seen.values,
  uncertain: seen.uncertain,
  bad: seen.bad,
});

const countWindow = z.strictObject({
  metric: name(),
  size: wholeNumber(1, 1e6).describe("Good readings of one window."),
});

const world = {
  date: takes(
    z
      .string()
      .regex(/^[+-]?\d{4,6}-\d\d-\d\d$/)
      .refine((value) => !Number.isNaN(Date.parse(`${value}T00:00:00Z`))),
    "a date such as 2026-03-02",
  ).optional(),
  metrics: z.record(name(), anything()).optional(),
  windows: z.record(name(), anything()).optional(),
  countWindows: z
    .record(name(), countWindow)
    .optional()
    .describe("Of every so many readings of a series; the pipeline file has none."),
  agents: z.record(name(), agent).optional(),
  limits: z
    .strictObject({
      outOfOrderness: span().prefault("5s"),
      idleTimeout: span().prefault("30s"),
      maxFuture: span().prefault("5s"),
      clockFloor: moment().prefault("2024-01-01T00:00:00Z"),
      dedupeHorizon: span().prefault("10m"),
    })
    .optional(),
  central: z
    .strictObject({
      grace: span().prefault("2s"),
      clock: takes(z.array(z.tuple([moment(), z.number()])), "a list of [from, ms ahead]").prefault([]),
    })
    .optional(),
  step: span("50ms").optional().describe("How often agents send and central looks; default 250ms."),
};

const oneCase = z.strictObject({
  name: text(),
  ...world,
  begins: moment()
    .optional()
    .describe("Default: 40 s before the first reading, so that who is silent is idle."),
  ends: moment(),
  readings: z.array(reading).prefault([]),
  expect: z.array(expectation).min(1),
  full: takes(z.array(z.unknown()), "a list of count windows")
    .pipe(z.array(fullWindow))
    .prefault([])
    .describe("All count windows there are, in the order in which they became full."),
});

/** A file of cases: what they share, then the cases. */
export const caseFileSchema = z.strictObject({
  topic: text().describe("What the cases are about, as a sentence."),
  ...world,
  cases: z.array(oneCase).min(1),
});

export type CaseFile = z.output<typeof caseFileSchema>;
export type CaseEntry = CaseFile["cases"][number];
export type CaseSeen = Pick<CaseEntry["expect"][number], keyof typeof seen>;
