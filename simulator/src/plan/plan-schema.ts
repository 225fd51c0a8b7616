import { parseDuration } from "@millrace/runtime";
import { z } from "zod";
import { METRICS } from "./plan.ts";

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined)
    context.addIssue({ code: "custom", message: `"${text}" is no duration; write it like 30s, 250ms or 2m` });
  return ms ?? 0;
});

const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/, "letters, digits, - and _, at most 64");
const perMetric = z.partialRecord(z.enum(METRICS), z.number().min(0));

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
        broker: z.string().regex(/^mqtts?:\/\/[^\s/]+$/, "write it like mqtt://127.0.0.1:1883"),
        lines: z.int().min(1).max(100),
        machinesPerLine: z.int().min(1).max(10_000),
      }),
    )
    .refine((sites) => Object.keys(sites).length > 0, "name at least one site"),
  signals: z
    .strictObject({
      tau: duration.default(10_000),
      ambientCelsius: z.number().default(22),
      dailySwingCelsius: z.number().min(0).default(4),
      loadRiseCelsius: z.number().min(0).default(38),
      noiseCelsius: z.number().min(0).default(0.3),
      driftPerHour: perMetric.default({}),
      spikeProbability: z.number().min(0).max(1).default(0.0005),
      spike: perMetric.default({ vibration: 8, pressure: 2 }),
      restartBelowCelsius: z.number().default(45),
      restartAfter: duration.default(20_000),
    })
    .prefault({}),
  events: z
    .array(
      z.strictObject({
        overheat: z.string().regex(/^[^/\s]+\/[^/\s]+\/[^/\s]+$/, "write it like alpha/line-1/machine-2"),
        at: duration,
        targetCelsius: z.number(),
      }),
    )
    .default([]),
  rules: z
    .record(
      name,
      z.strictObject({ metric: z.enum(METRICS), above: z.number(), clearBelow: z.number().optional() }),
    )
    .default({}),
  publish: z
    .strictObject({
      inFlightMax: z.int().min(1).max(10_000).default(1_000),
      waitingMax: z.int().min(1).max(1_000_000).default(50_000),
    })
    .prefault({}),
});

export type PlanFile = z.infer<typeof planSchema>;
