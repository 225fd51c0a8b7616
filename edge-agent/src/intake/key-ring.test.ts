// A sorted list whose oldest leave: the same keys at the same places, whatever is put in and dropped, in little more room.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyRing } from "./key-ring.ts";

interface Key {
  timeMs: number;
  value: number;
  entry: number;
}

/** Of a key, with its share of its group's anchors. */
const GROUPED_BYTES = 6.75;
const NARROW_BYTES = 12.75;
const WIDE_BYTES = 24;
/** Of a group's anchors: the last group may be a part of one. */
const GROUP_BYTES = 24;
/** Keys between the oldest and the newest. */
const SPARE = 32;
/** With few decimals, with many, greater than an i32, and what no decimals give back. */
const ODD_VALUES = [0.001_234, 1 / 3, 4e9, -1e300, Number.POSITIVE_INFINITY];
const values = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(0, 1, 7, -20.5, 71.23) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_VALUES) },
);
/** As sensors have it, in fractions of a ms, and of months. */
const stepsMs = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(1, 100, 1_900) },
  { weight: 1, arbitrary: fc.constantFrom(0.25, 3e9) },
);
const entrySteps = fc.constantFrom(0, 0, 1, 1, 1, 40_000, 2 ** 31);

const step = fc.record({
  kind: fc.constantFrom("append", "append", "run", "insert", "insert", "drop", "carry"),
  count: fc.nat(150),
  place: fc.nat(400),
  value: values,
  stepMs: stepsMs,
  entryStep: entrySteps,
});

/** Entries show only when keys are carried. */
function keysOf(ring: KeyRing): Omit<Key, "entry">[] {
  return Array.from({ length: ring.count }, (_, place) => ({
    timeMs: ring.timeAt(place),
    value: ring.valueAt(place),
  }));
}

describe("KeyRing", () => {
  it("holds what a sorted list would, in little more room", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1_764_000_000_000),
        fc.constantFrom(0, 0.4, 0.99),
        fc.array(step, { maxLength: 60 }),
        (first, spread, steps) => {
          const ring = new KeyRing(spread);
          let list: Key[] = [];
          let entry = 1;
          for (const { kind, count, place, value, stepMs, entryStep } of steps) {
            entry += entryStep;
            const lastMs = list.at(-1)?.timeMs ?? first;
            if (kind === "append") {
              for (let at = 1; at <= count; at += 1) {
                ring.append(lastMs + at * stepMs, value, entry);
                list.push({ timeMs: lastMs + at * stepMs, value, entry });
              }
            } else if (kind === "run") {
              const timeMs = Float64Array.from({ length: count + 3 }, (_, at) => lastMs + (1 + at) * stepMs);
              // The odd value stands in the middle of the run.
              const column = timeMs.map((_, at) => (at === count >> 1 ? value : 5));
              ring.appendRun({ count: timeMs.length, timeMs, value: column }, count, entry);
              for (let at = 0; at < count; at += 1)
                list.push({ timeMs: timeMs[at], value: column[at], entry });
            } else if (kind === "insert") {
              const at = Math.min(place, list.length);
              const timeMs = list[at]?.timeMs ?? lastMs + stepMs;
              ring.insert(at, timeMs, value, entry);
              list.splice(at, 0, { timeMs, value, entry });
            } else if (kind === "drop") {
              const dropped = Math.min(count, list.length);
              ring.dropFirst(dropped);
              list = list.slice(dropped);
            } else {
              const last = list[Math.min(place, list.length - 1)]?.entry ?? 0;
              const carried: Omit<Key, "entry">[] = [];
              ring.carry(last, entry, (timeMs, carriedValue) =>
                carried.push({ timeMs, value: carriedValue }),
              );
              const due = list.filter((key) => key.entry <= last);
              expect(carried).toEqual(due.map((key) => ({ timeMs: key.timeMs, value: key.value })));
              for (const key of due) key.entry = entry;
            }
            expect(keysOf(ring)).toEqual(list.map((key) => ({ timeMs: key.timeMs, value: key.value })));
            for (const timeMs of [0, list[0]?.timeMs ?? 1, (list[0]?.timeMs ?? 1) + 3, 1e15]) {
              const found = list.findIndex((key) => key.timeMs >= timeMs);
              expect(ring.firstAtOrAfter(timeMs)).toBe(found < 0 ? list.length : found);
            }
            expect(ring.capacity).toBeLessThanOrEqual(Math.max(16, 2 * list.length));
          }
        },
      ),
    );
  });

  it("grows with its keys where they stand, whichever group the oldest is in, round the end too", () => {
    const turn = fc.record({ drop: fc.nat(12), more: fc.nat(300) });
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 12 }),
        fc.double({ noNaN: true, min: 0, max: 1 }),
        (turns, spread) => {
          const ring = new KeyRing(spread);
          let list: Omit<Key, "entry">[] = [];
          let nextMs = 1_764_000_000_000;
          const fill = (count: number) => {
            const timeMs = Float64Array.from({ length: count }, () => (nextMs += 1_000));
            // From group to group far apart: with another's anchors none would be what it was.
            const value = timeMs.map((ms) => ((ms / 1_000) % 7_919) * 4);
            ring.appendRun({ count, timeMs, value }, count, 1);
            for (let at = 0; at < count; at += 1) list.push({ timeMs: timeMs[at], value: value[at] });
          };
          fill(400);
          for (const { drop, more } of turns) {
            const dropped = Math.min(32 * drop, list.length);
            ring.dropFirst(dropped);
            list = list.slice(dropped);
            fill(more);
            expect(keysOf(ring)).toEqual(list);
          }
        },
      ),
    );
  });

  it("that has grown is a quarter larger than what it holds, and one that is nearly empty again is small", () => {
    const ring = new KeyRing(0.99);
    for (let ms = 0; ms < 100_000; ms += 1) ring.append(ms, 1, 1);
    expect(ring.capacity).toBeLessThanOrEqual(125_000 + SPARE);
    for (let ms = 100_000; ms < 400_000; ms += 1) {
      ring.append(ms, 1, 1);
      ring.dropFirst(1);
    }
    expect(ring.capacity).toBeLessThanOrEqual(125_000 + SPARE);
    for (let count = 0; count < 99_999; count += 1) ring.dropFirst(1);
    expect(ring.timeAt(0)).toBe(399_999);
    expect(ring.capacity).toBeLessThanOrEqual(16);
  });

  it("of a hundred that are filled in step not all grow at once: that were a pause of tens of milliseconds", () => {
    const rings = Array.from({ length: 100 }, (_, index) => new KeyRing(index / 100));
    const grown: number[] = [];
    for (let ms = 0; ms < 2_000; ms += 1) {
      const before = rings.map(({ capacity }) => capacity);
      for (const ring of rings) ring.append(ms, 1, 1);
      grown.push(rings.filter(({ capacity }, at) => capacity > before[at]).length);
    }
    const most = Math.max(...grown.slice(600));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(50);
  });

  it("takes 6.75 bytes a key of a sensor that speaks each second, at the times of years to come and in entry after entry", () => {
    const ring = new KeyRing(0.99);
    const beganMs = 1_764_000_000_000;
    for (let second = 0; second < 200_000; second += 1) {
      const value = Math.round(20_000 + 500 * Math.sin(second / 10)) / 100;
      ring.append(beganMs + second * 1_000_000, value, second * 2 ** 24);
      if (second >= 600) ring.dropFirst(1);
      if (second === 601) expect(ring.bytes).toBeGreaterThan(ring.capacity * GROUPED_BYTES + GROUP_BYTES);
    }
    for (let second = 0; second < 2_000; second += 1) {
      const value = Math.round(20_000 + 500 * Math.sin(second / 10)) / 100;
      ring.append(beganMs + 2e11 + second * 1_000, value, 2 ** 42 + second * 200);
      ring.dropFirst(1);
    }
    expect(ring.bytes).toBeLessThan(ring.capacity * GROUPED_BYTES + GROUP_BYTES);
  });

  it("takes 12.75 bytes a key of one that speaks each day", () => {
    const ring = new KeyRing(0.99);
    const beganMs = 1_764_000_000_000;
    const dayMs = 86_400_000;
    for (let day = 0; day < 4_000; day += 1) {
      ring.append(beganMs + day * dayMs, Math.round(2_000 + 500 * Math.sin(day)) / 100, day * 2 ** 24);
      if (day >= 20) ring.dropFirst(1);
    }
    expect(ring.bytes).toBeLessThan(ring.capacity * NARROW_BYTES + GROUP_BYTES);
  });

  it("is narrow again some time after a key that took more", () => {
    const ring = new KeyRing(0.99);
    for (let ms = 0; ms < 100; ms += 1) ring.append(ms, ms === 50 ? 1 / 3 : 21.5, 1);
    expect(ring.bytes).toBe(ring.capacity * WIDE_BYTES);
    ring.dropFirst(60);
    expect(ring.bytes).toBeLessThan(ring.capacity * NARROW_BYTES + GROUP_BYTES);
  });

  it("is narrow again once it has gone round after a pause", () => {
    const ring = new KeyRing(0.99);
    let ms = 1_764_000_000_000;
    const goOn = (): void => {
      for (let count = 0; count < 1_000; count += 1) {
        ring.append((ms += 100), 21.5, 1);
        if (ring.count > 600) ring.dropFirst(1);
      }
    };
    goOn();
    expect(ring.bytes).toBeLessThan(ring.capacity * GROUPED_BYTES + GROUP_BYTES);
    ms += 600_000;
    goOn();
    goOn();
    expect(ring.bytes).toBeLessThan(ring.capacity * GROUPED_BYTES + GROUP_BYTES);
  });
});
