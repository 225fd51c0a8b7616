import { z } from "zod";
import { type Damage, DAMAGES, RECORD_DAMAGES } from "../delivery/damage-payload.ts";
import { duration } from "./duration-schema.ts";
import { span } from "./span-schema.ts";

const share = z.number().min(0).max(1);
const longer = duration.refine((ms) => ms > 0, "it must be longer than nothing");

/** The plan's `delivery`. */
export const deliverySchema = z.strictObject({
  lateness: z
    .discriminatedUnion("distribution", [
      z.strictObject({ distribution: z.literal("uniform"), from: duration.default(0), max: longer }),
      z.strictObject({ distribution: z.literal("exponential"), mean: longer, max: longer }),
      z.strictObject({
        distribution: z.literal("lognormal"),
        median: longer,
        sigma: z.number().positive().max(5).default(1),
        max: longer,
      }),
      z.strictObject({
        distribution: z.literal("pareto"),
        least: longer,
        shape: z.number().positive().max(20).default(1.5),
        max: longer,
      }),
      z.strictObject({ distribution: z.literal("none") }),
    ])
    .default({ distribution: "none" }),
  reorder: z.strictObject({ probability: share, by: longer }).optional(),
  duplicates: z.strictObject({ probability: share, within: duration.default(0) }).optional(),
  loss: z.strictObject({ probability: share }).optional(),
  silence: z.strictObject({ every: longer, for: span }).optional(),
  malformed: malformed(DAMAGES),
});

/** The `delivery` of a plan's records. */
export const recordDeliverySchema = deliverySchema
  .omit({ loss: true, silence: true })
  .extend({ malformed: malformed(RECORD_DAMAGES) });

function malformed<const Kind extends Damage>(kinds: readonly [Kind, ...Kind[]]) {
  return z
    .strictObject({
      probability: share,
      kinds: z
        .array(z.enum(kinds))
        .min(1)
        .default([...kinds]),
    })
    .optional();
}
