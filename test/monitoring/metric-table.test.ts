// What docs/metrics.md promises is there: a program sets every metric of the table.
import { METRIC_TABLE } from "@millrace/runtime";
import { expect, test } from "vitest";
import { repositoryFiles } from "../house/source-file.ts";

test("every metric of the table is set by the agent or central", () => {
  const programs = repositoryFiles()
    .filter(({ path }) => /^(edge-agent|central)\/src\/.*(?<!\.test)\.ts$/.test(path))
    .map(({ text }) => text)
    .join("");
  const unset = Object.keys(METRIC_TABLE).filter((name) => !programs.includes(`"${name}"`));
  expect(unset).toEqual([]);
});
