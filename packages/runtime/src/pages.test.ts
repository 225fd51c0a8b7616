// The pages of errors and metrics say exactly what their tables say.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorsPage } from "./errors-page.ts";
import { metricsPage } from "./metrics-page.ts";

test.each([
  ["errors.md", errorsPage],
  ["metrics.md", metricsPage],
])("docs/%s is up to date (else: node packages/runtime/generate/pages.ts)", (name, page) => {
  expect(readFileSync(join(import.meta.dirname, "../../../docs", name), "utf8")).toBe(page());
});
