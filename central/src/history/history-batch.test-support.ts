import type { WindowSpec } from "@millrace/stream";
import { expect } from "vitest";
import { START_MS } from "./history-world.test-support.ts";
import type { HistoryWorld, Reading } from "./history-world.test-support.ts";

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
const STEPS_MS = [1, 10, 30, 60, 600, 3_600, 21_600, 86_400, 604_800].map((seconds) => seconds * SECOND_MS);

export function windowOf(sizeMs: number, fields: Partial<WindowSpec> = {}): WindowSpec {
  const by = ["site", "machine"];
  const spec = {
    name: "w",
    metric: "t",
    kind: "aligned",
    sizeMs,
    slideMs: sizeMs,
    offsetMs: 0,
    by,
    latenessMs: DAY_MS,
  };
  return { ...spec, ...fields } as WindowSpec;
}

export function reading(timeMs: number, value: number, machine = "m1", site = "alpha"): Reading {
  return { timeMs, value, labels: { site, machine } };
}

export interface Point {
  count: number;
  min: number;
  max: number;
  sum: number;
}

/** By machine and start of the step; a pane counts where it begins. */
export function batch(readings: readonly Reading[], stepMs: number, paneMs: number): Record<string, Point> {
  const points: Record<string, Point> = {};
  for (const { timeMs, value, labels } of readings) {
    const startMs = Math.floor((Math.floor(timeMs / paneMs) * paneMs) / stepMs) * stepMs;
    const point = (points[`${labels["machine"]} ${startMs}`] ??= {
      count: 0,
      min: Infinity,
      max: -Infinity,
      sum: 0,
    });
    point.count += 1;
    point.min = Math.min(point.min, value);
    point.max = Math.max(point.max, value);
    point.sum += value;
  }
  return points;
}

export async function shown(world: HistoryWorld, stepMs: number): Promise<Record<string, Point>> {
  // Fine steps are asked for where there are readings: an answer holds no more.
  const [beforeMs, afterMs] = stepMs < HOUR_MS ? [32 * HOUR_MS, 6 * HOUR_MS] : [40 * DAY_MS, 40 * DAY_MS];
  const page = await world.page({ stepMs, fromMs: START_MS - beforeMs, toMs: START_MS + afterMs });
  const points: Record<string, Point> = {};
  for (const { labels, startMs, values } of page.series) {
    for (const [index, atMs] of startMs.entries()) {
      const [count, min, max, sum] = ["count", "min", "max", "sum"].map((name) => values[name][index] ?? NaN);
      points[`${labels["machine"]} ${atMs}`] = { count, min, max, sum };
      expect(values["mean"][index]).toBeCloseTo(sum / count, 9);
    }
  }
  return points;
}

export async function expectTruth(world: HistoryWorld): Promise<void> {
  const { paneMs } = world.view.layout;
  for (const stepMs of STEPS_MS) {
    if (stepMs < paneMs) continue;
    expect(await shown(world, stepMs), `step ${stepMs}`).toEqual(batch(world.taken, stepMs, paneMs));
  }
}
