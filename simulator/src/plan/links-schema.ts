import { z } from "zod";
import { duration } from "./duration-schema.ts";

const longer = duration.refine((ms) => ms > 0, "it must be longer than nothing");
const tail = z.strictObject({
  least: longer,
  shape: z.number().positive().max(20).default(1.2),
  max: longer,
});

/** The plan's `links`. */
export const linksSchema = z.strictObject({
  to: z.string().regex(/^[^\s/:]+:\d{1,5}$/, "write it like 127.0.0.1:8883"),
  firstPort: z.int().min(0).max(65_535),
  up: tail,
  down: tail,
  halfOpen: z.number().min(0).max(1).default(0),
  latency: duration.default(0),
  jitter: duration.default(0),
  bytesPerSecond: z.number().min(100).default(1_000_000),
});
