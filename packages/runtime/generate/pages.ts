/** Writes docs/errors.md and docs/metrics.md from their tables: `node packages/runtime/generate/pages.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsPage } from "../src/errors-page.ts";
import { metricsPage } from "../src/metrics-page.ts";

const docs = join(import.meta.dirname, "../../../docs");
writeFileSync(join(docs, "errors.md"), errorsPage());
writeFileSync(join(docs, "metrics.md"), metricsPage());
