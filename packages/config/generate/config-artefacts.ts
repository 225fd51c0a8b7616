/** Writes docs/config.md and the JSON Schemas from the schemas: `node packages/config/generate/config-artefacts.ts`, then `npm run format`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_FILES } from "../src/config-files.ts";
import { configPage } from "../src/config-page.ts";
import { jsonSchemaText } from "../src/json-schema.ts";

const root = join(import.meta.dirname, "../../..");
writeFileSync(join(root, "docs/config.md"), configPage());
for (const file of CONFIG_FILES)
  writeFileSync(join(root, `packages/config/schema/${file.name}.json`), jsonSchemaText(file));
