import { z } from "zod";
import { businessSchema } from "../business/plan/business-schema.ts";
import { BEARING_DEFECTS } from "../signal/bearing.ts";
import { duration } from "./duration-schema.ts";
import { READING_FORMATS } from "../format/reading-format.ts";
import { deliverySchema } from "./delivery-schema.ts";
import { linksSchema } from "./links-schema.ts";
import { METRICS } from "./metric.ts";
import { span } from "./span-schema.ts";

const clockTime = z.string().transform((text, context) => {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (minutes === undefined)
    context.addIssue({ code: "custom", message: `"${text}" is no time of day; write it like "06:30"` });
  return Number(hours ?? 0) * 60 + Number(minutes ?? 0);
});
const utcOffset = z.string().transform((text, context) => {
  const [, sign, hours, minutes] = /^([+-])(0\d|1[0-4]):([0-5]\d)$/.exec(text) ?? [];
  if (sign === undefined)
    context.addIssue({ code: "custom", message: `"${text}" is no offset; write it like "+08:00"` });
  return (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === "-" ? -1 : 1);
});
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/, "letters, digits, - and _, at most 64");
const metric = z.enum(METRICS);
const positive = z.number().positive();
const atLeastZero = z.number().min(0);
const share = z.number().min(0).max(1);

const signal = z.strictObject({
  format: z.enum(READING_FORMATS).optional(),
  every: duration.optional(),
  noise: atLeastZero.optional(),
  noiseTau: duration.default(0),
  driftPerHour: atLeastZero.default(0),
  spikes: z.strictObject({ probability: share, height: z.number() }).default({ probability: 0, height: 0 }),
});

const heatTime = duration.refine((ms) => ms > 0, "heat takes time; write it like 15m");

const HOUR_MS = 3_600_000;
/** Twenty years: a device without a battery begins in 2006. */
const CLOCK_OFF_MS_MAX = 20 * 365 * 24 * HOUR_MS;

const times = { at: duration, growth: duration.default(0), for: duration.optional() };
const machine = { machine: z.string() };
const sensor = { sensor: z.string() };
const fault = z.discriminatedUnion("fault", [
  z.strictObject({ fault: z.literal("overheating"), ...machine, ...times, targetCelsius: z.number().min(0) }),
  z.strictObject({
    fault: z.literal("bearing-wear"),
    ...machine,
    ...times,
    defect: z.enum(BEARING_DEFECTS),
    vibration: positive,
  }),
  z.strictObject({ fault: z.literal("leak"), ...machine, ...times, share }),
  z.strictObject({ fault: z.literal("stuck"), ...sensor, ...times }),
  z.strictObject({ fault: z.literal("drift"), ...sensor, ...times, by: z.number() }),
  z.strictObject({ fault: z.literal("noise"), ...sensor, ...times, factor: atLeastZero }),
  z.strictObject({
    fault: z.literal("spikes"),
    ...sensor,
    ...times,
    probability: share,
    height: z.number(),
  }),
  z.strictObject({ fault: z.literal("dropout"), ...sensor, ...times, probability: share.default(1) }),
  z.strictObject({ fault: z.literal("swapped"), ...machine, ...times, metrics: z.tuple([metric, metric]) }),
  z.strictObject({
    fault: z.literal("clock"),
    ...machine,
    ...times,
    offsetMs: z.number().min(-CLOCK_OFF_MS_MAX).max(CLOCK_OFF_MS_MAX).default(0),
    driftMsPerHour: z.number().min(-HOUR_MS).max(HOUR_MS).default(0),
  }),
  z.strictObject({ fault: z.literal("power-cut"), site: z.string(), at: times.at, for: duration }),
  z.strictObject({ fault: z.literal("gateway-reboot"), site: z.string(), at: times.at, for: duration }),
]);

/** The plan file. Unknown keys are refused. */
export const planSchema = z.strictObject({
  version: z.literal(1),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  readingsPerSecond: z.number().positive().max(1_000).default(5),
  connectionPer: z.enum(["line", "machine"]).default("line"),
  sites: z
    .record(
      name,
      z.strictObject({
        broker: z
          .string()
          .regex(/^mqtts?:\/\/[^\s/]+$/, "write it like mqtt://127.0.0.1:1883")
          .optional(),
        qos: z.literal([0, 1, 2]).optional(),
        http: z
          .strictObject({
            url: z.string().regex(/^https?:\/\/[^\s/]+$/, "write it like http://127.0.0.1:8186"),
          })
          .optional(),
        kafka: z
          .strictObject({
            brokers: z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, "write it like 127.0.0.1:9092")).min(1),
            topic: z
              .string()
              .regex(/^[a-zA-Z0-9._-]{1,249}$/, "letters, digits, ., _ and -, at most 249")
              .default("readings"),
            key: z.enum(["topic", "machine"]).default("topic"),
          })
          .optional(),
        files: z
          .strictObject({
            folder: z.string().min(1),
            rotateBytes: z
              .int()
              .min(1_024)
              .default(64 * 1_048_576),
            keep: z.int().min(1).max(1_000).default(4),
          })
          .optional(),
        user: z.string().min(1).optional(),
        passwordFile: z.string().min(1).optional(),
        tokenFile: z.string().min(1).optional(),
        format: z.enum(READING_FORMATS).optional(),
        lines: z.int().min(1).max(100),
        machinesPerLine: z.int().min(1).max(10_000),
      }),
    )
    .default({}),
  business: businessSchema.optional(),
  signals: z
    .partialRecord(metric, signal.nullable())
    .refine((signals) => Object.keys(signals).length > 0, "name at least one signal")
    .default({ temperature: null, vibration: null, pressure: null }),
  heat: z
    .strictObject({
      tau: heatTime.default(10_000),
      stillTau: heatTime.optional(),
      riseCelsius: atLeastZero.default(38),
    })
    .prefault({}),
  weather: z
    .strictObject({
      meanCelsius: z.number().default(22),
      dailySwingCelsius: atLeastZero.default(4),
      frontCelsius: atLeastZero.default(0),
    })
    .prefault({}),
  duty: z
    .strictObject({
      start: duration.default(2_000),
      run: span.optional(),
      idle: span.optional(),
      restart: z
        .union([z.literal("never"), z.strictObject({ belowCelsius: z.number(), after: duration })])
        .default({ belowCelsius: 45, after: 20_000 }),
      maintenance: z.strictObject({ every: duration, for: duration }).optional(),
      shifts: z
        .array(z.strictObject({ days: z.array(z.enum(WEEKDAYS)).min(1), from: clockTime, to: clockTime }))
        .min(1, "name a shift, or leave shifts out: work round the clock")
        .optional(),
      utcOffset: utcOffset.default(0),
      countersResetAt: clockTime.default(0),
    })
    .prefault({}),
  waveform: z
    .strictObject({
      every: duration,
      samples: z.int().min(16).max(1_048_576).default(8_192),
      sampleHz: z
        .number()
        .min(8_000, "a struck bearing rings at 3 kHz: at least 8000 samples a second show it")
        .max(200_000)
        .default(20_480),
      bearing: z
        .strictObject({
          balls: z.int().min(3).max(200),
          ballDiameterMm: positive,
          pitchDiameterMm: positive,
          contactDegrees: z.number().min(0).max(60).default(0),
        })
        .default({ balls: 9, ballDiameterMm: 7.94, pitchDiameterMm: 39.04, contactDegrees: 0 }),
    })
    .optional(),
  faults: z.array(fault).default([]),
  rules: z
    .record(name, z.strictObject({ metric, above: z.number(), clearBelow: z.number().optional() }))
    .default({}),
  delivery: deliverySchema.optional(),
  links: linksSchema.optional(),
  publish: z
    .strictObject({
      batch: z.int().min(1).max(1_000).default(10),
      inFlightMax: z.int().min(1).max(10_000).default(1_000),
      waitingMax: z.int().min(1).max(1_000_000).default(50_000),
    })
    .prefault({}),
});

export type PlanFile = z.infer<typeof planSchema>;
