// A chart shows the limits of what it shows.
import { expect, test } from "vitest";
import type { AlarmView } from "../feed/live-frames.ts";
import { alarmLimits } from "./alarm-limits.ts";

const alarm = (more: Partial<AlarmView>): AlarmView => ({
  agent: "",
  site: "",
  receivedAtMs: 0,
  id: "a",
  step: 1,
  rule: "hot",
  metric: "temperature",
  labels: {},
  severity: 500,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 0,
  clearedAtMs: null,
  timeMs: 0,
  value: 90,
  limit: 80,
  action: "none",
  command: null,
  message: "",
  ...more,
});

const subject = { metric: "temperature", window: "temperature_1m", measure: "mean" };

const ofWindow = (name: string, value: string): Partial<AlarmView> => ({
  window: {
    name,
    value,
    revision: 1,
    startMs: 0,
    endMs: 60_000,
    isComplete: true,
    agentsExpected: 1,
    agentsReporting: 1,
    agentsMissing: [],
  },
});

test("limits of counts, rates and silence are not drawn among the metric's values", () => {
  const alarms = [
    alarm({}),
    alarm({ id: "b" }),
    alarm({ limit: 30, unit: "s" }),
    alarm({ limit: 0, unit: "" }),
    alarm({ limit: 5, metric: "vibration" }),
    alarm({ limit: 99, isHistorical: true }),
  ];
  expect(alarmLimits(alarms, subject)).toEqual([80]);
});

test("a limit of readings is one of what is read as they are, and none of counts and sums", () => {
  const limits = (measure: string) => alarmLimits([alarm({})], { ...subject, measure });
  expect(["min", "p95", "count", "sum", "ratio", "stddev"].map(limits)).toEqual([[80], [80], [], [], [], []]);
});

test("the limit of a rule on windows belongs to the value that it looks at, a count's to its own window alone", () => {
  const alarms = [
    alarm({ limit: 1, ...ofWindow("temperature_1h", "mean") }),
    alarm({ limit: 2, unit: "", ...ofWindow("temperature_1h", "count") }),
    alarm({ limit: 3, unit: "", ...ofWindow("temperature_1m", "count") }),
    alarm({ limit: 4, unit: "/1m", ...ofWindow("temperature_1m", "count") }),
    alarm({ limit: 5, unit: "", ...ofWindow("temperature_1m", "ratio") }),
    alarm({ limit: 6, unit: "s", ...ofWindow("temperature_1m", "") }),
  ];
  const limits = (measure: string) => alarmLimits(alarms, { ...subject, measure });
  expect(["mean", "count", "ratio", "max"].map(limits)).toEqual([[1], [3], [5], []]);
});
