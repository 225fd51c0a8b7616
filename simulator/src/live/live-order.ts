import { z } from "zod";
import { LINK_STATES } from "../link/link-plan.ts";

/** What a person may order while a run goes on. It is in the truth as it was given. */
export const liveOrderSchema = z.discriminatedUnion("do", [
  /** A fault as in the plan, without `at`: it begins now. */
  z.strictObject({ do: z.literal("fault"), fault: z.record(z.string(), z.unknown()) }),
  /** Ends the fault of this number. */
  z.strictObject({ do: z.literal("end"), number: z.int().min(1) }),
  /** `plan`: as the plan has it from now on. */
  z.strictObject({ do: z.literal("link"), site: z.string(), state: z.enum([...LINK_STATES, "plan"]) }),
  /** Payloads that are none, on a topic of the site's first machine. */
  z.strictObject({ do: z.literal("junk"), site: z.string(), count: z.int().min(1).max(10_000).default(1) }),
]);

export type LiveOrder = z.infer<typeof liveOrderSchema>;
