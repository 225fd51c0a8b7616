/** Writes the plan's JSON Schema from its schema: `node simulator/generate/plan-artefacts.ts`, then `npm run format`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { planJsonSchemaText } from "../src/plan/plan-json-schema.ts";

writeFileSync(join(import.meta.dirname, "../schema/plan.json"), planJsonSchemaText());
