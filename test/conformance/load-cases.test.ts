// What is wrong in a file of cases is told with its place.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ConfigError } from "@millrace/config";
import { expect, test } from "vitest";
import { loadCases } from "./load-cases.ts";

const sound = `topic: A topic
metrics: { t: { accumulate: [sum] } }
windows: { minute: { metric: t, size: 1m } }
agents: { a: { site: alpha } }
cases:
  - name: a case
    readings:
      - { at: 10:00:10, value: 1 }
    ends: 10:02
    expect:
      - { start: 10:00, values: { sum: 1 } }
`;

function problemsIn(text: string): string[] {
  try {
    loadCases("a.yaml", () => text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, line, column, message }) => `${path}:${line}:${column}: ${message}`);
  }
}

test("the case in the README is sound", () => {
  const page = readFileSync(path.join(import.meta.dirname, "README.md"), "utf8");
  expect(problemsIn(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? "")).toEqual([]);
});

test("a sound file has no problems", () => {
  expect(problemsIn(sound)).toEqual([]);
});

test.each([
  ["10:00:10", "noon", "8:15", 'readings[0].at is "noon"'],
  ["value: 1", "valeu: 1", "8:25", "did you mean value"],
  ["start: 10:00,", "start: 10:00, agent: a,", "11:25", 'unknown key "agent"'],
  ["start: 10:00,", "window: hour, start: 10:00,", "11:19", "window names no hour"],
  ["value: 1 }", "value: 1, agent: b }", "8:42", "agent names no b"],
  ["size: 1m", "size: 1m, slide: 2m", "3:1", "longer than size"],
  ["[sum]", "[summ]", "3:1", "did you mean sum"],
  ["values: { sum: 1 }", "values: { smu: 1 }", "11:35", "the name of a result"],
  ["ends: 10:02", "ends: 10:02\n    extra: 1", "10:5", 'unknown key "extra"'],
])("with %s as %s it says where and what", (was, is, place, message) => {
  const problems = problemsIn(sound.replace(was, is)).join("\n");
  expect(problems).toContain(`a.yaml:${place}: `);
  expect(problems).toContain(message);
});

test("readings out of the order of arrival, and two cases of one name", () => {
  const twice =
    sound.replace("value: 1 }", "value: 1 }\n      - { at: 10:00:09, value: 2 }") +
    sound.slice(sound.indexOf("  - name"));
  expect(problemsIn(twice)).toEqual([
    expect.stringContaining("a.yaml:9:15: readings stand in order of arrival"),
    expect.stringContaining("a.yaml:13:11: two cases are named a case"),
  ]);
});
