// Which alarms get a recording, of which series, and when.
import type { AlarmEvent } from "@millrace/detect";
import { loadPipeline } from "@millrace/config";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { renderRecorder } from "../commands/status.ts";
import { SeriesRegistry } from "../intake/series-registry.ts";
import type { Evidence } from "./evidence-sealer.ts";
import { RING_READING_BYTES } from "./reading-ring.ts";
import { FlightRecorder, RECORDINGS_WAITING_MAX } from "./flight-recorder.ts";

const START_MS = 1_700_000_000_000;
const PIPELINE = `
version: 1
metrics:
  temperature: { unit: °C, from: { topic: "f/{site}/{line}/{machine}/temperature", number: {} } }
  pressure: { unit: bar, from: { topic: "f/{site}/{line}/{machine}/pressure", number: {} } }
windows:
  by_line: { metric: temperature, size: 1m, by: [site, line] }
rules:
  hot: { metric: temperature, when: { above: 90 }, severity: 900 }
  warm_line: { window: by_line, value: mean, when: { above: 50 }, severity: 500 }
`;

function bench(bytesMax = 100_000) {
  const time = new SimulatedTime(START_MS);
  const registry = new SeriesRegistry({ seriesPerMetricMax: 100 });
  const offered: Evidence[] = [];
  const recorder = new FlightRecorder({
    bytesMax,
    beforeMs: 10_000,
    afterMs: 5_000,
    by: ["site", "line", "machine"],
    pipeline: loadPipeline("/pipeline.yaml", { readFile: () => PIPELINE }).config,
    series: registry,
    clock: time.clock(),
    nowMs: () => time.nowMs,
    offer: (evidence) => offered.push(evidence) > 0,
  });
  const tick = (): void => {
    recorder.tick();
    time.after(250, tick);
  };
  tick();
  const read = (metric: string, line: string, machine: string, value: number) => {
    const series = registry.resolve(metric, { site: "alpha", line, machine });
    if (series !== undefined) recorder.ring.add(series.index, time.nowMs, value, 0);
  };
  const raise = (changed: Partial<AlarmEvent> = {}) => {
    const event = { ...HOT, activeAtMs: time.nowMs, timeMs: time.nowMs, ...changed };
    recorder.heed([{ type: "event", event, isActionStep: false }]);
  };
  const recordings = () =>
    offered.map(
      ({ payload }): { isCut: boolean; series: { metric: string; labels: object; values: number[] }[] } =>
        JSON.parse(new TextDecoder().decode(payload)),
    );
  return { time, recorder, read, raise, offered, recordings };
}

const HOT: AlarmEvent = {
  id: "hot/1",
  step: 1,
  rule: "hot",
  metric: "temperature",
  labels: { site: "alpha", line: "1", machine: "m1" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 0,
  clearedAtMs: null,
  timeMs: 0,
  value: 99,
  limit: 90,
  action: "none",
  command: null,
  message: "hot",
};

test("the alarm's own series and its machine's others, once the time after it has passed", async () => {
  const { time, read, raise, offered, recordings } = bench();
  await time.run(20_000);
  for (const [metric, line, machine] of [
    ["pressure", "1", "m1"],
    ["temperature", "1", "m1"],
    ["temperature", "1", "m2"],
    ["temperature", "2", "m1"],
  ] as const)
    read(metric, line, machine, 1);
  raise();
  await time.run(5_000);
  read("temperature", "1", "m1", 2);
  expect(offered).toEqual([]);
  await time.run(1_500);
  const raisedAtMs = START_MS + 20_000;
  expect(offered).toMatchObject([
    {
      kind: "recording",
      name: "hot",
      alarm: "hot/1",
      startMs: raisedAtMs - 10_000,
      endMs: raisedAtMs + 5_000,
    },
  ]);
  expect(recordings()).toMatchObject([
    {
      isCut: false,
      series: [
        { metric: "temperature", labels: { line: "1", machine: "m1" }, values: [1, 2] },
        { metric: "pressure", labels: { line: "1", machine: "m1" }, values: [1] },
      ],
    },
  ]);
});

test("the alarm of a window: all that is in its group", async () => {
  const { time, read, raise, recordings } = bench();
  for (const machine of ["m1", "m2"]) read("temperature", "1", machine, 1);
  read("temperature", "2", "m1", 1);
  raise({ rule: "warm_line", metric: "", labels: { site: "alpha", line: "1" } });
  await time.run(7_000);
  expect(recordings()[0].series.map(({ labels }) => labels)).toEqual([
    { site: "alpha", line: "1", machine: "m1" },
    { site: "alpha", line: "1", machine: "m2" },
  ]);
});

test("one for each activation: not for later steps, historical alarms, or the end", async () => {
  const { time, raise, offered } = bench();
  await time.run(1_000);
  const activeAtMs = time.nowMs;
  raise({ isHistorical: true });
  raise({ isActive: false });
  raise({ clearedAtMs: time.nowMs });
  raise({ activeAtMs: time.nowMs - 1 });
  await time.run(10_000);
  expect(offered).toEqual([]);
  raise({ activeAtMs, timeMs: activeAtMs });
  raise({ activeAtMs, timeMs: activeAtMs, step: 2 });
  await time.run(10_000);
  raise({ activeAtMs, timeMs: activeAtMs, step: 3 });
  await time.run(10_000);
  expect(offered).toHaveLength(1);
  raise();
  await time.run(10_000);
  expect(offered).toHaveLength(2);
});

test("a historical alarm has one once a reading of now has met it: around that reading", async () => {
  const { time, recorder, raise, offered } = bench();
  await time.run(20_000);
  const activeAtMs = time.nowMs - 60_000;
  raise({ activeAtMs, timeMs: activeAtMs, isHistorical: true });
  recorder.remember([{ ...HOT, id: "hot/2", activeAtMs, isHistorical: true }]);
  await time.run(10_000);
  for (const id of ["hot/1", "hot/2"])
    for (const step of [2, 3]) raise({ id, step, activeAtMs, timeMs: time.nowMs });
  const provenAtMs = time.nowMs;
  await time.run(10_000);
  expect(offered).toMatchObject([
    { alarm: "hot/1", startMs: provenAtMs - 10_000, endMs: provenAtMs + 5_000 },
    { alarm: "hot/2", startMs: provenAtMs - 10_000, endMs: provenAtMs + 5_000 },
  ]);
});

test("a storm of alarms: as many as may wait, the others are counted", async () => {
  const { time, recorder, raise, offered } = bench();
  for (let number = 0; number < RECORDINGS_WAITING_MAX + 5; number += 1) raise({ id: `hot/${number}` });
  expect(recorder.status()).toMatchObject({ recorded: 0, dropped: 5 });
  await time.run(60_000);
  expect(offered).toHaveLength(RECORDINGS_WAITING_MAX);
  expect(recorder.status()).toMatchObject({ recorded: RECORDINGS_WAITING_MAX, dropped: 5 });
});

test("a memory that does not reach as far back as recordings want says so, by how much, and in each", async () => {
  const { time, recorder, read, raise, recordings } = bench(100 * RING_READING_BYTES);
  expect(recorder.status()).toMatchObject({ shortMs: 0, bytesWanted: null });
  const readFor = async (ms: number, everyMs: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += everyMs) {
      await time.run(everyMs);
      read("temperature", "1", "m1", 1);
    }
  };
  await readFor(40_000, 200);
  raise();
  await readFor(7_000, 200);
  // 19.8 s are in memory, and 16 s are wanted: 10 s before, 5 s after, 1 s until it is made.
  expect(recorder.status()).toMatchObject({ spanMs: 19_800, shortMs: 0, bytesWanted: null, short: 0 });
  await readFor(40_000, 100);
  const { shortMs, bytesWanted } = recorder.status();
  expect(shortMs).toBe(16_000 - 9_900);
  expect(bytesWanted).toBeGreaterThanOrEqual(160 * RING_READING_BYTES);
  raise({ id: "hot/2" });
  await readFor(7_000, 100);
  expect(recorder.status()).toMatchObject({ recorded: 2, short: 1 });
  expect(recordings().map(({ isCut }) => isCut)).toEqual([false, true]);
  expect(renderRecorder(recorder.status())).toMatch(/\(6(\.\d)? s SHORT of recorder.before and after: raise/);
  // Silence pushes nothing out.
  await time.run(60_000);
  expect(recorder.status()).toMatchObject({ shortMs: 0, bytesWanted: null });
});

test("a stop seals what there is, and says that it was early", async () => {
  const { time, recorder, read, raise, recordings } = bench();
  await time.run(20_000);
  read("temperature", "1", "m1", 1);
  raise();
  recorder.finish();
  expect(recordings()).toMatchObject([{ isCut: true, series: [{ values: [1] }] }]);
});
