// Each key's latest value by event time, as a naive Map has it: in any order, at any times, at the bound, after a restore.
import fc from "fast-check";
import { expect, test } from "vitest";
import { last } from "../accumulators/last.ts";
import { LastValue, type TimedValue } from "./last-value.ts";

const TIME_TO_LIVE_MS = 100;

/** A Map in order of activity; what has expired leaves from its front, the front leaves at the bound. */
class Oracle {
  readonly #keysMax: number;
  readonly #latest = new Map<string | number, TimedValue>();
  #nowMs = -Infinity;
  droppedCount = 0;
  tooOldCount = 0;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  set(key: string | number, value: string | number, timeMs: number, watermarkMs: number): boolean {
    this.#advance(watermarkMs);
    if (!(timeMs >= this.#nowMs - TIME_TO_LIVE_MS && Math.abs(timeMs) <= 8.64e15)) {
      this.tooOldCount += 1;
      return false;
    }
    const known = this.#latest.get(key);
    this.#latest.delete(key);
    this.#latest.set(key, known === undefined || !isBefore(timeMs, value, known) ? { value, timeMs } : known);
    const [front] = this.#latest.keys();
    if (this.#latest.size > this.#keysMax) {
      this.#latest.delete(front);
      this.droppedCount += 1;
    }
    return true;
  }

  get(key: string | number, watermarkMs: number): TimedValue | undefined {
    this.#advance(watermarkMs);
    const known = this.#latest.get(key);
    return known !== undefined && known.timeMs >= this.#nowMs - TIME_TO_LIVE_MS ? known : undefined;
  }

  #advance(watermarkMs: number): void {
    if (Math.abs(watermarkMs) <= 8.64e15) this.#nowMs = Math.max(this.#nowMs, watermarkMs);
    for (const [key, { timeMs }] of this.#latest) {
      if (timeMs >= this.#nowMs - TIME_TO_LIVE_MS) break;
      this.#latest.delete(key);
    }
  }
}

function isBefore(timeMs: number, value: string | number, known: TimedValue): boolean {
  if (timeMs !== known.timeMs) return timeMs < known.timeMs;
  if (typeof value === typeof known.value) return value < known.value;
  return typeof value === "number";
}

const key = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }).map(String));
const timeMs = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -50, max: 500 }) },
  fc.constantFrom(NaN, Infinity, -Infinity, 1e300, 200, 200),
);
const call = fc.tuple(key, fc.oneof(fc.integer(), fc.string()), timeMs, timeMs);

test("it gives what a Map gives, in any order, at the bound, and after a restore at any point", () => {
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 150 }),
      fc.integer({ min: 1, max: 15 }),
      fc.nat({ max: 150 }),
      (calls, keysMax, pauseAt) => {
        const options = { timeToLiveMs: TIME_TO_LIVE_MS, keysMax };
        let values = new LastValue(options);
        const oracle = new Oracle(keysMax);
        for (const [at, [key, value, timeMs, watermarkMs]] of calls.entries()) {
          // Mostly a watermark that moves on: of random ones the greatest would come soon.
          const nowMs = at % 20 === 0 && Math.abs(watermarkMs) > 1e3 ? watermarkMs : at * 3;
          if (at === pauseAt)
            values =
              LastValue.decode(values.encode(), options) ?? expect.unreachable("what was encoded is read");
          expect(values.get(key, nowMs)).toEqual(oracle.get(key, nowMs));
          expect(values.set(key, value, timeMs, nowMs)).toBe(oracle.set(key, value, timeMs, nowMs));
          expect(values.get(key, nowMs)).toEqual(oracle.get(key, nowMs));
          expect(values.keyCount).toBeLessThanOrEqual(keysMax);
        }
        expect([values.droppedCount, values.tooOldCount]).toEqual([oracle.droppedCount, oracle.tooOldCount]);
      },
    ),
    { numRuns: 300 },
  );
});

test("the tie rule is the one of the accumulator last, whatever the order", () => {
  const reading = fc.tuple(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: 0, max: 3 }),
  );
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 20 }), (readings) => {
      const values = new LastValue({ timeToLiveMs: 100, keysMax: 1 });
      const state = new Float64Array(2);
      last.identity(state, 0);
      for (const [value, timeMs] of readings) {
        values.set("k", value, timeMs, 0);
        last.add(state, 0, value, timeMs);
      }
      expect((values.get("k", 0)?.value as number) + 0).toBe(last.finish(state, 0).last);
    }),
  );
});

test("many keys that fall silent leave bit by bit, as others speak", () => {
  const values = new LastValue({ timeToLiveMs: 100, keysMax: 10_000 });
  for (let at = 0; at < 5_000; at += 1) values.set(at, "x", 0, 0);
  for (let at = 0; at < 2_500; at += 1) values.set("one", at, 1_000, 1_000);
  expect([values.keyCount, values.droppedCount]).toEqual([1, 0]);
});

test("texts come back with lone surrogates, numbers with their sign, in chunks; junk is undefined", () => {
  const options = { timeToLiveMs: 100, keysMax: 20_000 };
  const values = new LastValue(options);
  const odd: (string | number)[] = ["\ud800", "", "\u0000é😀", -0, NaN, Infinity, 5e-324];
  for (const value of odd) values.set(`${typeof value} ${String(value)}`, value, 1.5, 0);
  for (let at = 0; at < 10_000; at += 1) values.set(at, `value ${at}`, 7, 0);
  const chunks = [...values.encode()];
  expect(chunks.length).toBeGreaterThan(4);
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(70_000);
  const again = LastValue.decode(chunks.map(Buffer.from), options);
  for (const value of odd)
    expect(again?.get(`${typeof value} ${String(value)}`, 0)).toEqual({ value, timeMs: 1.5 });
  expect([...(again?.encode() ?? [])]).toEqual(chunks);
  expect(LastValue.decode(chunks.slice(1), options)).toBeUndefined();
  expect(LastValue.decode(chunks.slice(0, -1), options)).toBeUndefined();
  expect(LastValue.decode([...chunks, chunks[1]], options)).toBeUndefined();
  expect(LastValue.decode([], options)).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1 }), fc.nat(), (junk, at) => {
      expect(LastValue.decode(junk, options)).toBeUndefined();
      const damaged = chunks.map((chunk) => chunk.slice());
      damaged[1].set(junk[0], at % 60_000);
      LastValue.decode([chunks[0], ...junk], options);
      LastValue.decode(damaged, options);
    }),
    { numRuns: 50 },
  );
});
