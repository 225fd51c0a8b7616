// The pipelines that are shipped are right, alone and with the central.yaml beside them.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadCentralConfig, loadPipeline, recordProblems } from "@millrace/config";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const options = { env: {}, readFile: (file: string) => readFileSync(file, "utf8") };
const files = globSync("pipelines/*.yaml", { cwd: root });

test("there are some", () => {
  expect(files.length).toBeGreaterThan(0);
});

test.each(files.filter((file) => file.endsWith(".central.yaml")))("%s", (file) => {
  const central = loadCentralConfig(path.join(root, file), options);
  expect(central.warnings).toEqual([]);
  const pipeline = loadPipeline(central.config.pipelinePath, options);
  expect(recordProblems(central, pipeline)).toEqual({ problems: [], warnings: [] });
});

test.each(files.filter((file) => !file.endsWith(".central.yaml")))("%s", (file) => {
  expect(loadPipeline(path.join(root, file), options).warnings).toEqual([]);
});
