// The count is the one that all readings of the key give, up to the cap: in any order, at any times, at the bound, after a restore.
import fc from "fast-check";
import { expect, test } from "vitest";
import { DistinctInWindow, type DistinctInWindowOptions } from "./distinct-in-window.ts";

const options: DistinctInWindowOptions = { windowMs: 100, countMax: 4, latenessMs: 60, keysMax: 1_000 };

/** Every reading ever, by key in order of activity. It forgets a key only at the bound, or when all its values are out of reach. */
class Oracle {
  readonly #options: DistinctInWindowOptions;
  readonly #readings = new Map<string | number, { value: string | number; timeMs: number }[]>();
  #nowMs = -Infinity;
  droppedCount = 0;
  tooOldCount = 0;

  constructor(options: DistinctInWindowOptions) {
    this.#options = options;
  }

  add(key: string | number, value: string | number, timeMs: number, watermarkMs: number): number {
    const { windowMs, countMax, latenessMs, keysMax } = this.#options;
    if (Math.abs(watermarkMs) <= 8.64e15) this.#nowMs = Math.max(this.#nowMs, watermarkMs);
    const newestOf = (readings: { timeMs: number }[]) => Math.max(...readings.map(({ timeMs }) => timeMs));
    if (this.#readings.size >= keysMax) {
      for (const [key, readings] of this.#readings) {
        if (newestOf(readings) >= this.#nowMs - latenessMs - windowMs) break;
        this.#readings.delete(key);
      }
    }
    if (!(timeMs >= this.#nowMs - latenessMs && Math.abs(timeMs) <= 8.64e15)) {
      this.tooOldCount += 1;
      return 0;
    }
    const readings = [...(this.#readings.get(key) ?? []), { value, timeMs }];
    this.#readings.delete(key);
    this.#readings.set(key, readings);
    const [front] = this.#readings.keys();
    if (this.#readings.size > keysMax) {
      this.#readings.delete(front);
      this.droppedCount += 1;
    }
    const newestMs = newestOf(readings);
    const inWindow = readings.filter(({ timeMs }) => timeMs > newestMs - windowMs);
    return Math.min(countMax, new Set(inWindow.map(({ value }) => value)).size);
  }
}

const key = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom("0", "1", "account"));
const value = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.integer({ min: 0, max: 9 }).map(String),
  fc.constantFrom(0, -0, NaN, "\ud800"),
);
const call = fc.record({
  key,
  value,
  behindMs: fc.integer({ min: -30, max: 70 }),
  stepMs: fc.constantFrom(0, 0, 1, 5, 20, 150),
  odd: fc.option(fc.constantFrom(NaN, Infinity, -Infinity, 1e300), { freq: 30 }),
});

test("it counts what all readings give, in any order, at the bound, and after a restore at any point", () => {
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 150 }),
      fc.constantFrom(1, 3, 4, 10, 30),
      fc.constantFrom(1, 2, 4, 1_000),
      fc.nat({ max: 150 }),
      (calls, countMax, keysMax, pauseAt) => {
        const own = { ...options, countMax, keysMax };
        let distinct = new DistinctInWindow(own);
        const oracle = new Oracle(own);
        let nowMs = 0;
        for (const [at, { key, value, behindMs, stepMs, odd }] of calls.entries()) {
          if (at === pauseAt)
            distinct =
              DistinctInWindow.decode(distinct.encode(), own) ??
              expect.unreachable("what was encoded is read");
          nowMs += stepMs;
          const timeMs = odd ?? nowMs - behindMs;
          const watermarkMs = odd ?? nowMs - (behindMs > 50 ? 10 : 0);
          expect(distinct.add(key, value, timeMs, watermarkMs)).toBe(
            oracle.add(key, value, timeMs, watermarkMs),
          );
          expect(distinct.keyCount).toBeLessThanOrEqual(keysMax);
        }
        expect([distinct.droppedCount, distinct.tooOldCount]).toEqual([
          oracle.droppedCount,
          oracle.tooOldCount,
        ]);
      },
    ),
    { numRuns: 500 },
  );
});

test("the tenth payee within five minutes is the tenth, and slides out to the millisecond", () => {
  const payees = new DistinctInWindow({ windowMs: 300_000, countMax: 11, latenessMs: 0, keysMax: 10 });
  for (let payee = 1; payee <= 10; payee += 1)
    expect(payees.add("account", payee, payee * 1_000, payee * 1_000)).toBe(payee);
  expect(payees.add("account", 2, 300_999, 300_999)).toBe(10);
  expect(payees.add("account", 2, 301_000, 301_000)).toBe(9);
  // The second payee came again, so what leaves next is the third.
  expect(payees.add("account", 2, 302_999, 302_999)).toBe(9);
  expect(payees.add("account", 2, 303_000, 303_000)).toBe(8);
});

test("junk is undefined; a smaller cap keeps the latest", () => {
  const distinct = new DistinctInWindow({ ...options, countMax: 50 });
  for (let at = 0; at < 40; at += 1) distinct.add("k", at, at, at);
  const chunks = [...distinct.encode()];
  expect(DistinctInWindow.decode(chunks, { ...options, countMax: 2 })?.add("k", 39, 137, 100)).toBe(2);
  expect(DistinctInWindow.decode(chunks.slice(0, -1), options)).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1 }), fc.nat(), (junk, at) => {
      expect(DistinctInWindow.decode(junk, options)).toBeUndefined();
      const damaged = chunks.map((chunk) => chunk.slice());
      damaged[1].set(junk[0], at % (damaged[1].length - 80));
      DistinctInWindow.decode([chunks[0], ...junk], options)?.add("k", 1, 2, 3);
      DistinctInWindow.decode(damaged, options)?.add("k", 1, 2, 3);
    }),
  );
});
