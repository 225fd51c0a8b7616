// What is generated from the configuration's schemas is up to date, and the JSON Schemas say what the schemas say.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONFIG_FILES } from "./config-files.ts";
import { configPage } from "./config-page.ts";
import { jsonSchemaText } from "./json-schema.ts";

const root = join(import.meta.dirname, "../../..");

test("docs/config.md is up to date (else: node packages/config/generate/config-artefacts.ts)", () => {
  expect(readFileSync(join(root, "docs/config.md"), "utf8")).toBe(configPage());
});

test.each(CONFIG_FILES)(
  "the JSON Schema of $name is up to date (else: node packages/config/generate/config-artefacts.ts)",
  (file) => {
    const schema: unknown = JSON.parse(
      readFileSync(join(root, `packages/config/schema/${file.name}.json`), "utf8"),
    );
    expect(schema).toEqual(JSON.parse(jsonSchemaText(file)));
    expect(schema).toMatchObject({
      type: "object",
      additionalProperties: false,
      properties: { version: { const: 1 } },
    });
  },
);
