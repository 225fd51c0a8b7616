// After central's store has lost some: what is published or computed from then on says so, whatever was lost of it.
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { paneLayout } from "../pane-layout.ts";
import { PaneTable } from "../pane-table.ts";
import type { WindowResult } from "../window-result.ts";
import type { MetricSpec, WindowSpec } from "../window-spec.ts";
import { StoredEngine } from "./stored-engine.test-support.ts";

const metric: MetricSpec = { name: "t", unit: "°C", accumulate: ["mean", "min", "max"], isLive: true };
const common = { metric: "t", by: [], latenessMs: 600_000 };
const minute: WindowSpec = {
  ...common,
  name: "minute",
  kind: "aligned",
  sizeMs: 60_000,
  slideMs: 60_000,
  offsetMs: 0,
};
const sliding: WindowSpec = { ...minute, name: "sliding", slideMs: 10_000 };
const run: WindowSpec = { ...common, name: "run", kind: "session", gapMs: 10_000, lengthMsMax: 120_000 };

function plant(...windows: readonly WindowSpec[]) {
  const engine = new StoredEngine({ windows, metrics: [metric], hotMs: 60_000 });
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  membership.join("b", "beta", -1e9);
  engine.setMembership(membership);
  const paneMs = windows.length === 1 && windows[0].kind === "aligned" ? windows[0].slideMs : 10_000;
  let number = 0;
  return {
    engine,
    read(timeMs: number, value: number, nowMs: number) {
      const table = new PaneTable("t", paneLayout(paneMs, [...metric.accumulate, "first", "last"]), {
        rowsMax: 10,
      });
      table.add(0, timeMs, value);
      engine.apply(
        table.take(() => ({})),
        nowMs,
      );
    },
    passAll(watermarkMs: number) {
      for (const agent of ["a", "b"])
        engine.setFrontier(agent, testFrontier({ number: ++number, watermarkMs }));
    },
    /** What is under these kinds of keys is lost; at the next start it is told. */
    lose(kinds: string, nowMs: number) {
      for (const key of engine.store.keys()) if (kinds.includes(key.charAt(0))) engine.store.delete(key);
      engine.restart();
      engine.setPanesLost(nowMs);
    },
  };
}

const brief = (results: readonly WindowResult[]) =>
  results.map(({ window, startMs, revision, state, values, completeness }) => [
    `${window}@${startMs}`,
    revision,
    state,
    values["count"],
    completeness.agentsWithLoss?.join() ?? "",
  ]);

test("a complete window that takes a reading after the loss is not complete any more, and says whose readings may lack", () => {
  const { engine, read, passAll, lose } = plant(minute);
  read(1_000, 120, 1_000);
  passAll(120_000);
  expect(brief(engine.tick(70_000))).toEqual([["minute@0", 1, "complete", 1, ""]]);
  lose("p", 100_000);
  expect(engine.tick(101_000)).toEqual([]);
  read(2_000, 20, 102_000);
  read(130_000, 1, 190_000);
  passAll(200_000);
  expect(brief(engine.tick(200_000))).toEqual([
    ["minute@0", 2, "provisional", 1, "a,b"],
    // It begins after the loss.
    ["minute@120000", 1, "complete", 1, ""],
  ]);
  engine.restart();
  read(3_000, 30, 210_000);
  expect(brief(engine.tick(220_000))).toEqual([["minute@0", 3, "provisional", 2, "a,b"]]);
  expect(brief(engine.tick(700_000))).toEqual([["minute@0", 4, "final", 2, "a,b"]]);
});

test("one that takes nothing stays as it was published, and its final revision says that late readings may lack", () => {
  const { engine, read, passAll, lose } = plant(minute);
  read(1_000, 120, 1_000);
  passAll(120_000);
  engine.tick(70_000);
  lose("p", 100_000);
  expect(engine.tick(300_000)).toEqual([]);
  expect(brief(engine.computed(300_000))).toEqual([["minute@0", 1, "complete", 1, ""]]);
  expect(brief(engine.tick(700_000))).toEqual([["minute@0", 2, "final", 1, "a,b"]]);
  // What is final stays so, even where it is no longer known how far all is.
  lose("f", 750_000);
  read(2_000, 20, 760_000);
  expect(engine.tick(770_000)).toEqual([]);
  expect(brief(engine.stored())).toEqual([["minute@0", 2, "final", 1, "a,b"]]);
});

test("a window that is computed for whoever asks says so too, and so does one outdated before the loss", () => {
  const { engine, read, passAll, lose } = plant(sliding);
  read(61_000, 120, 61_000);
  passAll(200_000);
  engine.tick(150_000);
  read(62_000, 20, 151_000);
  engine.tick(153_000);
  const outdated = engine.stored().filter(({ isOutdated }) => isOutdated === true);
  expect(outdated.map(({ startMs }) => startMs)).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
  lose("p", 200_000);
  const computed = engine.computed(200_000).filter(({ computedAtMs }) => computedAtMs !== undefined);
  expect(brief(computed)).toEqual(
    outdated.map(({ startMs, revision }) => [`sliding@${startMs}`, revision, "provisional", 0, "a,b"]),
  );
  expect(new Set(computed.map(({ completeness }) => completeness.agentsReporting))).toEqual(new Set([0]));
});

test("where it is not known any more who is expected, nothing of before the loss is complete", () => {
  const { engine, read, lose } = plant(minute);
  read(1_000, 120, 1_000);
  engine.tick(2_000);
  engine.setMembership(new Membership());
  lose("", 50_000);
  expect(brief(engine.tick(90_000))).toEqual([["minute@0", 2, "provisional", 1, ""]]);
  read(2_000, 20, 91_000);
  expect(brief(engine.tick(92_000))).toEqual([["minute@0", 3, "provisional", 2, ""]]);
});

test("a complete session that takes a reading without moving its end is not complete any more either", () => {
  const { engine, read, passAll, lose } = plant(run);
  for (const timeMs of [1_000, 9_000]) read(timeMs, 1, timeMs);
  passAll(60_000);
  expect(brief(engine.tick(30_000))).toEqual([["run@1000", 1, "complete", 2, ""]]);
  lose("", 31_000);
  read(5_000, 1, 32_000);
  expect(brief(engine.tick(40_000))).toEqual([["run@1000", 2, "provisional", 3, "a,b"]]);
});

test("where it cannot be read where sessions lie, a reading beside a stored one makes a session all the same", () => {
  const { engine, read, passAll, lose } = plant(run);
  read(1_000, 1, 1_000);
  passAll(60_000);
  engine.tick(30_000);
  for (const key of engine.store.keys()) if (key.startsWith("s")) engine.store.set(key, Uint8Array.of(1));
  engine.restart();
  read(2_000, 1, 31_000);
  expect(brief(engine.tick(40_000)).map(([window, , , count]) => [window, count])).toEqual([["run@1000", 2]]);
  lose("s", 50_000);
  read(2_500, 1, 51_000);
  expect(brief(engine.tick(60_000)).map(([window, , state]) => [window, state])).toEqual([
    ["run@1000", "provisional"],
  ]);
});

test("any readings, any loss: nothing published or computed later of a time before it is complete or names no loss", () => {
  const windows = [minute, sliding, run];
  const step = fc.record({
    timeMs: fc.integer({ min: 0, max: 300_000 }),
    stepMs: fc.integer({ min: 0, max: 40_000 }),
    isPassed: fc.boolean(),
    isRestarted: fc.boolean(),
  });
  const steps = fc.array(step, { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(steps, steps, fc.infiniteStream(fc.nat()), (before, after, fates) => {
      const { engine, read, passAll } = plant(...windows);
      let nowMs = 300_000;
      const play = ({ timeMs, stepMs, isPassed, isRestarted }: (typeof before)[number]) => {
        nowMs += stepMs;
        read(timeMs, timeMs % 97, nowMs);
        if (isPassed) passAll(nowMs);
        if (isRestarted) engine.restart();
        return engine.tick(nowMs);
      };
      const earlier = [new Map(engine.store)];
      for (const each of before) {
        play(each);
        earlier.push(new Map(engine.store));
      }
      // What is lost of a key is its latest value, or all: an older one comes to light, or none, or it is not deleted any more.
      for (const key of new Set(earlier.flatMap((store) => [...store.keys()]))) {
        const fate: number = fates.next().value;
        const bytes = fate % 2 === 0 ? engine.store.get(key) : earlier[(fate >> 1) % earlier.length].get(key);
        if (bytes === undefined) engine.store.delete(key);
        else engine.store.set(key, bytes);
      }
      engine.restart();
      const lostToMs = nowMs;
      engine.setPanesLost(lostToMs);
      const told = new Map(engine.stored().map((result) => [keyOf(result), result]));
      const isOld = ({ startMs, mergedIntoMs }: WindowResult) =>
        startMs < lostToMs && mergedIntoMs === undefined;
      for (const each of after) {
        for (const result of play(each)) {
          told.set(keyOf(result), result);
          if (!isOld(result)) continue;
          expect(result.state).not.toBe("complete");
          expect(result.completeness.agentsWithLoss).toEqual(["a", "b"]);
        }
        for (const result of engine.computed(nowMs)) {
          const last = told.get(keyOf(result));
          const isAsTold = JSON.stringify(last?.values) === JSON.stringify(result.values);
          if (isAsTold || !isOld(result)) continue;
          expect([result.state, result.completeness.agentsWithLoss]).toEqual(["provisional", ["a", "b"]]);
        }
      }
    }),
    { numRuns: 60 },
  );
});

function keyOf({ window, startMs }: WindowResult): string {
  return `${window} ${startMs}`;
}
