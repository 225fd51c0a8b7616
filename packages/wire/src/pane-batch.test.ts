// Panes come back to the bit; junk and damage are values; what a newer agent adds is carried unread.
import {
  ACCUMULATORS,
  type Labels,
  paneLayout,
  type PaneRows,
  type Sketch,
  type SketchKind,
  SKETCHES,
} from "@millrace/stream";
import { testFrontier } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readFloatColumn, writeFloatColumn } from "./float-column.ts";
import { decodePaneBatch, encodePaneBatch, type PaneBatch } from "./pane-batch.ts";
import { SeriesMemory } from "./series-memory.ts";

const names = [
  ...Object.keys(ACCUMULATORS),
  ...Object.keys(SKETCHES),
  "ratio(2,80)",
  "ratio(0,-0.5)",
  "histogram(1,2.5,1000)",
];
const time = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
const text = fc.string({ unit: "grapheme", maxLength: 8 });
const labels: fc.Arbitrary<Labels> = fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true });
const value = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: -10_000, max: 10_000 }).map((cents) => cents / 100),
  fc.double({ noNaN: true }),
  fc.constantFrom(-0, Number.MAX_VALUE, 5e-324, 2 ** 50, 2 ** 53, 0.1 + 0.2, Infinity, -Infinity, NaN),
);

const section: fc.Arbitrary<PaneRows> = fc
  .record({
    metric: text,
    paneMs: fc.integer({ min: 1, max: 86_400_000 }),
    accumulate: fc.subarray(names),
    series: fc.array(labels, { minLength: 1, maxLength: 4 }),
    rowCount: fc.nat(12),
    hasBeside: fc.boolean(),
    isInteger: fc.boolean(),
  })
  .chain((shape) => {
    const layout = paneLayout(shape.paneMs, shape.accumulate);
    const fields = shape.rowCount * layout.stride;
    return fc
      .record({
        values: fc.array(shape.isInteger ? fc.integer() : value, { minLength: fields, maxLength: fields }),
        counts: fc.array(fc.nat(), { minLength: fields, maxLength: fields }),
        sketched: fc.array(fc.option(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }))), {
          minLength: shape.rowCount,
          maxLength: shape.rowCount,
        }),
        rows: fc.array(fc.tuple(fc.nat(shape.series.length - 1), time), {
          minLength: shape.rowCount,
          maxLength: shape.rowCount,
        }),
      })
      .map(({ values, counts, rows, sketched }): PaneRows => {
        const state = new Float64Array(values);
        for (let row = 0; row < shape.rowCount; row += 1) {
          state[row * layout.stride] = counts[row * layout.stride];
          for (let field = layout.stride - 3; field < layout.stride; field += 1) {
            const at = row * layout.stride + field;
            state[at] = shape.hasBeside ? counts[at] : 0;
          }
        }
        return {
          metric: shape.metric,
          layout,
          rowCount: shape.rowCount,
          series: shape.series,
          seriesIndex: Uint32Array.from(rows.map(([index]) => index)),
          startMs: Float64Array.from(rows.map(([, at]) => Math.trunc(at / shape.paneMs) * shape.paneMs + 0)),
          state,
          sketches: layout.sketches.map((kind) => sketched.map((added) => sketchOf(kind, added))),
        };
      });
  });

const batch: fc.Arbitrary<PaneBatch> = fc.record({
  frontier: fc.record({
    epoch: fc.integer({ min: 0, max: 0xffff_ffff }),
    number: fc.maxSafeNat(),
    watermarkMs: fc.option(time),
    isIdle: fc.boolean(),
    isClockSynchronised: fc.boolean(),
    pending: fc
      .uniqueArray(time, { maxLength: 32 })
      .map((times) => times.sort((a, b) => a - b))
      .map((times) =>
        times.flatMap((startMs, index) =>
          index % 2 === 0 && index + 1 < times.length ? [{ startMs, endMs: times[index + 1] }] : [],
        ),
      ),
    holds: fc.record({ alarm: fc.maxSafeNat(), live: fc.maxSafeNat(), backfill: fc.maxSafeNat() }),
  }),
  sections: fc.array(section, { maxLength: 3 }),
});

function sketchOf(kind: SketchKind, added: readonly number[] | null): Sketch | null {
  const sketch = kind.create();
  for (const value of added ?? []) sketch.add(value, 1_000);
  return added === null ? null : sketch;
}

/** Layouts as their keys: accumulators with parameters are made anew each time. Sketches as their bytes. */
function plain({ frontier, sections }: PaneBatch) {
  return {
    frontier,
    sections: sections.map((rows) => ({
      ...rows,
      layout: rows.layout.key,
      sketches: rows.sketches.map((column) => column.map((sketch) => sketch?.encode() ?? null)),
    })),
  };
}

test("round trip to the bit", () => {
  fc.assert(
    fc.property(batch, (original) => {
      const decoded = decodePaneBatch(encodePaneBatch(original));
      expect(decoded.ok).toBe(true);
      if (decoded.ok) expect(plain(decoded.message)).toEqual(plain(original));
    }),
  );
});

test("what a writer said before changes nothing: the same batches, read with and without a memory of it", () => {
  fc.assert(
    fc.property(
      fc.array(batch, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      (batches, order) => {
        const memory = new SeriesMemory();
        for (const at of order) {
          const bytes = encodePaneBatch(batches[at % batches.length]);
          const decoded = decodePaneBatch(bytes, { memory });
          const again = decodePaneBatch(bytes, { memory });
          if (!decoded.ok || !again.ok) throw new Error("unreadable");
          expect(plain(decoded.message)).toEqual(plain(batches[at % batches.length]));
          expect(plain(again.message)).toEqual(plain(decoded.message));
          decodePaneBatch(bytes.subarray(0, bytes.length - 1), { memory });
        }
      },
    ),
  );
});

test("the same series are the same objects, as long as they are few enough to be kept", () => {
  const sections = [small.sections[0], { ...small.sections[0], metric: "u", series: [{ site: "other" }] }];
  const seriesOf = (bytes: Uint8Array, memory: SeriesMemory) => {
    const decoded = decodePaneBatch(bytes, { memory });
    return decoded.ok ? decoded.message.sections.map(({ series }) => series) : [];
  };
  const memory = new SeriesMemory();
  const before = seriesOf(encodePaneBatch({ ...small, sections }), memory);
  const state = Float64Array.of(5, 5, 1, 0, 0, 0, 0);
  const after = seriesOf(
    encodePaneBatch({ ...small, sections: sections.map((rows) => ({ ...rows, state })) }),
    memory,
  );
  expect(after).toHaveLength(2);
  for (const [index, series] of after.entries()) expect(series).toBe(before[index]);
  const long = [{ ...small.sections[0], series: [{ site: "s".repeat(40_000) }] }];
  const [first] = seriesOf(encodePaneBatch({ ...small, sections: long }), memory);
  const [second] = seriesOf(encodePaneBatch({ ...small, sections: long }), memory);
  expect(second).toEqual(first);
  expect(second).not.toBe(first);
});

test("a label may be called as what every object has", () => {
  const layout = paneLayout(1_000, ["count"]);
  const series = [
    Object.fromEntries([
      ["__proto__", "a"],
      ["constructor", "b"],
      ["x", "c"],
    ]),
  ];
  const rows = { metric: "t", layout, rowCount: 0, series, seriesIndex: new Uint32Array(0) };
  const none = { startMs: new Float64Array(0), state: new Float64Array(0), sketches: [] };
  const decoded = decodePaneBatch(
    encodePaneBatch({ frontier: testFrontier(), sections: [{ ...rows, ...none }] }),
  );
  const [read] = decoded.ok ? decoded.message.sections : [];
  expect(Object.entries(read?.series[0] ?? {})).toEqual(Object.entries(series[0] ?? {}));
});

test("never throws on junk, cuts and changed bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => void decodePaneBatch(junk)));
  fc.assert(
    fc.property(
      batch,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(),
      (original, changes, cut) => {
        const bytes = encodePaneBatch(original).slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        decodePaneBatch(bytes);
        expect(decodePaneBatch(bytes.subarray(0, cut % bytes.length)).ok).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});

const layout = paneLayout(1000, ["mean"]);
const small: PaneBatch = {
  frontier: testFrontier({ number: 2, watermarkMs: 1000, holds: { alarm: 0, live: 1, backfill: 0 } }),
  sections: [
    {
      metric: "t",
      layout,
      rowCount: 1,
      series: [{ site: "s" }],
      seriesIndex: Uint32Array.of(0),
      startMs: Float64Array.of(1000),
      state: Float64Array.of(3, 3, 20.5, 0.25, 0, 0, 0),
      sketches: [],
    },
  ],
};

test("an accumulator of a newer agent is not read, and written again as it came", () => {
  const bytes = encodePaneBatch(small);
  // The last block is `mean` (number 5, width 3): give it a number that nobody knows.
  const at = bytes.lastIndexOf(5);
  expect(bytes[at + 2]).toBe(3);
  const newer = bytes.slice();
  newer[at] = 99;
  const decoded = decodePaneBatch(newer);
  if (!decoded.ok) throw new Error(decoded.detail);
  expect(decoded.message.sections[0].layout.names).toEqual(["count", "beside"]);
  expect(decoded.message.sections[0].unread).toMatchObject([{ id: 99 }]);
  expect(encodePaneBatch(decoded.message)).toEqual(newer);
  // One that knows it reads what was passed on.
  const back = encodePaneBatch(decoded.message);
  back[at] = 5;
  expect(decodePaneBatch(back)).toEqual({ ok: true, message: small });
});

test("a count that is none is refused: the ledger would not add up", () => {
  const state = small.sections[0].state.slice();
  for (const count of [-1, 0.5, Infinity, NaN]) {
    state[0] = count;
    expect(
      decodePaneBatch(encodePaneBatch({ ...small, sections: [{ ...small.sections[0], state }] })).ok,
    ).toBe(false);
  }
});

test("a mean that left the range of numbers does not make its batch unreadable", () => {
  const state = small.sections[0].state.slice();
  const { add, finish } = ACCUMULATORS.mean;
  const at = layout.offsets[layout.accumulators.indexOf(ACCUMULATORS.mean)];
  for (const value of [1.7e308, -1.7e308, 1.7e308]) add(state, at, value, 1000);
  expect(state.some(Number.isNaN)).toBe(true);
  const sections = [{ ...small.sections[0], state }];
  const decoded = decodePaneBatch(encodePaneBatch({ ...small, sections }));
  expect(decoded).toMatchObject({ ok: true, message: { sections: [{ state }] } });
  if (decoded.ok) expect(finish(decoded.message.sections[0].state, at)).toEqual({});
});

test("rows that the bytes cannot hold make no room in memory", () => {
  const bytes = new ByteWriter();
  for (const part of [0, 0]) bytes.varint(part);
  bytes.byte(0);
  for (const part of [0, 0, 0, 0, 1]) bytes.varint(part);
  bytes.text("t");
  for (const part of [1, 0, 1000, 0, 2 ** 40]) bytes.varint(part);
  expect(decodePaneBatch(bytes.bytes())).toMatchObject({ ok: false, reason: "malformed" });
});

test("what sensors write takes few bytes", () => {
  const bytesOf = (values: number[]) => {
    const writer = new ByteWriter();
    writeFloatColumn(writer, Float64Array.from(values), 0, 1, values.length);
    const read = new Float64Array(values.length);
    readFloatColumn(new ByteReader(writer.bytes()), read, 0, 1, values.length);
    expect(read).toEqual(Float64Array.from(values));
    return writer.bytes().length;
  };
  expect(bytesOf([10, 10, 10, 10])).toBe(5);
  expect(bytesOf([21.37, 21.39, 21.36, 21.4])).toBe(6);
  expect(bytesOf([21.37, 2 ** 60])).toBe(17);
  expect(bytesOf([0, -0])).toBe(17);
});
