// What befalls messages is as was asked: lateness has its distribution, shares are the shares, silence holds everything back,
// and whatever is spoilt is one rejection to the agent's own decoders.
import { Payload, payloadDecoder, type PayloadSpec } from "@millrace/wire";
import fc from "fast-check";
import { mean, median, quantile } from "simple-statistics";
import { expect, test } from "vitest";
import { encodeReadings } from "../format/encode-readings.ts";
import type { ReadingFormat } from "../format/reading-format.ts";
import { RandomStream } from "../signal/random-stream.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { DAMAGES, damagePayload, damagesOf } from "./damage-payload.ts";
import type { DeliveryPlan, LatenessPlan } from "./delivery-plan.ts";
import { DueQueue } from "../due-queue.ts";
import { drawLateness } from "./draw-lateness.ts";
import { type MessageFate, MessageFates } from "./message-fates.ts";
import { Silences } from "./silences.ts";

const COUNT = 200_000;
const HOUR = 3_600_000;

function latenessOf(plan: LatenessPlan): number[] {
  const random = new RandomStream("lateness");
  return Array.from({ length: COUNT }, () => drawLateness(plan, random));
}

test("uniform lateness: between its ends", () => {
  const ms = latenessOf({ distribution: "uniform", fromMs: 1_000, maxMs: 5_000 });
  expect(Math.min(...ms.slice(0, 50_000))).toBeGreaterThanOrEqual(1_000);
  expect(ms.every((each) => each < 5_000)).toBe(true);
  expect(mean(ms)).toBeCloseTo(3_000, -2);
});

test("exponential lateness: its mean, and as much again above its median as below", () => {
  const ms = latenessOf({ distribution: "exponential", meanMs: 2_000, maxMs: HOUR });
  expect(mean(ms) / 2_000).toBeCloseTo(1, 1);
  expect(median(ms) / (2_000 * Math.LN2)).toBeCloseTo(1, 1);
});

test("lognormal lateness: median and sigma", () => {
  const ms = latenessOf({ distribution: "lognormal", medianMs: 5_000, sigma: 0.8, maxMs: HOUR });
  expect(median(ms) / 5_000).toBeCloseTo(1, 1);
  expect(Math.log(quantile(ms, 0.8413) / median(ms))).toBeCloseTo(0.8, 1);
});

test("Pareto lateness: a least, a tail of its shape, and a cap that holds", () => {
  const plan = { distribution: "pareto", leastMs: 1_000, shape: 1.5, maxMs: HOUR } as const;
  const ms = latenessOf(plan);
  expect(Math.min(...ms.slice(0, 50_000))).toBe(1_000);
  // Longer than ten times the least: 10^−1.5 of all.
  expect(ms.filter((each) => each > 10_000).length / COUNT).toBeCloseTo(10 ** -1.5, 2);
  expect(latenessOf({ ...plan, maxMs: 3_000 }).every((each) => each <= 3_000)).toBe(true);
});

const PLAN: DeliveryPlan = {
  lateness: { distribution: "none" },
  reorder: { probability: 0.2, byMs: 500 },
  duplicates: { probability: 0.05, withinMs: 2_000 },
  lossProbability: 0.1,
  silence: null,
  malformed: { probability: 0.03, kinds: DAMAGES },
};

function fatesOf(plan: DeliveryPlan, mayBeLost: boolean): MessageFate[] {
  const fates = new MessageFates({ plan, name: "fates", mayBeLost, damages: DAMAGES });
  return Array.from({ length: COUNT }, () => fates.next());
}

test("loss, spoiling, repetition and disorder happen to the shares that were asked", () => {
  const fates = fatesOf(PLAN, true);
  const share = (is: (fate: MessageFate) => boolean): number => fates.filter(is).length / COUNT;
  expect(share(({ isLost }) => isLost)).toBeCloseTo(0.1, 2);
  expect(share(({ damage }) => damage !== null)).toBeCloseTo(0.9 * 0.03, 3);
  expect(share(({ againMs }) => againMs !== null)).toBeCloseTo(0.9 * 0.97 * 0.05, 2);
  expect(share(({ lateMs }) => lateMs > 0)).toBeCloseTo(0.2, 2);
  expect(Math.max(...fates.map(({ lateMs }) => lateMs).slice(0, 50_000))).toBeLessThan(500);
  for (const kind of DAMAGES) expect(share(({ damage }) => damage === kind)).toBeCloseTo(0.0054, 2);
});

test("what may not be lost meets the same fate otherwise: one setting changes nothing in the others", () => {
  const [lossy, sure] = [fatesOf(PLAN, true), fatesOf(PLAN, false)];
  expect(sure.some(({ isLost }) => isLost)).toBe(false);
  const differs = (one: MessageFate, index: number): boolean => {
    const other = lossy[index];
    if (other.isLost) return one.lateMs !== other.lateMs;
    return JSON.stringify(one) !== JSON.stringify(other);
  };
  expect(sure.findIndex(differs)).toBe(-1);
});

test("silences: what is said in one gets through at its end, and they are as long and as frequent as asked", () => {
  const plan = { everyMs: 60_000, forMs: [5_000, 15_000] } as const;
  const silences = new Silences(plan, "silence", 0);
  const ends = new Map<number, number>();
  let heldCount = 0;
  const stepMs = 100;
  for (let timeMs = 0; timeMs < 1_000 * 70_000; timeMs += stepMs) {
    const endMs = silences.endMs(timeMs);
    if (endMs === timeMs) continue;
    if (endMs < timeMs) throw new Error(`what is said at ${timeMs} would come before it is said`);
    heldCount += 1;
    ends.set(endMs, Math.max(ends.get(endMs) ?? 0, endMs - timeMs));
  }
  expect(ends.size / 1_000).toBeCloseTo(1, 1);
  expect((heldCount * stepMs) / ends.size / 10_000).toBeCloseTo(1, 1);
  expect(Math.max(...ends.values())).toBeLessThanOrEqual(15_001);
});

test("what is on its way leaves by its time, and in its order where that is the same", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), fc.integer({ min: 0, max: 20 }), (dues, until) => {
      const queue = new DueQueue<{ due: number; index: number }>();
      for (const [index, due] of dues.entries()) queue.push(due, { due, index });
      const sorted = dues
        .map((due, index) => ({ due, index }))
        .sort((one, other) => one.due - other.due || one.index - other.index);
      const early = [...queue.take(until)];
      expect(early).toEqual(sorted.filter(({ due }) => due <= until));
      expect(queue.nextMs).toBe(sorted[early.length]?.due ?? Infinity);
      expect([...queue.take(Infinity)]).toEqual(sorted.slice(early.length));
      expect(queue.size).toBe(0);
    }),
  );
});

const time = { path: "$.ts", unit: "ms" } as const;
const SPECS: Record<Exclude<ReadingFormat, "sparkplug">, PayloadSpec> = {
  json: { kind: "json", value: "$.temperature", time },
  array: { kind: "json", each: "$.readings", value: "$.temperature", time },
  number: { kind: "number" },
  senml: { kind: "senml", name: "urn:millrace:{machine}:temperature", read: "value" },
  influx: { kind: "influx", measurement: "machine", field: "temperature", precision: "ns" },
  csv: { kind: "csv", delimiter: ",", value: "value", time: { column: "ts", unit: "ms" } },
};

test.each(Object.entries(SPECS))("%s: whatever is spoilt is one rejection and no reading", (name, spec) => {
  const format = name as Exclude<ReadingFormat, "sparkplug">;
  const place = { type: "reading", site: "alpha", line: "line-1", machine: "machine-7" } as const;
  for (const damage of damagesOf(format, DAMAGES, false)) {
    for (const value of [60.125, -3, 0, 1e-7, 12_345.678]) {
      const readings: TruthReading[] = [1, 2, 3].map((index) => ({
        ...place,
        metric: "temperature",
        time: 1_767_225_600_000 + index,
        value,
      }));
      const sent = format === "json" || format === "number" ? readings.slice(0, 1) : readings;
      const whole = encodeReadings(format, sent, { hasPlace: false });
      const payload = new Payload(Buffer.from(damagePayload(whole, format, damage)), 0);
      const decoded = [...payloadDecoder(spec).decode(payload), ...payload.failures];
      // A payload in which there is nothing at all is rejected as one too.
      expect([damage, decoded.filter(({ ok }) => ok).length, Math.max(1, decoded.length)]).toEqual([
        damage,
        0,
        1,
      ]);
    }
  }
  expect(damagesOf(format, DAMAGES, true)).not.toContain("empty");
});
