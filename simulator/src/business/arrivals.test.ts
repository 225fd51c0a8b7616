// What everything is drawn from: arrivals are Poisson whatever the rate does, choices and amounts have the shares that were
// asked for, and what falls due comes in order.
import { mean, sampleCorrelation, sampleStandardDeviation, sampleVariance } from "simple-statistics";
import { expect, test } from "vitest";
import { RandomStream } from "../signal/random-stream.ts";
import { Arrivals } from "./arrivals.ts";
import { centsText } from "./cents-text.ts";
import { DailyCurve } from "./daily-curve.ts";
import { DueQueue } from "../due-queue.ts";
import { LognormalAmount } from "./lognormal-amount.ts";
import { unitExponential } from "./unit-exponential.ts";
import { WallClock } from "./wall-clock.ts";
import { WeightedChoice } from "./weighted-choice.ts";

const START_MS = 1_767_571_200_000;

function timesOf(rateOf: (timeMs: number) => number, count: number, startMs = START_MS): number[] {
  const arrivals = new Arrivals(rateOf, new RandomStream("arrivals"), startMs);
  return Array.from({ length: count }, () => {
    const timeMs = arrivals.nextMs;
    arrivals.advance();
    return timeMs;
  });
}

const autocorrelation = (values: readonly number[], lag: number): number =>
  sampleCorrelation(values.slice(lag), values.slice(0, -lag));

/** Largest distance of the values' distribution from that of an exponential of mean 1, times √n. */
function kolmogorov(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const distances = sorted.map((value, index) => {
    const expected = 1 - Math.exp(-value);
    return Math.max(expected - index / sorted.length, (index + 1) / sorted.length - expected);
  });
  return Math.max(...distances) * Math.sqrt(sorted.length);
}

test.each([0.02, 3, 5_000])("at %s a second, gaps are exponential and forget each other", (perSecond) => {
  const times = timesOf(() => perSecond, 40_000);
  const gaps = times.slice(1).map((time, at) => ((time - times[at]) * perSecond) / 1_000);
  expect(mean(gaps)).toBeCloseTo(1, 1);
  // 1.63: one of a hundred samples is further away.
  expect(kolmogorov(gaps)).toBeLessThan(1.63);
  for (const lag of [1, 2, 10]) expect(Math.abs(autocorrelation(gaps, lag))).toBeLessThan(0.02);
});

test("counts of seconds are Poisson: their variance is their mean, and none tells of the next", () => {
  const times = timesOf(() => 20, 400_000);
  const counts = new Array<number>(19_000).fill(0);
  for (const time of times) {
    const second = Math.floor((time - START_MS) / 1_000);
    if (second < counts.length) counts[second] += 1;
  }
  expect(mean(counts)).toBeCloseTo(20, 0);
  expect(sampleVariance(counts) / mean(counts)).toBeGreaterThan(0.96);
  expect(sampleVariance(counts) / mean(counts)).toBeLessThan(1.04);
  for (const lag of [1, 2, 60]) expect(Math.abs(autocorrelation(counts, lag))).toBeLessThan(0.03);
});

test("millions a second are as many as they should be", () => {
  const times = timesOf(() => 20_000_000, 1_000_000);
  expect(Math.abs(times[times.length - 1] - START_MS - 50)).toBeLessThan(0.2);
});

test("where the rate changes, time stretched by the rate is that of a constant one", () => {
  // A minute of nothing, then a second's jump to a hundred times the rate.
  const rateOf = (timeMs: number): number => {
    const second = Math.floor((timeMs - START_MS) / 1_000) % 120;
    return second < 60 ? 0 : second < 90 ? 5 : 500;
  };
  const integrated = (timeMs: number): number => {
    const whole = Math.floor((timeMs - START_MS) / 120_000);
    const second = (timeMs - START_MS) / 1_000 - whole * 120;
    return whole * 15_150 + Math.min(30, Math.max(0, second - 60)) * 5 + Math.max(0, second - 90) * 500;
  };
  const times = timesOf(rateOf, 60_000);
  const gaps = times.slice(1).map((time, at) => integrated(time) - integrated(times[at]));
  expect(kolmogorov(gaps)).toBeLessThan(1.63);
  expect(times.filter((time) => rateOf(time) === 0)).toEqual([]);
});

test("an exponential is that of the logarithm, from the first uniform number to the last", () => {
  const random = new RandomStream("exponential");
  const uniforms = Array.from({ length: 100_000 }, () => random.uniform());
  for (const uniform of [...uniforms, 0, 2 ** -32, 0.5, 0.5 - 2 ** -32, 1 - 2 ** -32])
    expect(Math.abs(unitExponential(uniform) + Math.log1p(-uniform))).toBeLessThan(2e-13);
  expect(unitExponential(2 ** -32)).toBeGreaterThan(0);
});

test("one of many is chosen by its weight, and one without a weight never", () => {
  const weights = [5, 0, 1, 10, 0.5, 3.5];
  const choice = new WeightedChoice(weights);
  const counts = weights.map(() => 0);
  const random = new RandomStream("choice");
  for (let turn = 0; turn < 200_000; turn += 1) counts[choice.at(random.uniform())] += 1;
  weights.forEach((weight, index) => {
    const expected = (200_000 * weight) / 20;
    expect(Math.abs(counts[index] - expected)).toBeLessThanOrEqual(4 * Math.sqrt(expected));
  });
});

test("amounts are lognormal: mean and deviation of the logarithm, and the tails", () => {
  const amount = new LognormalAmount(159, 0.7);
  const random = new RandomStream("amount");
  const logs = Array.from({ length: 200_000 }, () => Math.log(amount.centsAt(random.uniform()) / 100));
  expect(Math.abs(mean(logs) - Math.log(159))).toBeLessThan(0.007);
  expect(Math.abs(sampleStandardDeviation(logs) - 0.7)).toBeLessThan(0.005);
  const standard = logs.map((log) => (log - Math.log(159)) / 0.7);
  for (const [limit, share] of [
    [1, 0.1587],
    [2, 0.02275],
    [3, 0.00135],
  ]) {
    for (const sign of [1, -1]) {
      const beyond = standard.filter((each) => sign * each > limit).length;
      expect(Math.abs(beyond - 200_000 * share)).toBeLessThan(4 * Math.sqrt(200_000 * share));
    }
  }
  expect(new LognormalAmount(0.02, 2).centsAt(0)).toBe(1);
});

test("cents are written as JSON writes them", () => {
  for (const cents of [1, 5, 10, 99, 100, 101, 110, 123_45, 99_999_990, 2 ** 40])
    expect(centsText(cents)).toBe(JSON.stringify(cents / 100));
});

test("what falls due comes by its time, of one time what came first", () => {
  const queue = new DueQueue<number>();
  const random = new RandomStream("due");
  const waiting: { timeMs: number; item: number }[] = [];
  for (let item = 0; item < 5_000; item += 1) {
    const timeMs = Math.floor(random.uniform() * 50);
    queue.push(timeMs, item);
    waiting.push({ timeMs, item });
    if (random.uniform() < 0.4) {
      waiting.sort((one, other) => one.timeMs - other.timeMs || one.item - other.item);
      expect(queue.nextMs).toBe(waiting[0].timeMs);
      expect(queue.pop()).toBe(waiting.shift()?.item);
    }
  }
  waiting.sort((one, other) => one.timeMs - other.timeMs || one.item - other.item);
  expect(waiting.map(() => queue.pop())).toEqual(waiting.map(({ item }) => item));
  expect([queue.nextMs, queue.pop(), queue.size]).toEqual([Infinity, undefined, 0]);
});

test("a day's curve goes through its hours' middles and has the mean 1", () => {
  const hours = Array.from({ length: 24 }, (_, hour) => (hour === 12 ? 25 : 1));
  const curve = new DailyCurve(hours, new WallClock("Asia/Shanghai"));
  const noon = Date.UTC(2026, 0, 5, 4, 30);
  expect(curve.levelAt(noon)).toBeCloseTo(12.5, 9);
  expect(curve.levelAt(noon + 1_800_000)).toBeCloseTo((12.5 + 0.5) / 2, 9);
  expect(curve.levelAt(noon + 43_200_000)).toBeCloseTo(0.5, 9);
  const levels = Array.from({ length: 1_440 }, (_, minute) =>
    curve.levelAt(START_MS + (minute + 0.5) * 60_000),
  );
  expect(mean(levels)).toBeCloseTo(1, 6);
});

test("a wall clock shows its zone's time, through summer time and half hours", () => {
  const shanghai = new WallClock("Asia/Shanghai");
  expect(shanghai.textOf(Date.UTC(2023, 9, 11, 4, 0, 1, 999))).toBe("2023-10-11 12:00:01");
  expect(shanghai.nextMidnightMs(Date.UTC(2025, 10, 10, 14))).toBe(Date.UTC(2025, 10, 10, 16));
  const berlin = new WallClock("Europe/Berlin");
  expect(berlin.textOf(Date.UTC(2026, 2, 29, 0, 59, 59))).toBe("2026-03-29 01:59:59");
  expect(berlin.textOf(Date.UTC(2026, 2, 29, 1))).toBe("2026-03-29 03:00:00");
  expect(berlin.midnightMs(Date.UTC(2026, 2, 30))).toBe(Date.UTC(2026, 2, 29, 22));
  const kathmandu = new WallClock("Asia/Kathmandu");
  expect(kathmandu.textOf(Date.UTC(2026, 0, 1))).toBe("2026-01-01 05:45:00");
  expect(kathmandu.hourOfDay(Date.UTC(2026, 0, 1, 18, 15))).toBe(0);
  expect(() => new WallClock("Asia/Beijing2")).toThrow(RangeError);
});
