// The stored panes are those that are open, as they are, after any number of checkpoints and starts.
import { type Change, MemoryStore } from "@millrace/queue";
import { decodePane, type Labels, paneLayout, PaneTable } from "@millrace/stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numberKey, PREFIX, prefixRange } from "../durability/agent-store.ts";
import { SeriesRegistry } from "../intake/series-registry.ts";
import { PaneCheckpoint, type PaneEntries } from "./pane-checkpoint.ts";

const LAYOUT = paneLayout(1_000, ["count", "sum"]);
const METRIC = "temperature";

/** An agent's panes with the store that they are checkpointed to. */
class Panes {
  readonly store: MemoryStore;
  readonly table = new PaneTable(METRIC, LAYOUT, { rowsMax: 1e6 });
  readonly series = new SeriesRegistry({ seriesPerMetricMax: 1e6 });
  readonly checkpoint = new PaneCheckpoint(this.series);
  entries: PaneEntries | undefined;
  #changes: Change[] = [];

  constructor(store = new MemoryStore()) {
    this.store = store;
  }

  add(machine: number, timeMs: number): void {
    const series = this.series.resolve(METRIC, { machine: `${machine}` });
    if (series !== undefined) this.table.add(series.index, timeMs, machine);
  }

  /** The panes that start before leave for a batch. */
  leave(beforeMs: number): void {
    this.checkpoint.forget(this.table.take(this.labelsOf, { accept: (_, startMs) => startMs < beforeMs }));
  }

  async collect(): Promise<void> {
    this.entries = this.checkpoint.collect(this.#changes, [this.table], this.labelsOf);
    await this.store.commit(this.#changes, { isSync: true });
    this.#changes = [];
  }

  readonly labelsOf = (series: number): Labels => this.series.get(series).labels;

  /** Series, start and state of what is open. */
  open(): unknown[] {
    const { rowCount, seriesIndex, startMs, state, series } = this.table.checkpoint(this.labelsOf, {
      isWhole: true,
    });
    return Array.from({ length: rowCount }, (_, row) => [
      this.series.find(METRIC, series[seriesIndex[row]])?.index,
      startMs[row],
      [...state.subarray(row * LAYOUT.stride, (row + 1) * LAYOUT.stride)],
    ]);
  }

  /** The same of what a start finds, and the entries that it finds damaged. */
  async found(): Promise<{ panes: unknown[]; damaged: number[] }> {
    const damaged: number[] = [];
    const checkpoint = new PaneCheckpoint(this.series);
    const stored = await checkpoint.open(this.store, this.entries, (number) => damaged.push(number));
    const panes = stored.map(({ series, startMs, bytes }) => [
      series,
      startMs,
      [...(decodePane(LAYOUT, bytes)?.fields ?? [])],
    ]);
    return { panes, damaged };
  }

  async entryCount(): Promise<number> {
    let count = 0;
    for await (const _ of this.store.range(prefixRange(PREFIX.panes))) count += 1;
    return count;
  }
}

function sorted(panes: unknown[]): unknown[] {
  return panes.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe("PaneCheckpoint", () => {
  it("holds a pane of a series that was forgotten, which takes nobody's place by that", async () => {
    const panes = new Panes();
    panes.series.setSeriesMax(1);
    panes.add(1, 500);
    await panes.collect();
    panes.series.makeRoomBy(() => panes.series.forget(0));
    panes.add(2, 1_500);
    // A death of its source, as of Sparkplug, is told beside a pane of the series that it knows.
    panes.table.addBeside(0, 1_600, "bad");
    await panes.collect();
    expect(sorted((await panes.found()).panes)).toEqual(sorted(panes.open()));
    expect([0, 1].map((index) => panes.series.get(index).isForgotten)).toEqual([true, false]);
    panes.leave(10_000);
    await panes.collect();
    expect(await panes.found()).toEqual({ panes: [], damaged: [] });
  });

  it("finds at a start what was open at the last checkpoint, whatever came and left in between", async () => {
    const step = fc.oneof(
      fc.record({ machine: fc.nat(5), timeMs: fc.nat(9_999) }),
      fc.record({ beforeMs: fc.nat(12_000) }),
      fc.constant("collect" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const panes = new Panes();
        for (const each of steps) {
          if (each === "collect") await panes.collect();
          else if ("machine" in each) panes.add(each.machine, each.timeMs);
          else panes.leave(each.beforeMs);
        }
        await panes.collect();
        const found = await panes.found();
        expect(sorted(found.panes)).toEqual(sorted(panes.open()));
        expect(found.damaged).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps no more entries than what is open is worth", async () => {
    const panes = new Panes();
    for (let round = 0; round < 1_000; round += 1) {
      for (let machine = 0; machine < 10; machine += 1) panes.add(machine, 1);
      await panes.collect();
    }
    expect(await panes.entryCount()).toBeLessThanOrEqual(103);
    panes.leave(1_000);
    await panes.collect();
    expect(await panes.entryCount()).toBe(0);
  });

  it("never brings a pane back that may have left, and tells, where an entry is damaged or missing", async () => {
    for (const damage of [
      () => undefined,
      () => new Uint8Array(7),
      (value: Uint8Array) => value.subarray(0, -1),
    ]) {
      for (const number of [2, 3]) {
        const panes = new Panes();
        panes.add(0, 1);
        panes.add(1, 2_001);
        await panes.collect();
        panes.leave(1_000);
        panes.add(2, 3_001);
        await panes.collect();
        panes.add(3, 4_001);
        await panes.collect();
        panes.store.damage(numberKey(PREFIX.panes, number), damage);
        const { panes: found, damaged } = await panes.found();
        expect(damaged).toEqual([number]);
        expect(found).toEqual(number === 2 ? [[3, 4_000, expect.anything()]] : []);
      }
    }
  });
});
