// A recording holds the readings of its time and its series, in order of arrival, and says where some are missing.
import type { AlarmEvent } from "@millrace/detect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RING_READING_BYTES, ReadingRing } from "./reading-ring.ts";
import { makeRecording, RECORDING_READINGS_MAX, type RecordingPlan } from "./recording.ts";

const ALARM: AlarmEvent = {
  id: "hot/1",
  step: 1,
  rule: "hot",
  metric: "temperature",
  labels: { machine: "m1" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 1_000,
  clearedAtMs: null,
  timeMs: 1_000,
  value: 99,
  limit: 90,
  action: "none",
  command: null,
  message: "hot",
};
const series = new Map(
  [1, 2].map(
    (index) => [index, { metric: `metric ${index}`, labels: { machine: "m1" }, unit: "°C" }] as const,
  ),
);
const plan: RecordingPlan = {
  alarm: ALARM,
  fromMs: 500,
  toMs: 1_500,
  series,
  ringSinceMs: 0,
  isEarly: false,
};

interface Recording {
  readonly isCut: boolean;
  readonly series: readonly {
    readonly metric: string;
    readonly timeMs: number[];
    readonly values: number[];
    readonly quality?: string[];
  }[];
}

function record(ring: ReadingRing, changed: Partial<RecordingPlan> = {}, betweenSteps = () => {}): Recording {
  const steps = makeRecording(ring, { ...plan, ...changed });
  let next = steps.next();
  while (next.done !== true) {
    betweenSteps();
    next = steps.next();
  }
  return JSON.parse(new TextDecoder().decode(next.value));
}

const ringOf = (capacity: number) => new ReadingRing(capacity * RING_READING_BYTES);

test("whatever came, in whatever order: what is in the ring, of its series and time", () => {
  const reading = fc.tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 0, max: 2_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.nat(2),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(reading, { maxLength: 80 }),
      (capacity, readings) => {
        const ring = ringOf(capacity);
        for (const [index, timeMs, value, quality] of readings) ring.add(index, timeMs, value, quality);
        const recording = record(ring);
        const held = readings.slice(-capacity);
        for (const [index, { metric }] of series) {
          const wanted = held.filter(([of, timeMs]) => of === index && timeMs >= 500 && timeMs <= 1_500);
          const found = recording.series.find((each) => each.metric === metric);
          expect(found?.timeMs ?? []).toEqual(wanted.map(([, timeMs]) => timeMs));
          // JSON knows no negative zero.
          expect(found?.values ?? []).toEqual(wanted.map(([, , value]) => value + 0));
          const isGood = wanted.every(([, , , quality]) => quality === 0);
          expect(found?.quality).toEqual(
            isGood ? undefined : wanted.map(([, , , quality]) => ["good", "uncertain", "bad"][quality]),
          );
        }
      },
    ),
  );
});

test("it is cut where the ring does not reach as far, the agent was not running, or it stops", () => {
  const ring = ringOf(10);
  for (let timeMs = 400; timeMs < 1_400; timeMs += 100) ring.add(1, timeMs, 1, 0);
  expect(record(ring).isCut).toBe(false);
  expect(record(ring, { isEarly: true }).isCut).toBe(true);
  expect(record(ring, { ringSinceMs: 501 }).isCut).toBe(true);
  ring.add(1, 1_400, 1, 0);
  expect(record(ring)).toMatchObject({ isCut: false });
  ring.add(1, 1_500, 1, 0);
  expect(record(ring)).toMatchObject({ isCut: true });
});

test("of too many readings the latest are in it", () => {
  const ring = ringOf(RECORDING_READINGS_MAX + 500);
  for (let count = 0; count < RECORDING_READINGS_MAX + 400; count += 1) ring.add(1, 1_000, count, 0);
  const recording = record(ring);
  expect(recording.isCut).toBe(true);
  expect(recording.series[0].values).toHaveLength(RECORDING_READINGS_MAX);
  expect(recording.series[0].values.at(-1)).toBe(RECORDING_READINGS_MAX + 399);
});

test("readings that come while it is made overwrite the oldest, and never end up in place of others", () => {
  const ring = ringOf(50_000);
  for (let count = 0; count < 50_000; count += 1) ring.add(1, 1_000, count, 0);
  let stepCount = 0;
  const recording = record(ring, {}, () => {
    stepCount += 1;
    for (let count = 0; count < 10_000; count += 1) ring.add(1, 1_000, -1, 0);
  });
  expect(stepCount).toBeGreaterThan(5);
  const { values } = recording.series[0];
  expect(values.at(-1)).toBe(49_999);
  expect(values.every((value, index) => value === 50_000 - values.length + index)).toBe(true);
});
