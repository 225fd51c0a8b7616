// What was taken within the horizon is never denied, in any order; what expires is denied again; its size is bounded.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ExpiringBloomFilter, type ExpiringBloomFilterOptions } from "./expiring-bloom-filter.ts";

const options: ExpiringBloomFilterOptions = { horizonMs: 400, capacity: 4_000, falsePositiveShare: 0.01 };

const call = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 50 }), fc.string()),
  fc.oneof({ weight: 10, arbitrary: fc.integer({ min: -500, max: 1_500 }) }, fc.double()),
  fc.oneof({ weight: 10, arbitrary: fc.integer({ min: -500, max: 1_500 }) }, fc.double()),
);

test("what was taken within the horizon is never denied, also after a restore", () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 100 }), fc.nat({ max: 100 }), (calls, pauseAt) => {
      let filter = new ExpiringBloomFilter({ ...options, capacity: 40 });
      const straight = new ExpiringBloomFilter({ ...options, capacity: 40 });
      const taken: [string | number, number][] = [];
      let nowMs = -Infinity;
      for (const [at, [id, timeMs, watermarkMs]] of calls.entries()) {
        if (at === pauseAt) {
          const again = ExpiringBloomFilter.decode(filter.encode(), { ...options, capacity: 40 });
          filter = again ?? expect.unreachable("what was encoded is read");
        }
        if (Math.abs(watermarkMs) <= 8.64e15) nowMs = Math.max(nowMs, watermarkMs);
        const isTaken = filter.add(id, timeMs, watermarkMs);
        expect(straight.add(id, timeMs, watermarkMs)).toBe(isTaken);
        expect(isTaken).toBe(
          nowMs > -Infinity &&
            timeMs >= nowMs - 400 &&
            Math.floor(timeMs / 100) < Math.floor((nowMs - 400) / 100) + 6,
        );
        if (isTaken) taken.push([id, timeMs]);
        for (const [id, timeMs] of taken) if (timeMs >= nowMs - 400) expect(filter.mayHave(id)).toBe(true);
      }
      expect(Buffer.concat([...filter.encode()])).toEqual(Buffer.concat([...straight.encode()]));
    }),
  );
});

test("in a stream its size stays, what expires is denied, and false positives are no more than asked for", () => {
  const filter = new ExpiringBloomFilter(options);
  const perFilter = new ExpiringBloomFilter(options);
  perFilter.add(0, 0, 0);
  let falseCount = 0;
  for (let at = 0; at < 20_000; at += 1) {
    const nowMs = Math.floor(at / 10);
    filter.add(`id ${at}`, nowMs, nowMs);
    if (at >= 8_000 && filter.mayHave(`other ${at}`)) falseCount += 1;
  }
  expect(filter.bytes).toBeLessThanOrEqual(6 * perFilter.bytes);
  expect(falseCount / 12_000).toBeLessThan(1.3 * 0.01);
  expect(filter.overCapacityCount).toBe(0);
  let rememberedCount = 0;
  for (let at = 0; at < 15_000; at += 1) if (filter.mayHave(`id ${at}`)) rememberedCount += 1;
  expect(rememberedCount).toBeLessThan(15_000 * 1.3 * 0.01);
});

test("what is not taken is counted by reason; too much is, too", () => {
  const filter = new ExpiringBloomFilter({ ...options, capacity: 40 });
  filter.add("no watermark", 0, NaN);
  filter.add("too old", 599, 1_000);
  filter.add("ahead", 1_200, 1_000);
  expect([filter.tooOldCount, filter.aheadCount]).toEqual([2, 1]);
  for (let at = 0; at < 30; at += 1) filter.add(at, 1_000, 1_000);
  expect(filter.overCapacityCount).toBeGreaterThan(10);
});

test("junk is undefined", () => {
  const filter = new ExpiringBloomFilter({ ...options, capacity: 40 });
  for (let at = 0; at < 600; at += 10) filter.add(at, at, at);
  const chunks = [...filter.encode()];
  const decode = (chunks: Uint8Array[]) => ExpiringBloomFilter.decode(chunks, { ...options, capacity: 40 });
  expect(decode(chunks)).toBeDefined();
  expect(decode(chunks.slice(0, -1))).toBeUndefined();
  expect(decode([...chunks, chunks[1]])).toBeUndefined();
  expect(decode([])).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1 }), (junk) => {
      expect(decode(junk)).toBeUndefined();
      decode([chunks[0], ...junk]);
    }),
  );
});
