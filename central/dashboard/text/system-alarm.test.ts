// Central's own alarms are told in the reader's language; what the page has no words for stays as central said it.
import { expect, test } from "vitest";
import { SYSTEM_ALARMS } from "../../src/alarms/alarm-book.ts";
import { Speaker } from "./speaker.ts";
import { systemAlarmText } from "./system-alarm.ts";

const chinese = new Speaker("zh-CN", "UTC");

function alarm(rule: string, parts: { id?: string; value?: number; isActive?: boolean } = {}) {
  return { id: `central:${rule}`, rule, agent: "alpha-1", value: 1_200, isActive: true, ...parts };
}

test.each(SYSTEM_ALARMS)("%s is told in Chinese, while it is active and after", (rule) => {
  for (const isActive of [true, false]) {
    const text = systemAlarmText(alarm(rule, { isActive }), chinese);
    expect(text).toMatch(/\p{Script=Han}/u);
    expect(text).not.toMatch(/\{\w+\}/);
  }
});

test("the numbers are told: how much was lost, and whether an agent was ever heard", () => {
  const english = new Speaker("en", "UTC");
  expect(systemAlarmText(alarm("data_loss"), english)).toBe(
    "1,200 readings of alpha-1 are lost, or in no window",
  );
  expect(systemAlarmText(alarm("clock_disagrees", { value: -3_600_000 }), english)).toContain("1 h behind");
  expect(systemAlarmText({ ...alarm("clock_disagrees", { value: 90_000 }), agent: "" }, english)).toContain(
    "central's clock is 1 min 30 s ahead",
  );
  expect(systemAlarmText(alarm("agent_silent"), english)).toBe("agent alpha-1 is not heard");
  expect(systemAlarmText(alarm("agent_silent", { value: 0 }), english)).toBe(
    "agent alpha-1 has never been heard",
  );
});

test("a rule of the pipeline with such a name, and a kind that the page does not know, are not translated", () => {
  expect(systemAlarmText(alarm("data_loss", { id: "data_loss:3" }), chinese)).toBeNull();
  expect(systemAlarmText(alarm("brand_new"), chinese)).toBeNull();
  expect(systemAlarmText(alarm("toString"), chinese)).toBeNull();
});

test("what a partition of a stream has lost are records of it, and it is no agent", () => {
  const english = new Speaker("en", "UTC");
  const lost = { ...alarm("data_loss", { value: 1 }), agent: "nab/0" };
  expect(systemAlarmText(lost, english)).toMatch(/^1 records of partition nab\/0 /);
  expect(systemAlarmText({ ...lost, value: 0 }, english)).toMatch(/^partition nab\/0 began anew/);
  expect(systemAlarmText(lost, chinese)).toMatch(/分区 nab\/0 /);
});
