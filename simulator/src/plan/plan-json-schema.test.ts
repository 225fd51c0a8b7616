// What editors are told of a plan is what the simulator takes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planJsonSchemaText } from "./plan-json-schema.ts";

const folder = join(import.meta.dirname, "../..");

test("the JSON Schema of plans is up to date (else: node simulator/generate/plan-artefacts.ts)", () => {
  const schema: unknown = JSON.parse(readFileSync(join(folder, "schema/plan.json"), "utf8"));
  expect(schema).toEqual(JSON.parse(planJsonSchemaText()));
  expect(schema).toMatchObject({
    type: "object",
    additionalProperties: false,
    properties: { version: { const: 1 }, business: { type: "object" } },
  });
});
