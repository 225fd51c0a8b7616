import { z } from "zod";
import { type Damage, DAMAGES, RECORD_DAMAGES } from "../delivery/damage-payload.ts";

type Duration = z.ZodType<number, string>;

/** The plan's `delivery`; durations are read by the plan's own schema. */
export function deliverySchema(duration: Duration, span: z.ZodType<readonly [number, number]>) {
  const share = z.number().min(0).max(1);
  const positive = duration.refine((ms) => ms > 0, "it must be longer than nothing");
  return z.strictObject({
    lateness: z
      .discriminatedUnion("distribution", [
        z.strictObject({ distribution: z.literal("none") }),
        z.strictObject({ distribution: z.literal("uniform"), from: duration.default(0), max: positive }),
        z.strictObject({ distribution: z.literal("exponential"), mean: positive, max: positive }),
        z.strictObject({
          distribution: z.literal("lognormal"),
          median: positive,
          sigma: z.number().positive().max(5).default(1),
          max: positive,
        }),
        z.strictObject({
          distribution: z.literal("pareto"),
          least: positive,
          shape: z.number().positive().max(20).default(1.5),
          max: positive,
        }),
      ])
      .default({ distribution: "none" }),
    reorder: z.strictObject({ probability: share, by: positive }).optional(),
    duplicates: z.strictObject({ probability: share, within: duration.default(0) }).optional(),
    loss: z.strictObject({ probability: share }).optional(),
    silence: z.strictObject({ every: positive, for: span }).optional(),
    malformed: malformed(DAMAGES),
  });
}

/** The `delivery` of a plan's records. */
export function recordDeliverySchema(duration: Duration, span: z.ZodType<readonly [number, number]>) {
  return deliverySchema(duration, span)
    .omit({ loss: true, silence: true })
    .extend({ malformed: malformed(RECORD_DAMAGES) });
}

function malformed<const Kind extends Damage>(kinds: readonly [Kind, ...Kind[]]) {
  return z
    .strictObject({
      probability: z.number().min(0).max(1),
      kinds: z
        .array(z.enum(kinds))
        .min(1)
        .default([...kinds]),
    })
    .optional();
}
