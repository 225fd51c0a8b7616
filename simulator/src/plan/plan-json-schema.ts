import { z } from "zod";
import { planSchema } from "./plan-schema.ts";

/** The plan's JSON Schema, for editors; what `simulator/schema/plan.json` holds. */
export function planJsonSchemaText(): string {
  // Draft 7 is what YAML editors read best.
  const schema = z.toJSONSchema(planSchema, { io: "input", target: "draft-7" });
  const head = {
    title: "Millrace plan.yaml",
    description: "What the simulator makes, and where it goes: sites, machines, faults, delivery, records.",
  };
  return `${JSON.stringify({ ...schema, ...head }, null, 2)}\n`;
}
