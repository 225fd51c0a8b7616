// The agent's watermark: least over the series that are not idle, and never back.
import fc from "fast-check";
import { expect, test } from "vitest";
import { SeriesWatermarks } from "./series-watermarks.ts";

const options = { outOfOrdernessMs: 5_000, idleTimeoutMs: 30_000 };

test("the slowest series that is not idle holds the watermark", () => {
  const watermarks = new SeriesWatermarks(options);
  expect(watermarks.watermark(0)).toEqual({ watermarkMs: null, isIdle: true });
  watermarks.observe(0, 100_000, 100_000);
  watermarks.observe(1, 90_000, 100_000);
  expect(watermarks.watermark(100_000)).toEqual({ watermarkMs: 85_000, isIdle: false });
  watermarks.observe(0, 125_000, 125_000);
  expect(watermarks.watermark(130_000)).toEqual({ watermarkMs: 85_000, isIdle: false });
  expect(watermarks.watermark(130_001)).toEqual({ watermarkMs: 120_000, isIdle: false });
  expect(watermarks.maxTimeMs(1)).toBe(90_000);
  expect(watermarks.maxTimeMs(7)).toBeNull();
});

test("what is remembered of the last look changes nothing: it is what all series say, whenever it is asked", () => {
  const step = fc.record({
    kind: fc.constantFrom("reading", "reading", "time", "time", "retire", "clock"),
    series: fc.nat(4),
    lateMs: fc.integer({ min: -6_000, max: 60_000 }),
    passMs: fc.oneof(fc.nat(3_000), fc.integer({ min: -2_000, max: 90_000 })),
    isProven: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const watermarks = new SeriesWatermarks(options);
      let nowMs = 1_000_000;
      watermarks.observe(0, nowMs, nowMs);
      for (const { kind, series, lateMs, passMs, isProven } of steps) {
        const fromMs = nowMs;
        nowMs += passMs;
        if (kind === "reading") watermarks.observe(series, nowMs - lateMs, nowMs);
        else if (kind === "retire") watermarks.retire(series);
        else if (kind === "clock") watermarks.setClock({ fromMs, nowMs, latestMs: nowMs + 5_000 });
        const afresh = new SeriesWatermarks(options, JSON.parse(JSON.stringify(watermarks.export())));
        expect(watermarks.watermark(nowMs, isProven)).toEqual(afresh.watermark(nowMs, isProven));
      }
    }),
  );
});

test("when all series are idle the watermark follows the clock", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 0, 0);
  expect(watermarks.watermark(30_001)).toEqual({ watermarkMs: 25_001, isIdle: true });
  expect(watermarks.watermark(40_000)).toEqual({ watermarkMs: 35_000, isIdle: true });
  watermarks.observe(0, 36_000, 41_000);
  expect(watermarks.watermark(41_000)).toEqual({ watermarkMs: 35_000, isIdle: false });
});

test("a clock that nobody has proven moves no idle watermark; readings still do", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 0, 0);
  expect(watermarks.watermark(0, false)).toEqual({ watermarkMs: -5_000, isIdle: false });
  expect(watermarks.watermark(90_000_000, false)).toEqual({ watermarkMs: -5_000, isIdle: true });
  watermarks.observe(0, 2_000, 90_000_000);
  expect(watermarks.watermark(90_000_000, false)).toEqual({ watermarkMs: -3_000, isIdle: false });
  expect(watermarks.watermark(900_000_000)).toEqual({ watermarkMs: 899_995_000, isIdle: true });
});

test("an agent that never had a reading passes: idle from its start, it follows the clock and never goes back", () => {
  const watermarks = new SeriesWatermarks(options);
  expect(watermarks.watermark(100_000)).toEqual({ watermarkMs: null, isIdle: true });
  expect(watermarks.watermark(130_000)).toEqual({ watermarkMs: null, isIdle: true });
  expect(watermarks.watermark(130_001)).toEqual({ watermarkMs: 125_001, isIdle: true });
  expect(watermarks.watermark(90_000)).toEqual({ watermarkMs: 125_001, isIdle: true });
  const restarted = new SeriesWatermarks(options, JSON.parse(JSON.stringify(watermarks.export())));
  expect(restarted.watermark(140_000)).toEqual({ watermarkMs: 125_001, isIdle: true });
  expect(restarted.watermark(170_001)).toEqual({ watermarkMs: 165_001, isIdle: true });
  restarted.observe(0, 171_000, 171_000);
  expect(restarted.watermark(171_000)).toEqual({ watermarkMs: 166_000, isIdle: false });
});

test("a clock that goes back at the start does not stretch the wait of an agent without readings", () => {
  const watermarks = new SeriesWatermarks(options);
  expect(watermarks.watermark(3_700_000)).toEqual({ watermarkMs: null, isIdle: true });
  expect(watermarks.watermark(100_000)).toEqual({ watermarkMs: null, isIdle: true });
  expect(watermarks.watermark(130_001)).toEqual({ watermarkMs: 125_001, isIdle: true });
});

test("a slow series is not idle before three of its usual intervals, and one outage does not make it slow", () => {
  const slow = new SeriesWatermarks(options);
  for (let timeMs = 0; timeMs <= 600_000; timeMs += 60_000) slow.observe(0, timeMs, timeMs);
  expect(slow.isIdle(0, 780_000)).toBe(false);
  expect(slow.isIdle(0, 780_001)).toBe(true);
  const quick = new SeriesWatermarks(options);
  for (let timeMs = 0; timeMs <= 60_000; timeMs += 1_000) quick.observe(0, timeMs, timeMs);
  quick.observe(0, 7_200_000, 7_200_000);
  expect(quick.isIdle(0, 7_230_001)).toBe(true);
});

test("a series that sends a hundred readings once a minute is not idle between its messages", () => {
  const [byRun, byReading] = [new SeriesWatermarks(options), new SeriesWatermarks(options)];
  for (let nowMs = 0; nowMs <= 600_000; nowMs += 60_000) {
    const timesMs = Float64Array.from({ length: 100 }, (_, index) => nowMs - index * 600);
    byRun.observeRun(0, timesMs, { count: 100, nowMs });
    for (const timeMs of timesMs) byReading.observe(0, timeMs, nowMs);
    expect(byRun.export()).toEqual(byReading.export());
  }
  expect(byRun.isIdle(0, 780_000)).toBe(false);
  expect(byRun.isIdle(0, 780_001)).toBe(true);
});

test("one long gap makes no habit: two readings eight hours apart hold the watermark for the idle timeout", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 0, 0);
  watermarks.observe(0, 28_800_000, 28_800_000);
  expect(watermarks.isIdle(0, 28_830_001)).toBe(true);
});

test("a day between a wrong clock's reading and the first right one counts as four idle timeouts", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 0, 0);
  for (let timeMs = 86_400_000; timeMs <= 86_402_000; timeMs += 1_000) watermarks.observe(0, timeMs, timeMs);
  // The usual interval is below four idle timeouts, a series is idle after three of it.
  expect(watermarks.isIdle(0, 86_402_000 + 3 * 4 * 30_000)).toBe(true);
});

test("a series of one reading an hour is waited for once its habit is known", () => {
  const watermarks = new SeriesWatermarks(options);
  for (let hour = 0; hour <= 24; hour++) watermarks.observe(0, hour * 3_600_000, hour * 3_600_000);
  expect(watermarks.isIdle(0, 26 * 3_600_000)).toBe(false);
});

test("it names the series that holds the watermark, and how long still", () => {
  const watermarks = new SeriesWatermarks(options);
  expect(watermarks.heldBy(0)).toBeNull();
  watermarks.observe(0, 100_000, 100_000);
  watermarks.observe(1, 90_000, 101_000);
  expect(watermarks.heldBy(110_000)).toEqual({ series: 1, idleInMs: 21_000 });
  watermarks.observe(0, 125_000, 125_000);
  expect(watermarks.heldBy(131_001)).toEqual({ series: 0, idleInMs: 23_999 });
  expect(watermarks.heldBy(155_001)).toBeNull();
});

test("a state from before gaps were counted keeps its habits", () => {
  const watermarks = new SeriesWatermarks(options);
  for (let timeMs = 0; timeMs <= 600_000; timeMs += 60_000) watermarks.observe(0, timeMs, timeMs);
  const { gapCount: _, ...older } = watermarks.export();
  const restored = new SeriesWatermarks(options, older);
  expect(restored.isIdle(0, 780_000)).toBe(false);
  expect(restored.isIdle(0, 780_001)).toBe(true);
});

test("a clock proven right takes back what a wrong one promised, and nothing else", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 1_000_000, 1_000_000);
  watermarks.observe(1, 103_000, 1_000_000);
  expect(watermarks.watermark(1_031_000)).toEqual({ watermarkMs: 1_026_000, isIdle: true });
  watermarks.setClock({ fromMs: 1_031_000, nowMs: 101_000, latestMs: 106_000 });
  expect([watermarks.maxTimeMs(0), watermarks.maxTimeMs(1)]).toEqual([101_000, 103_000]);
  expect(watermarks.watermark(101_000)).toEqual({ watermarkMs: 96_000, isIdle: true });
  watermarks.observe(0, 102_000, 102_000);
  expect(watermarks.watermark(102_000)).toEqual({ watermarkMs: 97_000, isIdle: false });
  watermarks.setClock({ fromMs: 102_000, nowMs: 98_000, latestMs: 103_000 });
  expect(watermarks.watermark(98_000)).toEqual({ watermarkMs: 97_000, isIdle: false });
});

test("a clock that is set changes nothing about how long a series has been silent", () => {
  const watermarks = new SeriesWatermarks(options);
  watermarks.observe(0, 1_000, 1_000);
  watermarks.setClock({ fromMs: 21_000, nowMs: 9_021_000, latestMs: 9_026_000 });
  expect(watermarks.watermark(9_031_000)).toEqual({ watermarkMs: -4_000, isIdle: false });
  expect(watermarks.watermark(9_031_001)).toEqual({ watermarkMs: 9_026_001, isIdle: true });
});

test("the watermark never goes back, and a restored one goes on as if never interrupted", () => {
  const observation = fc.record({
    series: fc.integer({ min: 0, max: 5 }),
    timeMs: fc.integer({ min: -1e6, max: 1e6 }),
    clockMs: fc.integer({ min: -5_000, max: 60_000 }),
    isRestart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 60 }), (observations) => {
      const whole = new SeriesWatermarks(options);
      let interrupted = new SeriesWatermarks(options);
      let nowMs = 0;
      let previousMs = -Infinity;
      for (const { series, timeMs, clockMs, isRestart } of observations) {
        nowMs += clockMs;
        whole.observe(series, timeMs, nowMs);
        if (isRestart)
          interrupted = new SeriesWatermarks(options, JSON.parse(JSON.stringify(interrupted.export())));
        interrupted.observe(series, timeMs, nowMs);
        const watermark = whole.watermark(nowMs);
        expect(interrupted.watermark(nowMs)).toEqual(watermark);
        expect(watermark.watermarkMs).toBeGreaterThanOrEqual(previousMs);
        previousMs = watermark.watermarkMs!;
      }
    }),
  );
});
