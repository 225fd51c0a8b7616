// The batch oracle judges the engine, so it shares no code with it: of Millrace it imports types only.
import { expect, test } from "vitest";
import { engineCodeIn } from "./oracle-alone.ts";
import { repositoryFiles } from "./source-file.ts";

const planted = (text: string) => engineCodeIn([{ path: "test/conformance/oracle/batch-windows.ts", text }]);

test("the oracle imports nothing of Millrace but types", () => {
  const files = repositoryFiles();
  expect(files.filter(({ path }) => path.startsWith("test/conformance/oracle/")).length).toBeGreaterThan(0);
  expect(engineCodeIn(files)).toEqual([]);
});

test.each([
  'import { windowStarts } from "@millrace/stream";',
  'import { type Reading, windowStarts } from "@millrace/stream";',
  'import { windowStarts } from "../../../packages/stream/src/window-starts.ts";',
  'import { playCase } from "../play-case.ts";',
  'export { windowStarts } from "@millrace/stream";',
  'const stream = await import("@millrace/stream");',
])("it may not say %s", (line) => {
  expect(planted(`${line}\n`)).toHaveLength(1);
});

test.each([
  'import type { Reading } from "@millrace/stream";',
  'import { mean } from "simple-statistics";',
  'import { windowKey } from "./batch-windows.ts";',
])("it may say %s", (line) => {
  expect(planted(`${line}\n`)).toEqual([]);
});
