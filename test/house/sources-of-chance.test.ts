// Time, timers and randomness are arguments, so that the whole system runs in simulated time from one seed.
import { expect, test } from "vitest";
import { chanceAllowed, sourcesOfChance } from "./sources-of-chance.ts";
import { repositoryFiles } from "./source-file.ts";

test("the repository takes time and randomness as arguments", () => {
  expect(sourcesOfChance(repositoryFiles())).toEqual([]);
});

test("every exception still exists", () => {
  const paths = new Set(repositoryFiles().map((file) => file.path));
  expect(Object.keys(chanceAllowed).filter((path) => !paths.has(path))).toEqual([]);
});

test.each([
  ["packages/stream/src/pane.ts", 'import { readFile } from "node:fs";'],
  ["packages/wire/src/id.ts", "const id = crypto.randomUUID();"],
  ["packages/detect/src/rule.ts", "const now = Date.now();"],
  ["central/src/engine.ts", "const now = new Date();"],
  ["central/src/engine.ts", "setTimeout(() => retry(), 100);"],
  ["edge-agent/src/uplink/uplink.ts", "const jitter = 'full' + Math.random();"],
  ["edge-agent/src/uplink/uplink.ts", "const clock = { nowMs: performance.now };"],
])("%s may not say %s", (path, text) => {
  expect(sourcesOfChance([{ path, text }])).toHaveLength(1);
});

test.each([
  ["packages/runtime/src/clock.ts", "const now = Date.now();"],
  ["packages/stream/src/pane.ts", "// Date.now() is an argument here\nconst day = new Date(timeMs);"],
  ["central/src/engine.ts", "clock.setTimeout(() => retry(), 100);"],
  ["central/src/engine.test.ts", "const now = Date.now();"],
])("%s may say %s", (path, text) => {
  expect(sourcesOfChance([{ path, text }])).toEqual([]);
});
