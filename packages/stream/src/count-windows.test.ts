// Windows of so many readings, against cutting the arrivals into pieces; restored at any point they go on to the bit.
import fc from "fast-check";
import { expect, test } from "vitest";
import { CountWindows } from "./count-windows.ts";
import { encodePane } from "./engine/pane-codec.ts";
import { paneLayout } from "./pane-layout.ts";
import type { Quality } from "./reading.ts";

const layout = paneLayout(1_000, ["sum", "first"]);
const reading = fc.record({
  series: fc.nat({ max: 2 }),
  timeMs: fc.nat({ max: 1_000 }),
  value: fc.integer({ min: -100, max: 100 }),
  quality: fc.constantFrom<Quality>("good", "good", "uncertain", "bad"),
});

test("every so many good readings of a series make a window, in the order in which they arrive", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(reading), (size, readings) => {
      const windows = new CountWindows(layout, { size, seriesMax: 3 });
      const full = readings
        .map((one) => windows.add(one.series, one))
        .filter((window) => window !== null)
        .map(({ series, number, firstMs, lastMs, state }) => [
          series,
          number,
          firstMs,
          lastMs,
          state.fields[0],
          state.fields[layout.offsets[1]] + state.fields[layout.offsets[1] + 1],
        ]);
      const expected = [0, 1, 2].flatMap((series) => {
        const good = readings.filter((one) => one.series === series && one.quality === "good");
        return Array.from({ length: Math.floor(good.length / size) }, (_, index) => {
          const own = good.slice(index * size, (index + 1) * size);
          const times = own.map(({ timeMs }) => timeMs);
          const sum = own.reduce((total, { value }) => total + value, 0);
          return [series, index + 1, Math.min(...times), Math.max(...times), size, sum];
        });
      });
      const byPlace = (a: number[], b: number[]) => a[0] - b[0] || a[1] - b[1];
      expect(full.sort(byPlace)).toEqual(expected.sort(byPlace));
    }),
  );
});

test("a series beyond the bound is refused and counted, until another is forgotten", () => {
  const windows = new CountWindows(layout, { size: 1, seriesMax: 1 });
  const reading = { timeMs: 5, value: 1, quality: "good" as const };
  expect(windows.add(0, reading)?.number).toBe(1);
  expect(windows.add(1, reading)).toBeNull();
  expect(windows.refusedCount).toBe(1);
  windows.forget(0);
  expect(windows.add(1, reading)?.number).toBe(1);
  expect(() => new CountWindows(layout, { size: 0, seriesMax: 1 })).toThrow("count windows of 0 readings");
});

const everything = paneLayout(
  1_000,
  "sum min max mean first last range ratio(2,0) histogram(-10,0,10) quantiles distinct topk increase timeMean".split(
    " ",
  ),
);

test("restored at any points it goes on, to the bit, as if never interrupted", () => {
  const step = fc.record({
    reading: fc.record({
      series: fc.nat({ max: 4 }),
      timeMs: fc.oneof(fc.integer({ min: -5, max: 50 }), fc.constantFrom(-8.64e15, 8.64e15)),
      value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1)),
      quality: fc.constantFrom<Quality>("good", "good", "good", "uncertain", "bad"),
    }),
    next: fc.constantFrom("", "", "restore", "forget"),
  });
  const options = fc.record({
    size: fc.integer({ min: 1, max: 20 }),
    seriesMax: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), options, (steps, options) => {
      const whole = new CountWindows(everything, options);
      let restored = new CountWindows(everything, options);
      const bits = (window: ReturnType<CountWindows["add"]>) =>
        window && { ...window, state: encodePane(everything, window.state) };
      for (const { reading, next } of steps) {
        expect(bits(restored.add(reading.series, reading))).toEqual(bits(whole.add(reading.series, reading)));
        if (next === "forget") for (const windows of [whole, restored]) windows.forget(reading.series);
        if (next !== "restore") continue;
        restored =
          CountWindows.decode(restored.encode(), everything, options) ??
          expect.unreachable("what was encoded is read");
        expect([...restored.encode()]).toEqual([...whole.encode()]);
        expect(restored.refusedCount).toBe(whole.refusedCount);
      }
    }),
  );
});

test("a state of version 1: these very bytes must be readable for ever", () => {
  const options = { size: 3, seriesMax: 2 };
  const windows = new CountWindows(paneLayout(1_000, []), options);
  windows.add(7, { timeMs: 1_000, value: 5, quality: "good" });
  windows.add(7, { timeMs: 1_000, value: 5, quality: "bad" });
  const golden = [
    ["01", "01000000", "0000000000000840", "0000000000000000"],
    ["07000000", "000000000000f03f", "0000000000408f40", "0000000000408f40", "2e000000"]
      .concat("0202", ["0100", "08000000", "000000000000f03f"])
      .concat(["0f00", "18000000", "0000000000000000", "000000000000f03f", "0000000000000000"]),
  ].map((parts) => Buffer.from(parts.join(""), "hex"));
  expect([...windows.encode()].map(Buffer.from)).toEqual(golden);
  const again = CountWindows.decode(golden, paneLayout(1_000, []), options);
  expect([...(again?.encode() ?? [])]).toEqual([...windows.encode()]);
});

test("another layout goes on with what both know, fewer series with the first, another size not at all", () => {
  const windows = new CountWindows(layout, { size: 2, seriesMax: 2 });
  const reading = { timeMs: 5, value: 3, quality: "good" as const };
  for (const series of [4, 2]) windows.add(series, reading);
  const sums = paneLayout(1_000, ["sum", "max", "distinct"]);
  const again = CountWindows.decode(windows.encode(), sums, { size: 2, seriesMax: 1 });
  expect(again?.seriesCount).toBe(1);
  expect(again?.add(2, reading)).toBeNull();
  const { fields, sketches } = again?.add(4, reading)?.state ?? expect.unreachable("the window is full");
  expect([fields[0], fields[sums.offsets[1]], sketches]).toEqual([2, 6, [null]]);
  expect(fields[sums.offsets[sums.accumulators.findIndex(({ name }) => name === "max")]]).toBeNaN();
  expect(CountWindows.decode(windows.encode(), layout, { size: 3, seriesMax: 2 })).toBeUndefined();
});

test("many series come in chunks; junk is undefined, and never throws", () => {
  const options = { size: 4, seriesMax: 3_000 };
  const windows = new CountWindows(everything, options);
  for (let at = 0; at < 3_000; at++) windows.add(at, { timeMs: at, value: at, quality: "good" });
  const chunks = [...windows.encode()];
  expect(chunks.length).toBeGreaterThan(4);
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(70_000);
  const decode = (given: Uint8Array[]) => CountWindows.decode(given, everything, options);
  expect([...(decode(chunks)?.encode() ?? [])]).toEqual(chunks);
  for (const given of [chunks.slice(1), chunks.slice(0, -1), [...chunks, chunks[1]], []])
    expect(decode(given)).toBeUndefined();
  // A head that says a smaller size than the open windows have readings.
  const head = chunks[0].slice();
  new DataView(head.buffer).setFloat64(5, 1, true);
  expect(
    CountWindows.decode([head, ...chunks.slice(1)], everything, { ...options, size: 1 }),
  ).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1 }), fc.nat(), (junk, at) => {
      expect(decode(junk)).toBeUndefined();
      const damaged = chunks.map((chunk) => chunk.slice());
      damaged[1].set(junk[0], at % 60_000);
      decode([chunks[0], ...junk]);
      decode(damaged);
    }),
    { numRuns: 30 },
  );
});
