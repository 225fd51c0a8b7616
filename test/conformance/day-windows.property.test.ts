// Days of time zones, over changes of the clocks: readings in any order, with restarts anywhere, end as a calendar has them.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Membership, paneLayout, PaneTable } from "@millrace/stream";
import type { MetricSpec, WindowSpec } from "@millrace/stream";
import { DAY_GRID_MS, DayGrid } from "../../packages/stream/src/day-grid.ts";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { batchWindows, windowKey } from "./oracle/batch-windows.ts";
import { daysOf } from "./oracle/calendar-days.ts";

const HOUR_MS = 3_600_000;
const metric: MetricSpec = { name: "t", unit: "1", accumulate: ["min", "max"], isLive: true };
const layout = paneLayout(900_000, metric.accumulate);
const reading = fc.record({
  hour: fc.double({ min: -50, max: 50, noNaN: true }),
  value: fc.integer({ min: -100, max: 100 }),
  /** What happens after it. */
  next: fc.constantFrom("", "", "send", "tick", "restart"),
});

test.each([
  ["Europe/Berlin", "2024-03-31T01:00Z"],
  ["Europe/Berlin", "2024-10-27T01:00Z"],
  ["America/Sao_Paulo", "2018-11-04T03:00Z"],
  ["Asia/Beirut", "2022-03-26T22:00Z"],
  ["Australia/Lord_Howe", "2024-04-06T15:00Z"],
  ["Asia/Kathmandu", "2024-05-05T18:15Z"],
  ["America/St_Johns", "2006-10-29T02:31Z"],
  ["Pacific/Apia", "2011-12-30T10:00Z"],
])("%s about %s", (timeZone, about) => {
  const windows: WindowSpec[] = [
    { name: "day", metric: "t", kind: "day", timeZone, by: [], latenessMs: 1e12 },
    { name: "utc", metric: "t", kind: "day", timeZone: "UTC", by: [], latenessMs: 1e12 },
  ];
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 40 }), (readings) => {
      const engine = new StoredEngine({ windows, metrics: [metric], hotMs: 10 * HOUR_MS });
      engine.setMembership(new Membership());
      const table = new PaneTable("t", layout, { rowsMax: 1_000 });
      let nowMs = Date.parse(about);
      const send = () =>
        engine.apply(
          table.take(() => ({})),
          nowMs,
        );
      const taken = readings.map(({ hour, value, next }) => {
        const timeMs = Math.floor(Date.parse(about) + hour * HOUR_MS);
        table.add(0, timeMs, value);
        if (next === "send") send();
        if (next === "tick") engine.tick((nowMs += 3 * HOUR_MS));
        if (next === "restart") engine.restart();
        return { metric: "t", labels: {}, timeMs, value, quality: "good" as const, hasOwnTime: true };
      });
      send();
      const results = [...engine.tick(nowMs + 100 * HOUR_MS), ...engine.stored()];
      const last = new Map(results.map((one) => [windowKey(one.window, one.startMs, {}), one]));
      const oracle = batchWindows(taken, windows, [{ ...metric, paneMs: layout.paneMs }]);
      expect([...last.keys()].sort()).toEqual([...oracle.keys()].sort());
      for (const [key, { endMs, values }] of oracle) {
        const { count, min, max } = values;
        expect(last.get(key)).toMatchObject({ endMs, state: "complete" });
        expect(last.get(key)!.values).toEqual({ count, min, max });
      }
    }),
    { numRuns: 25 },
  );
});

test("days follow one another without a gap, as a calendar shows them, on boundaries of the pane", () => {
  const zones = ["UTC", "Europe/London", "America/St_Johns", "Asia/Beirut", "Asia/Gaza", "Africa/Casablanca"];
  for (const timeZone of [
    ...zones,
    "America/Havana",
    "Pacific/Apia",
    "Asia/Pyongyang",
    "America/Sao_Paulo",
  ]) {
    const grid = new DayGrid(timeZone);
    for (const year of [2006, 2011, 2018]) {
      const [fromMs, toMs] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 5)];
      const days = daysOf(timeZone, fromMs, toMs);
      let [atMs] = grid.startsAt(days[0].startMs);
      for (const { startMs, endMs } of days) {
        expect([timeZone, atMs]).toEqual([timeZone, startMs]);
        expect(grid.endOf(startMs)).toBe(endMs);
        expect(grid.startsAt(endMs - 1)).toEqual([startMs]);
        expect(grid.firstEndingAfter(endMs - 1)).toBe(startMs);
        expect(grid.firstEndingAfter(endMs)).toBe(endMs);
        expect(endMs % DAY_GRID_MS).toBe(0);
        atMs = endMs;
      }
    }
  }
});
