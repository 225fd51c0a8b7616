// What a heartbeat tells of maintenance fits it, whatever people and topics have said.
import { MAINTENANCES_MAX } from "@millrace/detect";
import { testFrontier } from "@millrace/testkit";
import { MAINTENANCES_TOLD_MAX, parseHeartbeat } from "@millrace/wire";
import { expect, test } from "vitest";
import { toldMaintenance } from "./told-maintenance.ts";

const one = (sinceMs: number, labels: Record<string, string>, by = "anna") => ({
  labels,
  sinceMs,
  untilMs: sinceMs + 60_000,
  by,
  topic: null,
});

test("each is told with its labels, its time and who said so; nothing where there is none", () => {
  expect(toldMaintenance([])).toEqual({});
  const { topic: _, ...told } = one(1, { machine: "m1" });
  expect(toldMaintenance([one(1, { machine: "m1" })])).toEqual({ maintenance: [told] });
});

test("of many the newest are told, and a long text is cut, so that every heartbeat can be read", () => {
  const many = Array.from({ length: MAINTENANCES_MAX }, (_, index) => one(index, { machine: `m${index}` }));
  const { maintenance = [] } = toldMaintenance(many);
  expect(maintenance.map(({ sinceMs }) => sinceMs)).toEqual(
    Array.from({ length: MAINTENANCES_TOLD_MAX }, (_, index) => MAINTENANCES_MAX - 1 - index),
  );
  const long = [
    one(3, { machine: "x".repeat(70_000) }),
    one(2, { machine: "m2" }, "topic ".padEnd(70_000, "字")),
    ...Array.from({ length: MAINTENANCES_TOLD_MAX }, () => one(1, { machine: "字".repeat(256) })),
  ];
  const told = toldMaintenance(long);
  expect(told.maintenance?.[0]?.labels).toEqual({ machine: "m2" });
  expect(told.maintenance?.[0]?.by).toMatch(/^topic +字+…$/);
  const beat = {
    instance: "i",
    beat: 1,
    sentAtMs: 1,
    frontier: testFrontier(),
    ledger: {},
    status: {},
    ...told,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(beat));
  expect(bytes.length).toBeLessThan(32 * 1024);
  expect(parseHeartbeat(bytes)).toMatchObject({ ok: true, message: told });
});
