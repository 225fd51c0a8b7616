import { HISTORY_LEVELS } from "@millrace/stream";
import type { WindowSpec } from "@millrace/stream";
import type { SeededRandom } from "@millrace/testkit";
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

/** Every level has in any range that it claims what the coarser ones have in it. To be asked once nothing is to be rolled up. */
export async function expectZoomsAgree(world: HistoryWorld, random: SeededRandom): Promise<number> {
  let claims = 0;
  for (const { bucketMs } of HISTORY_LEVELS.slice(1)) {
    const agoMs = bucketMs === DAY_MS ? 4 * DAY_MS : Math.min(4 * DAY_MS, 2_000 * bucketMs);
    const fromMs = Math.floor((world.nowMs - random.integer(0, agoMs)) / bucketMs) * bucketMs;
    const range = { fromMs, toMs: fromMs + (bucketMs === DAY_MS ? 1 : random.integer(1, 20)) * bucketMs };
    const coarse = await sums(world, range, bucketMs);
    for (const { bucketMs: stepMs, name } of HISTORY_LEVELS) {
      if (stepMs >= bucketMs) break;
      const fine = await sums(world, range, stepMs);
      if (coarse.stepMs !== bucketMs || fine.stepMs !== stepMs) continue;
      claims += 1;
      expect([name, range, fine.byMachine]).toEqual([name, range, coarse.byMachine]);
    }
  }
  return claims;
}

/** Of each machine in the whole range; the step is longer than asked for where levels with shorter ones do not claim it. */
async function sums(
  world: HistoryWorld,
  range: { readonly fromMs: number; readonly toMs: number },
  stepMs: number,
) {
  const page = await world.page({ ...range, stepMs });
  const byMachine: Record<string, Point> = {};
  for (const { labels, startMs, values } of page.series) {
    const whole = { count: 0, min: Infinity, max: -Infinity, sum: 0 };
    for (const index of startMs.keys()) {
      whole.count += values["count"][index] ?? NaN;
      whole.min = Math.min(whole.min, values["min"][index] ?? NaN);
      whole.max = Math.max(whole.max, values["max"][index] ?? NaN);
      whole.sum += values["sum"][index] ?? NaN;
    }
    byMachine[labels["machine"]] = whole;
  }
  return { stepMs: page.stepMs, byMachine };
}
