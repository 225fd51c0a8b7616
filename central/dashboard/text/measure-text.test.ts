// What values of windows are called, and how their numbers read.
import { expect, test } from "vitest";
import { measureName, measureText } from "./measure-text.ts";
import { Speaker } from "./speaker.ts";

const [english, chinese] = [new Speaker("en", "UTC"), new Speaker("zh-CN", "UTC")];

test("each has a name in each language; quantiles and what is unknown are called as the result is", () => {
  const names = (speaker: Speaker) =>
    ["sum", "stddev", "p95", "novel"].map((measure) => measureName(measure, speaker));
  expect(names(english)).toEqual(["sum", "deviation", "p95", "novel"]);
  expect(names(chinese)).toEqual(["合计", "标准差", "p95", "novel"]);
});

test("the unit follows the value: counts and shares have none, and counts no decimals", () => {
  const read = (measure: string, value: number, unit = "CNY") =>
    measureText(value, { measure, unit, speaker: english });
  expect(read("sum", 1_234.5)).toBe("1,235 CNY");
  expect(read("p95", 42)).toBe("42.0 CNY");
  expect(read("count", 42)).toBe("42");
  expect(read("distinct", 7)).toBe("7");
  expect(read("ratio", 0.125)).toBe("0.125");
  expect(read("rate", 2.5, "l")).toBe("2.50 l/s");
  expect(read("rate", 2.5, "")).toBe("2.50 1/s");
});
