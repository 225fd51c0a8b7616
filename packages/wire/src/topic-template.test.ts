// Topic templates capture whole levels as labels, and say what is wrong with one that cannot.
// oxlint-disable unicorn/no-array-fill-with-reference-type -- the `fill` of a template is no array's
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTopicTemplate, type TopicTemplate } from "./topic-template.ts";

function template(text: string): TopicTemplate {
  const parsed = parseTopicTemplate(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.template;
}

test("captures become labels, and labels a topic again", () => {
  const temperature = template("factory/{site}/{line}/{machine}/temperature");
  expect(temperature.filter).toBe("factory/+/+/+/temperature");
  expect(temperature.captures).toEqual(["site", "line", "machine"]);
  const labels = { site: "alpha", line: "1", machine: "press" };
  expect(temperature.match("factory/alpha/1/press/temperature")).toEqual(labels);
  expect(temperature.fill({ ...labels, unit: "C" })).toBe("factory/alpha/1/press/temperature");
  expect(template("工厂/{厂区}/温度").match("工厂/上海/温度")).toEqual({ 厂区: "上海" });
  expect(template("a/b").match("a/b")).toEqual({});
});

test("other topics do not match", () => {
  const level = template("{site}/t");
  for (const topic of ["", "alpha", "alpha/u", "alpha/t/x", "/t", "$SYS/t", "alpha/t/"]) {
    expect(level.match(topic)).toBeUndefined();
  }
});

test("values that are no topic level do not fill", () => {
  const level = template("{site}/t");
  for (const site of ["", "a/b", "+", "#", "a\0", "$SYS", "x".repeat(70_000)])
    expect(level.fill({ site })).toBeUndefined();
  expect(level.fill({})).toBeUndefined();
  expect(template("a/{toString}").fill({})).toBeUndefined();
});

test.each([
  ["", "empty"],
  ["a/+/b", "wildcard"],
  ["a/#", "wildcard"],
  ["a/{site", "unclosed_brace"],
  ["a/site}", "unclosed_brace"],
  ["a/x{site}", "partial_capture"],
  ["a/{a}{b}", "partial_capture"],
  ["a/}site{", "partial_capture"],
  ["a/{}", "bad_name"],
  ["a/{1st}", "bad_name"],
  ["{a}/{a}", "duplicate_capture"],
  ["$SYS/{a}", "dollar_topic"],
  ["x".repeat(65_536), "too_long"],
])("%j is refused: %s", (text, reason) => {
  expect(parseTopicTemplate(text)).toMatchObject({ ok: false, reason });
});

test("what fills a template is what it captures", () => {
  const names = ["a", "b", "__proto__", "温"];
  const level = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 6 })
    .filter((text) => !/[/+#\0]/.test(text));
  fc.assert(
    fc.property(fc.array(level, { minLength: 4, maxLength: 4 }), (values) => {
      const labels = Object.fromEntries(names.map((name, index) => [name, values[index]]));
      const four = template(`x/${names.map((name) => `{${name}}`).join("/")}`);
      expect(four.match(four.fill(labels) ?? "")).toEqual(labels);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseTopicTemplate(text)));
});
