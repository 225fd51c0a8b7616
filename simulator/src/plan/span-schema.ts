import { z } from "zod";
import { duration } from "./duration-schema.ts";

/** One length, or a shortest and a longest one: in ms. */
export const span = z.union([duration.transform((ms) => [ms, ms] as const), z.tuple([duration, duration])], {
  error: "it must be a duration like 30s, or a shortest and a longest one like [30s, 2m]",
});
