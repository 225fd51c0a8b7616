// Health: readiness includes liveness, reasons come through, a throwing check is a failing one.
import { expect, test } from "vitest";
import { Health } from "./health.ts";

test("reports each check with its reason", () => {
  const health = new Health();
  let store: string | null = null;
  health.add("alive", "commit loop", () => null);
  health.add("ready", "store", () => store);
  expect(health.report("ready")).toEqual({
    isOk: true,
    checks: [
      { name: "commit loop", isOk: true, reason: null },
      { name: "store", isOk: true, reason: null },
    ],
  });
  store = "the last commit failed 4 s ago: disk full";
  expect(health.report("ready").isOk).toBe(false);
  expect(health.report("ready").checks[1]).toEqual({ name: "store", isOk: false, reason: store });
  expect(health.report("alive")).toEqual({
    isOk: true,
    checks: [{ name: "commit loop", isOk: true, reason: null }],
  });
});

test("a check that throws is failing, not fatal", () => {
  const health = new Health();
  health.add("alive", "engine", () => {
    throw new Error("not started");
  });
  expect(health.report("alive").checks).toEqual([
    { name: "engine", isOk: false, reason: "check failed: not started" },
  ]);
});
