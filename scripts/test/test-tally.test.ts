// What npm test counts: tests, in the right order, with nothing that failed or was skipped left out.
import { expect, test } from "vitest";
import { type StageReport, tallyStage } from "./test-tally.ts";
import { testStages } from "./test-stages.ts";

const report = (...statuses: string[]): StageReport => ({
  testResults: [
    {
      name: "/repo/packages/wire/src/crc.test.ts",
      status: statuses.includes("failed") ? "failed" : "passed",
      assertionResults: statuses.map((status, index) => ({ ancestorTitles: [], title: `t${index}`, status })),
    },
  ],
});
const outcome = { root: "/repo", stage: "packages", exitCode: 0, known: [], isStrict: false };

test("files run cheapest first, end-to-end files one at a time", () => {
  const stages = testStages([
    "test/outage.e2e.test.ts",
    "test/conformance.test.ts",
    "central/src/api.test.ts",
    "packages/wire/src/crc.test.ts",
  ]);
  expect(stages.map(({ name, isSerial }) => [name, isSerial])).toEqual([
    ["packages", false],
    ["programs", false],
    ["the whole", false],
    ["end to end", true],
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
    { testResults: [{ name: "/repo/a.test.ts", status: "failed", assertionResults: [] }] },
  ],
])("%s is a failure", (_, given) => {
  expect(tallyStage({ ...outcome, exitCode: 1, report: given }).failures).toHaveLength(1);
});
