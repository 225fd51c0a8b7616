/** Writes docs/errors.md from the table: `node packages/runtime/generate/errors-page.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsPage } from "../src/errors-page.ts";

writeFileSync(join(import.meta.dirname, "../../../docs/errors.md"), errorsPage());
