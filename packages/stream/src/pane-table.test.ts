// The agent's open panes: whatever is added, taken, checkpointed and restored, no reading is lost or doubled.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ACCUMULATORS } from "./accumulators/table.ts";
import { paneLayout } from "./pane-layout.ts";
import type { PaneRows } from "./pane-rows.ts";
import { PaneTable } from "./pane-table.ts";
import { readingCount } from "./reading-count.ts";

const layout = paneLayout(1_000, [
  "max",
  "sum",
  "mean",
  "first",
  "last",
  "min",
  "range",
  "histogram(0)",
  "quantiles",
  "distinct",
  "increase",
]);
const labelsOf = (series: number) => ({ series: String(series) });
const seriesIn = (rows: PaneRows) => (index: number) => Number(rows.series[index]["series"]);
const table = (rowsMax = 1e6) => new PaneTable("m", layout, { rowsMax });

/** Rows as plain values: by series and start, each state's very bits and each sketch's bytes as text. */
function plain(rows: PaneRows): [string, string][] {
  return Array.from({ length: rows.rowCount }, (_, row) => [
    `${rows.series[rows.seriesIndex[row]]["series"]}@${rows.startMs[row]}`,
    [
      ...Array.from(rows.state.subarray(row * layout.stride, (row + 1) * layout.stride), (field) =>
        Object.is(field, -0) ? "-0" : String(field),
      ),
      ...rows.sketches.map((column) => Buffer.from(column[row]!.encode()).toString("hex")),
    ].join(),
  ]);
}

test("the layout holds count first, beside last, and what is asked for between, by number", () => {
  const { accumulators, offsets, stride, key } = paneLayout(100, ["mean", "sum"]);
  expect(accumulators.map(({ name }) => name)).toEqual(["count", "sum", "mean", "beside"]);
  expect({ offsets, stride }).toEqual({ offsets: [0, 1, 3, 6], stride: 9 });
  expect(paneLayout(100, ["beside", "sum", "mean", "sum", "count"]).key).toBe(key);
  expect(paneLayout(200, ["sum", "mean"]).key).not.toBe(key);
  const histograms = ["histogram(10,20)", "histogram(10)", "ratio(2,80)"];
  expect(paneLayout(100, histograms).names).toEqual([
    "count",
    "ratio(2,80)",
    "histogram(10)",
    "histogram(10,20)",
    "beside",
  ]);
  expect(() => paneLayout(100, ["median"])).toThrow("no accumulator median");
});

test("readings fall into the pane of their event time, before 1970 too", () => {
  const panes = table();
  for (const timeMs of [-1, 0, 999, 1_000, -1_000, -1_001]) panes.add(3, timeMs, timeMs);
  const rows = panes.take(labelsOf);
  expect([...rows.startMs]).toEqual([-2_000, -1_000, 0, 1_000]);
  expect(Array.from(rows.startMs, (_, row) => rows.state[row * layout.stride])).toEqual([1, 2, 2, 1]);
  expect(panes.rowCount).toBe(0);
});

test("at the bound a reading for a new pane is refused and counted, one for an open pane is taken", () => {
  const panes = table(2);
  expect([
    panes.add(0, 0, 1),
    panes.add(1, 0, 1),
    panes.add(2, 0, 1),
    panes.add(0, 5, 1),
    panes.addBeside(0, 5_000, "bad"),
  ]).toEqual([true, true, false, true, false]);
  expect(panes.refusedCount).toBe(2);
  expect(panes.readingCount).toBe(3);
});

test("uncertain and bad readings count as readings, undeduplicated is only a note on one", () => {
  const panes = table();
  panes.add(0, 0, 7);
  panes.addBeside(0, 0, "undeduplicated");
  panes.addBeside(0, 0, "bad");
  panes.addBeside(0, 0, "uncertain");
  expect(panes.readingCount).toBe(3);
  const rows = panes.take(labelsOf);
  expect(readingCount(rows)).toBe(3);
  expect(ACCUMULATORS.beside.finish(rows.state, layout.stride - 3)).toEqual({
    uncertain: 1,
    bad: 1,
    undeduplicated: 1,
  });
});

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("add" as const),
      series: fc.integer({ min: 0, max: 200 }),
      timeMs: fc.integer({ min: -9_000, max: 9_000 }),
      value: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("take" as const), modulo: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("checkpoint" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart" as const) }) },
);

test("takes, checkpoints and restarts in any order change no bit of any pane and lose no reading", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      let panes = table();
      const untouched = table();
      const durable = new Map<string, PaneRows>();
      let added = 0;
      let taken = 0;
      const checkpoint = () => {
        const rows = panes.checkpoint(labelsOf);
        for (let row = 0; row < rows.rowCount; row++) durable.set(plain(rows)[row][0], one(rows, row));
        return rows;
      };
      for (const next of steps) {
        if (next.type === "add") {
          panes.add(next.series, next.timeMs, next.value);
          untouched.add(next.series, next.timeMs, next.value);
          added++;
        } else if (next.type === "take") {
          const accept = (series: number) => series % next.modulo === 0;
          const rows = panes.take(labelsOf, { accept });
          expect(plain(rows)).toEqual(plain(untouched.take(labelsOf, { accept })));
          taken += readingCount(rows);
          for (const [key] of plain(rows)) durable.delete(key);
        } else if (next.type === "checkpoint") checkpoint();
        else {
          checkpoint();
          panes = table();
          for (const rows of durable.values()) panes.merge(rows, seriesIn(rows));
        }
        expect(panes.readingCount).toBe(added - taken);
      }
      expect(plain(panes.take(labelsOf))).toEqual(plain(untouched.take(labelsOf)));
    }),
    { numRuns: 60 },
  );
});

test("a time that a float64 does not tell to the millisecond is refused, in a batch too", () => {
  const panes = table();
  const timeMs = Float64Array.of(NaN, Infinity, -Infinity, 1e300, 2 ** 53, 0);
  const taken = panes.addBatch({ count: 6, series: new Uint32Array(6), timeMs, value: new Float64Array(6) });
  expect([taken, panes.add(0, NaN, 1), panes.refusedCount, panes.readingCount]).toEqual([1, false, 6, 1]);
});

test("what is no finite value, or no whole millisecond, is refused and counted, and leaves nothing behind", () => {
  const timeMs = Float64Array.of(0, 0, 0, 1.5, 0);
  const value = Float64Array.of(NaN, Infinity, -Infinity, 1, 7);
  const [together, apart] = [table(), table()];
  expect(together.addBatch({ count: 5, series: new Uint32Array(5), timeMs, value })).toBe(1);
  for (let at = 0; at < 5; at++) apart.add(0, timeMs[at], value[at]);
  for (const panes of [together, apart]) {
    expect([panes.readingCount, panes.refusedCount, panes.rowCount]).toEqual([1, 4, 1]);
    expect(readingCount(panes.take(labelsOf))).toBe(1);
  }
});

test("a great table can be emptied in parts", () => {
  const panes = table();
  for (let at = 0; at < 5_000; at++) panes.add(at % 700, at * 3, at);
  const whole = panes.readingCount;
  let taken = 0;
  for (let rows = panes.take(labelsOf, { rowsMax: 300 }); rows.rowCount > 0;) {
    expect(rows.rowCount).toBeLessThanOrEqual(300);
    taken += readingCount(rows);
    expect(panes.readingCount).toBe(whole - taken);
    rows = panes.take(labelsOf, { rowsMax: 300 });
  }
  expect(taken).toBe(5_000);
});

test("readings by column are what they are one by one", () => {
  const reading = fc.record({
    series: fc.integer({ min: 0, max: 5 }),
    timeMs: fc.integer({ min: -5_000, max: 5_000 }),
    value: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  });
  fc.assert(
    fc.property(
      fc.array(reading, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (readings, rowsMax) => {
        const [together, apart] = [table(rowsMax), table(rowsMax)];
        const taken = together.addBatch({
          count: readings.length,
          series: Uint32Array.from(readings, ({ series }) => series),
          timeMs: Float64Array.from(readings, ({ timeMs }) => timeMs),
          value: Float64Array.from(readings, ({ value }) => value),
        });
        expect(taken).toBe(
          readings.filter(({ series, timeMs, value }) => apart.add(series, timeMs, value)).length,
        );
        expect(together.refusedCount).toBe(apart.refusedCount);
        expect(together.readingCount).toBe(taken);
        expect(plain(together.take(labelsOf))).toEqual(plain(apart.take(labelsOf)));
      },
    ),
  );
});

test("a series' readings, mostly in order, are to the bit what they are one by one", () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    fc.constantFrom(0, -0, NaN, Infinity, 1e300),
  );
  const reading = fc.record({
    timeMs: fc.oneof(fc.integer({ min: -3_000, max: 3_000 }), fc.constant(0.5)),
    value,
  });
  const run = fc.record({
    series: fc.integer({ min: 0, max: 2 }),
    readings: fc.array(reading, { maxLength: 40 }),
    isSound: fc.constantFrom(true, true, false),
    isInOrder: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 8 }), fc.integer({ min: 1, max: 12 }), (runs, rowsMax) => {
      const [together, apart] = [table(rowsMax), table(rowsMax)];
      for (const { series, readings, isSound, isInOrder } of runs) {
        const own = isSound
          ? readings.filter((each) => Number.isFinite(each.value) && Number.isInteger(each.timeMs))
          : readings;
        if (isInOrder) own.sort((a, b) => a.timeMs - b.timeMs);
        const taken = together.addSeries(series, {
          count: own.length,
          timeMs: Float64Array.from(own, (each) => each.timeMs),
          value: Float64Array.from(own, (each) => each.value),
        });
        expect(taken).toBe(own.filter((each) => apart.add(series, each.timeMs, each.value)).length);
        expect(together.refusedCount).toBe(apart.refusedCount);
        expect(together.readingCount).toBe(apart.readingCount);
      }
      expect(plain(together.take(labelsOf))).toEqual(plain(apart.take(labelsOf)));
    }),
  );
});

test("a checkpoint holds only what has changed since the last", () => {
  const panes = table();
  panes.add(0, 0, 1);
  panes.add(1, 0, 1);
  expect(panes.checkpoint(labelsOf).rowCount).toBe(2);
  expect(panes.checkpoint(labelsOf).rowCount).toBe(0);
  panes.add(1, 1, 2);
  expect(plain(panes.checkpoint(labelsOf)).map(([key]) => key)).toEqual(["1@0"]);
});

test("a checkpoint after the table has grown holds only what has changed since, and panes leave in order", () => {
  const panes = table();
  for (let series = 0; series < 300; series++) panes.add(series, 0, 1);
  expect(panes.checkpoint(labelsOf).rowCount).toBe(300);
  for (let series = 300; series < 600; series++) panes.add(series, 0, 1);
  expect(panes.checkpoint(labelsOf).rowCount).toBe(300);
  // The newest leaves alone; then one is opened behind an older one that stayed.
  for (const timeMs of [1_000, 2_000, 3_000]) panes.add(0, timeMs, 1);
  panes.take(labelsOf, { accept: (series, startMs) => series === 0 && startMs >= 2_000 });
  panes.add(0, -5_000, 1);
  expect(plain(panes.take(labelsOf, { accept: (series) => series === 0 })).map(([key]) => key)).toEqual([
    "0@-5000",
    "0@0",
    "0@1000",
  ]);
});

function one(rows: PaneRows, row: number): PaneRows {
  return {
    ...rows,
    rowCount: 1,
    seriesIndex: rows.seriesIndex.slice(row, row + 1),
    startMs: rows.startMs.slice(row, row + 1),
    state: rows.state.slice(row * layout.stride, (row + 1) * layout.stride),
    sketches: rows.sketches.map((column) => column.slice(row, row + 1)),
  };
}
