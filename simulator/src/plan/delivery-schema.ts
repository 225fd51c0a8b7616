import { z } from "zod";
import { DAMAGES } from "../delivery/damage-payload.ts";

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
    malformed: z
      .strictObject({
        probability: share,
        kinds: z
          .array(z.enum(DAMAGES))
          .min(1)
          .default([...DAMAGES]),
      })
      .optional(),
  });
}
