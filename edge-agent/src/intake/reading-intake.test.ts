// A message's readings taken in at once against the same readings one by one: whatever they are, nothing tells the two apart.
import type { PipelineMetric } from "@millrace/config";
import { type Outcome, RuleEngine } from "@millrace/detect";
import { SeriesWatermarks } from "@millrace/stream";
import { SimulatedTime } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ClockGuard } from "../clock-guard.ts";
import { Deduplicator } from "./deduplicator.ts";
import { Ledger } from "../ledger.ts";
import { PaneTables } from "../panes/pane-tables.ts";
import { RING_READING_BYTES, ReadingRing } from "../evidence/reading-ring.ts";
import { ReadingIntake } from "./reading-intake.ts";
import { RedoBuffer } from "../durability/redo-entry.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const ROWS_MAX = 40;
const SERIES = [0, 1].map((index) => ({ index, metric: "temperature", labels: { machine: String(index) } }));

/** All that a reading can change. */
function world() {
  const clock = new SimulatedTime(NOW_MS).clock();
  const limits = { outOfOrdernessMs: 5_000, idleTimeoutMs: 30_000 };
  const ledger = new Ledger();
  const redo = new RedoBuffer();
  const ring = new ReadingRing(1_000 * RING_READING_BYTES);
  const deduplicator = new Deduplicator({ horizonMs: 60_000, keysMax: 50 });
  const watermarks = new SeriesWatermarks(limits);
  const rules = new RuleEngine({
    rules: [
      {
        name: "hot",
        metric: "temperature",
        when: { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 },
        severity: 900,
        message: "",
        action: null,
      },
    ],
    actionMaxAgeMs: 5_000,
    seriesMax: 10,
  });
  const metric: PipelineMetric = {
    name: "temperature",
    unit: "°C",
    source: { kind: "host", sensor: "cpu" },
    paneMs: 1_000,
    accumulate: ["count", "mean"],
    isLive: true,
  };
  const tables = PaneTables.of([metric], ROWS_MAX);
  const intake = new ReadingIntake({
    tables,
    clock,
    guard: new ClockGuard({ clock, maxFutureMs: 5_000, floorMs: 0, durableTimeMs: null }),
    deduplicator,
    rules,
    watermarks,
    ledger,
    redo,
    redoLog: { next: 1 },
    watched: { add: () => undefined, has: () => true },
    held: null,
    recorder: ring,
  });
  const outcomes: Outcome[] = [];
  return {
    intake,
    onOutcomes: (some: readonly Outcome[]) => outcomes.push(...some),
    state: () => ({
      ledger: structuredClone(ledger.totals),
      panes: tables.at("temperature", 0)?.checkpoint((series) => SERIES[series].labels),
      watermarks: watermarks.export(),
      rules: rules.export(),
      outcomes,
      redo: redo.take(0, ledger.totals),
      keyCount: deduplicator.keyCount,
      recorded: Array.from({ length: ring.total }, (_, number) => [
        ring.seriesOf(number),
        ring.timeMsOf(number),
        ring.valueOf(number),
        ring.qualityOf(number),
      ]),
    }),
  };
}

/** Mostly in order, some late, some beyond the horizon or the clock, few values: some are there twice. */
const message = fc.record({
  series: fc.constantFrom(...SERIES),
  hasOwnTime: fc.constantFrom(true, true, false),
  isRetained: fc.boolean(),
  readings: fc.array(
    fc.record({
      agoMs: fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: 0, max: 10_000 }) },
        fc.constantFrom(70_000, -5_000, -5_001),
      ),
      value: fc.constantFrom(20, 20.5, 74, 77, 81, 99),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  isInOrder: fc.boolean(),
});

test("a run leaves behind what its readings leave behind one by one, or declines and changes nothing", () => {
  let takenCount = 0;
  const property = fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
    const [byRun, byReading] = [world(), world()];
    for (const { series, readings, isInOrder, ...facts } of messages) {
      if (isInOrder) readings.sort((a, b) => b.agoMs - a.agoMs);
      const arrived = { ...facts, series, arrivedMonotonicMs: NOW_MS };
      const one = (world: typeof byRun) => {
        for (const { agoMs, value } of readings) {
          const reading = { ...arrived, sourceTimeMs: NOW_MS - agoMs, value, quality: "good" } as const;
          world.intake.accept(reading, world.onOutcomes);
        }
      };
      const columns = {
        count: readings.length,
        timeMs: Float64Array.from(readings, ({ agoMs }) => NOW_MS - agoMs),
        value: Float64Array.from(readings, ({ value }) => value),
      };
      if (byRun.intake.acceptRun({ ...arrived, readings: columns }, byRun.onOutcomes)) takenCount += 1;
      else one(byRun);
      one(byReading);
    }
    expect(byRun.state()).toEqual(byReading.state());
  });
  fc.assert(property, { numRuns: 500 });
  expect(takenCount).toBeGreaterThan(500);
});
