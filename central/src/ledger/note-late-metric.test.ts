// A metric that is lost to all its windows is alarmed beside its source, and however many are, there is an end to the alarms.
import { expect, test } from "vitest";
import { AlarmBook } from "../alarms/alarm-book.ts";
import { LateRuns } from "./late-runs.ts";
import { METRIC_ALARMS_MAX, noteLateMetric } from "./note-late-metric.ts";

const MOMENT = { nowMs: 5_000, monotonicMs: 1_000 };
const KEPT_TO_MS = Date.parse("2026-11-28");
const late = (source: string, metric: string, counts: { merged?: number; tooLate?: number } = {}) =>
  ({
    source,
    site: "s",
    metric,
    merged: 0,
    tooLate: 100,
    tooLateFromMs: 1,
    isOfAll: false,
    ...counts,
  }) as const;

function begin() {
  const keptToMsOf = (of: { metric: string } | { stream: string }) =>
    "metric" in of && of.metric === "kept" ? KEPT_TO_MS : null;
  const state = { alarms: new AlarmBook(), lateRuns: new LateRuns(), engine: { keptToMsOf } };
  const told = () => state.alarms.raised().map(({ agent, metric, message }) => [agent, metric, message]);
  return { state, told };
}

test("each metric by itself, with its own cause, and none that has something in windows", () => {
  const { state, told } = begin();
  noteLateMetric(state, late("a", "good", { merged: 1 }), MOMENT);
  for (const metric of ["kept", "old"]) noteLateMetric(state, late("a", metric), MOMENT);
  noteLateMetric(state, { ...late("b", "old"), isOfAll: true }, MOMENT);
  expect(told()).toEqual([
    ["a", "kept", expect.stringMatching(/metric kept of a .* before 2026-11-28/)],
    ["a", "old", expect.stringMatching(/metric old of a is too late.*late\.allowed/)],
  ]);
});

test("there is an end to how many are active at once", () => {
  const { state, told } = begin();
  for (let agent = 0; agent < METRIC_ALARMS_MAX + 10; agent += 1)
    noteLateMetric(state, late(`a-${agent}`, "old"), MOMENT);
  expect(told()).toHaveLength(METRIC_ALARMS_MAX);
});
