// What other programs read of windows and alarms: it is as its JSON Schema in docs/schema says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import { z } from "zod";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { alarmRecord } from "./alarm-record.ts";
import { recordKey } from "./kafka/record-key.ts";
import { windowRecord } from "./window-record.ts";

function schemaOf(name: string) {
  const path = join(import.meta.dirname, "../../../docs/schema", `${name}.json`);
  return z.fromJSONSchema(JSON.parse(readFileSync(path, "utf8")));
}

/** As it is read. */
function read(record: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(record));
}

const WINDOW: WindowResult = {
  window: "orders_1m",
  metric: "orders",
  group: { region: "北京" },
  startMs: 1_767_607_200_000,
  endMs: 1_767_607_260_000,
  revision: 3,
  state: "complete",
  values: { count: 12, mean: 0.5, sum: Number.POSITIVE_INFINITY },
  top: [{ input: 3, count: 2, errorMax: 0 }],
  mergedIntoMs: 1_767_607_100_000,
  beside: { uncertain: 1, bad: 2, undeduplicated: 3 },
  completeness: {
    agentsExpected: 2,
    agentsReporting: 1,
    agentsMissing: ["alpha-1"],
    agentsWithLoss: ["alpha-1"],
    sitesExpected: 2,
    sitesReporting: 1,
    sitesMissing: ["alpha"],
  },
  updatedAtMs: 1_767_607_262_000,
};

const ALARM: AlarmView = {
  id: "overheating:m1:1",
  step: 2,
  rule: "overheating",
  metric: "temperature",
  labels: { site: "alpha", machine: "m1" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 1_767_607_200_000,
  clearedAtMs: null,
  timeMs: 1_767_607_200_000,
  value: 81.5,
  limit: 80,
  action: "commanded",
  command: {
    id: "c1",
    topic: "factory/alpha/m1/command",
    payload: "STOP",
    attempt: 1,
    commandedAtMs: 1_767_607_200_002,
    confirmedAtMs: null,
    latencyMs: 1.5,
  },
  message: "temperature 81.5 above 80",
  level: "high",
  isSuppressed: true,
  evidence: [{ id: "t-1", timeMs: 1_767_607_200_000, labels: { payee: "a12" }, value: 432.1 }],
  agent: "alpha-1",
  site: "alpha",
  receivedAtMs: 1_767_607_200_100,
  firstReceivedAtMs: 1_767_607_200_090,
};

test("a window's record is as its schema says, with every field", () => {
  const schema = schemaOf("millrace.windows.v1");
  const { isOutdated: _, ...record } = read(windowRecord({ ...WINDOW, isOutdated: true }, 1_767_000_000));
  expect(schema.safeParse(record).error).toBeUndefined();
  expect(record).toEqual({
    ...WINDOW,
    generation: 1_767_000_000,
    values: { count: 12, mean: 0.5, sum: null },
  });
  const { top: _top, mergedIntoMs: _merged, ...plain } = WINDOW;
  expect(schema.safeParse(read(windowRecord(plain, 1))).error).toBeUndefined();
});

test("an alarm's record is as its schema says, with every field", () => {
  const schema = schemaOf("millrace.alarms.v1");
  const record = read(alarmRecord(ALARM, 7));
  expect(schema.safeParse(record).error).toBeUndefined();
  expect(record).toEqual({ ...ALARM, generation: 7 });
  const { level: _, isSuppressed: _suppressed, evidence: _evidence, ...plain } = ALARM;
  const cleared = { ...plain, isActive: false, clearedAtMs: 1, command: null };
  expect(schema.safeParse(read(alarmRecord(cleared, 7))).error).toBeUndefined();
});

test.each(["millrace.windows.v1", "millrace.alarms.v1"])(
  "%s: the schema refuses what lacks any of it",
  (name) => {
    const schema = schemaOf(name);
    const whole = read(name.includes("alarms") ? alarmRecord(ALARM, 1) : windowRecord(WINDOW, 1));
    for (const missing of ["generation", "metric"]) {
      const { [missing]: _, ...rest } = whole;
      expect(schema.safeParse(rest).success).toBe(false);
    }
    expect(schema.safeParse({ ...whole, generation: "1" }).success).toBe(false);
  },
);

test("equal groups have equal keys, in whatever order their labels come", () => {
  const key = recordKey({ window: "w", group: { b: "2", a: "1" }, startMs: 5 });
  expect(key).toBe('{"group":{"a":"1","b":"2"},"startMs":5,"window":"w"}');
  expect(recordKey({ startMs: 5, window: "w", group: { a: "1", b: "2" } })).toBe(key);
});
