// Panes are found by series and number as a Map finds them, whatever has come and gone.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PaneIndex } from "./pane-index.ts";

test("finds what a Map would, whatever comes and goes", () => {
  // Few places and many panes: chains form, break and close again.
  const pane = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -40, max: 40 }));
  fc.assert(
    fc.property(fc.array(pane, { minLength: 100, maxLength: 4_000, size: "max" }), (panes) => {
      const keys = { series: new Uint32Array(8_192), number: new Float64Array(8_192) };
      const index = new PaneIndex();
      const slotOf = new Map<string, number>();
      let top = 1;
      for (const [series, number] of panes) {
        const key = `${series} ${number}`;
        const known = slotOf.get(key);
        expect(index.find(keys, series, number)).toBe(known ?? 0);
        if (known !== undefined) {
          index.remove(keys, known);
          slotOf.delete(key);
          continue;
        }
        const slot = top++;
        keys.series[slot] = series;
        keys.number[slot] = number;
        index.add(keys, slot);
        slotOf.set(key, slot);
      }
      for (let series = 0; series <= 60; series++)
        for (let number = -40; number <= 40; number++)
          expect(index.find(keys, series, number)).toBe(slotOf.get(`${series} ${number}`) ?? 0);
    }),
    // No shrinking: of thousands of steps it takes minutes.
    { numRuns: 20, endOnFailure: true },
  );
});
