// Nothing added is ever denied, and the share of false positives is the one that was asked for.
import fc from "fast-check";
import { expect, test } from "vitest";
import { BloomFilter } from "./bloom-filter.ts";

const options = { capacity: 1_000, falsePositiveShare: 0.01 };

test("nothing added is ever denied", () => {
  const id = fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.integer());
  fc.assert(
    fc.property(fc.array(id), fc.integer({ min: 1, max: 50 }), (ids, capacity) => {
      const filter = new BloomFilter({ capacity, falsePositiveShare: 0.1 });
      for (const id of ids) {
        const wasThere = filter.mayHave(id);
        expect(filter.add(id)).toBe(!wasThere);
      }
      expect(ids.every((id) => filter.mayHave(id))).toBe(true);
    }),
  );
});

test.each([
  [0.1, 100_000],
  [0.01, 100_000],
  [0.001, 300_000],
  [0.01, 500],
])("at capacity the share of false positives is %f, within 1.3 times, with %i ids", (share, capacity) => {
  const rounds = capacity < 10_000 ? 40 : 1;
  let falseCount = 0;
  const askedCount = 200_000;
  for (let seed = 0; seed < rounds; seed += 1) {
    const filter = new BloomFilter({ capacity, falsePositiveShare: share, seed });
    for (let at = 0; at < capacity; at += 1) filter.add(`order-${at}`);
    for (let at = 0; at < askedCount / rounds; at += 1) if (filter.mayHave(`other-${at}`)) falseCount += 1;
  }
  expect(falseCount / askedCount).toBeLessThan(1.3 * share);
  expect(falseCount / askedCount).toBeGreaterThan(share / 1.3);
});

test("m and k are the known ones", () => {
  const filter = new BloomFilter({ capacity: 1_000_000, falsePositiveShare: 0.01 });
  expect([filter.bitCount, filter.hashCount]).toEqual([9_585_088, 7]);
  expect(() => new BloomFilter({ capacity: 1e9, falsePositiveShare: 0.01 })).toThrow(/2\^32 bits/);
});

test("what is over the capacity is counted; clear forgets all", () => {
  const filter = new BloomFilter({ capacity: 10, falsePositiveShare: 0.001 });
  for (let at = 0; at < 15; at += 1) filter.add(at);
  expect(filter.idCount - filter.overCapacityCount).toBe(10);
  filter.clear();
  expect([filter.idCount, filter.overCapacityCount, filter.mayHave(3)]).toEqual([0, 0, false]);
});

test("it comes back to the bit; junk and other options are undefined", () => {
  const filter = new BloomFilter(options);
  for (let at = 0; at < 500; at += 1) filter.add(at);
  const bytes = filter.encode();
  expect(BloomFilter.decode(bytes, options)?.encode()).toEqual(bytes);
  expect(BloomFilter.decode(Buffer.from(bytes), options)?.mayHave(7)).toBe(true);
  expect(BloomFilter.decode(bytes, { ...options, capacity: 999 })).toBeUndefined();
  expect(BloomFilter.decode(bytes.subarray(1), options)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (junk) => {
      expect(BloomFilter.decode(junk, options)).toBeUndefined();
    }),
  );
});
