// A reading delivered twice counts once, whatever the order; what is too old to tell says so.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deduplicator } from "./deduplicator.ts";

const HORIZON_MS = 1_000;

/** The plain way: every key of the horizon in a list. */
class NaiveDeduplicator {
  readonly #keys = new Map<number, { timeMs: number; value: number }[]>();

  judge(series: number, timeMs: number, value: number): string {
    const keys = this.#keys.get(series) ?? [];
    this.#keys.set(series, keys);
    const maxTimeMs = Math.max(Number.NEGATIVE_INFINITY, ...keys.map((key) => key.timeMs));
    if (timeMs < maxTimeMs - HORIZON_MS) return "undeduplicated";
    if (keys.some((key) => key.timeMs === timeMs && key.value === value)) return "duplicate";
    keys.push({ timeMs, value });
    return "fresh";
  }
}

const reading = fc.record({
  series: fc.integer({ min: 0, max: 2 }),
  timeMs: fc.integer({ min: 0, max: 4_000 }),
  value: fc.constantFrom(-1, 0, 0.5, 7),
});

function carried(deduplicator: Deduplicator, last: number, next = 1_000): [number, number, number][] {
  const keys: [number, number, number][] = [];
  deduplicator.carry(last, next, (...key) => keys.push(key));
  return keys;
}

describe("Deduplicator", () => {
  it("works again once what a wrong clock let in is forgotten, and claims to know nothing older", () => {
    const deduplicator = new Deduplicator({ horizonMs: HORIZON_MS, keysMax: 100 });
    for (const timeMs of [10, 1_000_000]) deduplicator.judge(0, timeMs, 1, 1);
    expect(deduplicator.judge(0, 20, 1, 1)).toBe("undeduplicated");
    deduplicator.forgetBeyond(500);
    expect(deduplicator.keyCount).toBe(0);
    expect(carried(deduplicator, 1)).toEqual([]);
    expect([10, 499, 500, 500, 501].map((timeMs) => deduplicator.judge(0, timeMs, 1, 1))).toEqual([
      "undeduplicated",
      "undeduplicated",
      "fresh",
      "duplicate",
      "fresh",
    ]);
  });

  it("keeps what is ahead by less than its horizon: it may come again", () => {
    const deduplicator = new Deduplicator({ horizonMs: HORIZON_MS, keysMax: 100 });
    deduplicator.judge(0, 1_000, 1, 1);
    deduplicator.forgetBeyond(0);
    expect(deduplicator.judge(0, 1_000, 1, 1)).toBe("duplicate");
  });

  it("judges as a list of all keys would", () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 300 }), (readings) => {
        const deduplicator = new Deduplicator({ horizonMs: HORIZON_MS, keysMax: 1_000_000 });
        const naive = new NaiveDeduplicator();
        for (const { series, timeMs, value } of readings) {
          expect(deduplicator.judge(series, timeMs, value, 1)).toBe(naive.judge(series, timeMs, value));
        }
      }),
    );
  });

  it("never takes a fresh reading for a duplicate, nor a forgotten one for fresh, at the bound of its keys", () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 300 }), (readings) => {
        const deduplicator = new Deduplicator({ horizonMs: HORIZON_MS, keysMax: 10 });
        const seen = new Set<string>();
        for (const { series, timeMs, value } of readings) {
          const verdict = deduplicator.judge(series, timeMs, value, 1);
          const key = `${series} ${timeMs} ${value}`;
          if (verdict === "duplicate") expect(seen).toContain(key);
          if (verdict === "fresh") expect(seen).not.toContain(key);
          seen.add(key);
          expect(deduplicator.keyCount).toBeLessThanOrEqual(10);
        }
      }),
    );
  });

  it("admits what is ahead as it would judge it, key by key, at the bound too", () => {
    const run = fc.record({
      series: fc.integer({ min: 0, max: 2 }),
      readings: fc.array(reading, { maxLength: 30 }),
      isInOrder: fc.boolean(),
    });
    let aheadCount = 0;
    fc.assert(
      fc.property(fc.array(run, { maxLength: 20 }), fc.constantFrom(0, 10, 1_000), (runs, keysMax) => {
        const [byRun, byKey] = [0, 1].map(() => new Deduplicator({ horizonMs: HORIZON_MS, keysMax }));
        for (const [entry, { series, readings, isInOrder }] of runs.entries()) {
          if (isInOrder) readings.sort((a, b) => a.timeMs - b.timeMs);
          const columns = {
            count: readings.length,
            timeMs: Float64Array.from(readings, ({ timeMs }) => timeMs),
            value: Float64Array.from(readings, ({ value }) => value),
          };
          const ahead = byRun.admitAhead(series, columns, entry);
          aheadCount += ahead;
          for (const [at, { timeMs, value }] of readings.entries())
            expect(at < ahead ? "fresh" : byRun.judge(series, timeMs, value, entry)).toBe(
              byKey.judge(series, timeMs, value, entry),
            );
          expect(byRun.keyCount).toBe(byKey.keyCount);
          // What the last of a run makes too old need not be forgotten for the first.
          expect(byRun.forgottenCount).toBeLessThanOrEqual(byKey.forgottenCount);
        }
        expect(carried(byRun, 5)).toEqual(carried(byKey, 5));
      }),
    );
    expect(aheadCount).toBeGreaterThan(500);
  });

  it("takes the same time with another value for another reading", () => {
    const deduplicator = new Deduplicator({ horizonMs: HORIZON_MS, keysMax: 100 });
    expect(deduplicator.judge(0, 5, 1, 1)).toBe("fresh");
    expect(deduplicator.judge(0, 5, 2, 1)).toBe("fresh");
    expect(deduplicator.judge(0, 5, 1, 1)).toBe("duplicate");
  });

  it("knows after a restart what it knew before, whatever of the log went and was carried on", () => {
    const step = fc.record({ reading, isCommitted: fc.boolean(), trims: fc.integer({ min: 0, max: 9 }) });
    const firstEntry = fc.constantFrom(1, 2 ** 32 - 3);
    fc.assert(
      fc.property(firstEntry, fc.array(step, { maxLength: 200 }), (first, steps) => {
        const options = { horizonMs: HORIZON_MS, keysMax: 1_000_000 };
        const deduplicator = new Deduplicator(options);
        const log = new Map<number, Parameters<Deduplicator["judge"]>[]>();
        const append = (...key: Parameters<Deduplicator["judge"]>) =>
          log.set(key[3], [...(log.get(key[3]) ?? []), key]);
        let [oldest, next] = [first, first];
        for (const {
          reading: { series, timeMs, value },
          isCommitted,
          trims,
        } of steps) {
          const key = [series, timeMs, value, next] as const;
          if (deduplicator.judge(...key) === "fresh") append(...key);
          if (isCommitted) next += 1;
          if (trims > 1 || oldest === next) continue;
          const last = oldest + Math.floor((next - 1 - oldest) / (1 + trims));
          deduplicator.carry(last, next, (...carried) => append(...carried, next));
          for (; oldest <= last; oldest += 1) log.delete(oldest);
        }
        const restarted = new Deduplicator(options);
        for (let entry = oldest; entry <= next; entry += 1)
          for (const key of log.get(entry) ?? []) restarted.judge(...key);
        for (const {
          reading: { series, timeMs, value },
        } of steps)
          expect(restarted.judge(series, timeMs, value, next)).toBe(
            deduplicator.judge(series, timeMs, value, next),
          );
        const kept = [...log.values()].flat().map((key) => key.slice(0, 3).join(" "));
        // What is carried stands in one entry only.
        expect(kept).toHaveLength(new Set(kept).size);
      }),
    );
  });
});
