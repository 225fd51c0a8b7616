// docs/errors.md says exactly what the table of errors says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorsPage } from "./errors-page.ts";

test("docs/errors.md is up to date (else: node packages/runtime/generate/errors-page.ts)", () => {
  expect(readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8")).toBe(errorsPage());
});
