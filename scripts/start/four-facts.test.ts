// The four facts are told from truth and central together, each with its figure.
import { expect, test } from "vitest";
import type { TruthAlarm } from "../../simulator/src/truth/truth-line.ts";
import type { CentralAlarm } from "../../simulator/src/verify/central-client.ts";
import { fourFacts } from "./four-facts.ts";

const place = { site: "alpha", line: "line-1", machine: "machine-2" };
const raised: TruthAlarm = {
  type: "alarm",
  rule: "overheating",
  ...place,
  metric: "temperature",
  time: 1_000,
  value: 80.1,
  limit: 80,
};
const cleared: TruthAlarm = { ...raised, type: "cleared", time: 5_000, value: 74.9, limit: 75 };
const alarm: CentralAlarm = {
  id: "a1",
  rule: "overheating",
  labels: place,
  step: 3,
  activeAtMs: 1_000,
  clearedAtMs: 5_000,
  timeMs: 5_000,
  value: 74.9,
  receivedAtMs: 5_020,
  firstReceivedAtMs: 1_015,
  action: "confirmed",
  command: { id: "c", commandedAtMs: 1_002, confirmedAtMs: 1_009, latencyMs: 0.4 },
};

test("all four hold, with their times", () => {
  const facts = fourFacts([raised, cleared], [alarm]);
  expect(facts.map((fact) => fact.isTrue)).toEqual([true, true, true, true]);
  expect(facts.map((fact) => fact.text).join("\n")).toContain(
    "central saw the alarm 15 ms after the reading",
  );
  expect(facts[2]?.text).toBe(
    "the agent commanded the stop 0.40 ms after the reading arrived, confirmed 7 ms later",
  );
});

test("what did not happen is said", () => {
  expect(fourFacts([], [])).toEqual([{ isTrue: false, text: "no machine overheated" }]);
  expect(fourFacts([raised], []).map((fact) => fact.isTrue)).toEqual([true, false, false, false]);
  expect(fourFacts([raised, cleared], [{ ...alarm, clearedAtMs: null }]).map((fact) => fact.isTrue)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});
