// What npm test counts: tests, in the right order, with nothing that failed or was skipped left out.
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { longestFiles } from "./longest-files.ts";
import { type StageReport, tallyStage, totalOf } from "./test-tally.ts";
import { filesAlone, testStages } from "./test-stages.ts";

const report = (...statuses: string[]): StageReport => ({
  testResults: [
    {
      name: "/repo/packages/wire/src/crc.test.ts",
      status: statuses.includes("failed") ? "failed" : "passed",
      startTime: 1_000,
      endTime: 3_500,
      assertionResults: statuses.map((status, index) => ({ ancestorTitles: [], title: `t${index}`, status })),
    },
  ],
});
const outcome = { root: "/repo", stage: "packages", exitCode: 0, known: [], isStrict: false };

test("files run cheapest first, those that want the machine one at a time", () => {
  const stages = testStages([
    "test/end-to-end/abuse.e2e.test.ts",
    "test/outage.e2e.test.ts",
    "test/conformance.test.ts",
    "central/src/api.test.ts",
    "packages/wire/src/crc.test.ts",
  ]);
  expect(stages.map(({ name, isSerial }) => [name, isSerial])).toEqual([
    ["packages", false],
    ["programs", false],
    ["the whole", false],
    ["end to end", false],
    ["end to end, alone", true],
  ]);
});

test("every file that runs alone is there", () => {
  const root = path.resolve(import.meta.dirname, "../..");
  expect(filesAlone.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
});

test("the ten longest files are told, the longest first", () => {
  const tally = tallyStage({ ...outcome, report: report("passed") });
  expect(tally.files).toEqual([{ file: "packages/wire/src/crc.test.ts", durationMs: 2_500 }]);
  const total = totalOf(
    [1, 12, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((durationMs) => ({
      ...tally,
      files: [{ file: `${durationMs}.test.ts`, durationMs }],
    })),
  );
  expect(longestFiles(total.files).map(({ durationMs }) => durationMs)).toEqual([
    12, 11, 10, 9, 8, 7, 6, 5, 4, 3,
  ]);
});

test("passed, failed and skipped tests are counted", () => {
  const tally = tallyStage({
    ...outcome,
    exitCode: 1,
    report: report("passed", "failed", "skipped", "todo"),
  });
  expect([tally.passed, tally.failures.length, tally.skips.length]).toEqual([1, 1, 2]);
});

test("in CI a skipped test fails unless it is explained", () => {
  const strict = { ...outcome, isStrict: true, report: report("passed", "skipped") };
  const known = [{ test: "packages/wire/src/crc.test.ts > t1", reason: "needs a broker" }];
  expect(tallyStage(strict).failures).toHaveLength(1);
  expect(tallyStage({ ...strict, known })).toMatchObject({ failures: [], skips: known });
});

test.each([
  ["a crash without a report", undefined],
  ["an error outside any test", report("passed")],
  [
    "a file that does not load",
    {
      testResults: [
        { name: "/repo/a.test.ts", status: "failed", startTime: 0, endTime: 0, assertionResults: [] },
      ],
    },
  ],
])("%s is a failure", (_, given) => {
  expect(tallyStage({ ...outcome, exitCode: 1, report: given }).failures).toHaveLength(1);
});
