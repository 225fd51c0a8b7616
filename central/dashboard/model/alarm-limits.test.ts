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

test("limits of counts, rates and silence are not drawn among the metric's values", () => {
  const alarms = [
    alarm({}),
    alarm({ id: "b" }),
    alarm({ limit: 30, unit: "s" }),
    alarm({ limit: 0, unit: "" }),
    alarm({ limit: 5, metric: "vibration" }),
    alarm({ limit: 99, isHistorical: true }),
  ];
  expect(alarmLimits(alarms, "temperature")).toEqual([80]);
});
