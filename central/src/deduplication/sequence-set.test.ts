// Shows that a sequence set holds exactly what was added, whatever the order, and moves its mark over closed gaps.
import fc from "fast-check";
import { expect, test } from "vitest";
import { SEQUENCES_ABOVE_MAX, SequenceSet } from "./sequence-set.ts";

test("any order of sequences and ranges gives the same set", () => {
  const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 9 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), ranges, (floor, additions) => {
      const set = new SequenceSet(floor);
      const model = new Set<number>();
      for (const [from, length] of additions) {
        let added = 0;
        for (let sequence = from; sequence <= from + length; sequence++) {
          if (sequence > floor && !model.has(sequence)) added += 1;
          if (sequence > floor) model.add(sequence);
        }
        expect(set.add(from, from + length)).toBe(added);
      }
      let mark = floor;
      while (model.has(mark + 1)) mark += 1;
      expect(set.mark).toBe(mark);
      expect(set.greatest).toBe(Math.max(floor, ...model));
      for (let sequence = 1; sequence <= 220; sequence++) {
        const isHeld = sequence <= floor || model.has(sequence);
        expect(set.verdict(sequence)).toBe(isHeld ? "duplicate" : "new");
      }
      const restored = new SequenceSet(set.floor, set.mark, set.above);
      expect([restored.mark, restored.above]).toEqual([set.mark, set.above]);
    }),
  );
});

test("what is too far above the mark is not taken", () => {
  const set = new SequenceSet(0);
  expect(set.verdict(SEQUENCES_ABOVE_MAX)).toBe("new");
  expect(set.verdict(SEQUENCES_ABOVE_MAX + 1)).toBe("beyond");
});
