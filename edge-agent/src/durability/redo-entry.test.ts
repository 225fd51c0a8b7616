// What a commit wrote is what a replay reads; damage is noticed.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger } from "../ledger.ts";
import { parseRedoEntry, QUALITIES, REDO_FLAG, RedoBuffer } from "./redo-entry.ts";

const row = fc.record({
  series: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  timeMs: fc.oneof(
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
    // The sign of zero says nothing of a time.
    fc.double({ noNaN: true }).map((timeMs) => timeMs + 0),
    fc.maxSafeInteger(),
  ),
  value: fc.oneof(
    fc.tuple(fc.integer(), fc.constantFrom(1, 10, 100, 1_000, 10_000)).map(([whole, by]) => whole / by),
    fc.double({ noNaN: true }),
    fc.constantFrom(0, -0, 2 ** 30, -(2 ** 30), 2 ** 30 - 1, 107_374.1823, 107_374.1824, 0.1 + 0.2),
  ),
  flags: fc
    .tuple(fc.integer({ min: 0, max: QUALITIES.length - 1 }), fc.integer({ min: 0, max: 63 }))
    .map(([quality, others]) => quality | (others << 2)),
});

function entryOf(
  rows: readonly { series: number; timeMs: number; value: number; flags: number }[],
): Uint8Array {
  const buffer = new RedoBuffer();
  for (const { series, timeMs, value, flags } of rows) buffer.add(series, timeMs, value, flags);
  const ledger = new Ledger();
  ledger.totals.received = rows.length;
  return buffer.take(1_700_000_000_000, ledger.totals);
}

/** Written once by each version. */
const GOLDEN_V1 =
  "AQAAAB4uHzUAAIBW/rx4QgEAAAD8AAAAeyJyZWNlaXZlZCI6MSwiYWdncmVnYXRlZCI6MCwicnVsZU9ubHkiOjAsImR1cGxpY2F0ZSI6MCwicmVqZWN0ZWQiOnsibWFsZm9ybWVkIjowLCJvdmVyc2l6ZWQiOjAsIm5vdF9maW5pdGUiOjAsImJhZF90aW1lIjowLCJ1bmtub3duX3RvcGljIjowLCJmdXR1cmUiOjAsImJlZm9yZV9mbG9vciI6MCwid3Jvbmdfc2l0ZSI6MCwic2VyaWVzX2NhcCI6MCwicGFuZV9jYXAiOjB9LCJmb3J3YXJkZWQiOjAsImV2aWN0ZWQiOjAsImRhbWFnZWQiOjB9BwAAAAD4f1b+vHhCAAAAAAAA0L8F";
const GOLDEN_V2 =
  "AgAAAKYAmEgAAIBW/rx4QgUAAAAwAQAAeyJyZWNlaXZlZCI6NSwiYWdncmVnYXRlZCI6MCwicnVsZU9ubHkiOjAsImR1cGxpY2F0ZSI6MCwicmVqZWN0ZWQiOnsibWFsZm9ybWVkIjowLCJ0b29fbWFueSI6MCwibm9fcmVhZGluZyI6MCwib3ZlcnNpemVkIjowLCJub3RfZmluaXRlIjowLCJiYWRfdGltZSI6MCwidW5rbm93bl90b3BpYyI6MCwiZnV0dXJlIjowLCJiZWZvcmVfZmxvb3IiOjAsIndyb25nX3NpdGUiOjAsInNlcmllc19jYXAiOjAsInBhbmVfY2FwIjowfSwiZm9yd2FyZGVkIjowLCJldmljdGVkIjowLCJkYW1hZ2VkIjowLCJhbGFybUJhdGNoZXNFdmljdGVkIjowfYUHAAD4f1b+vHhCMaQDzCEErAIUVVVVVVVV1T/MCAPhCWQDIg==";
const GOLDEN_V3 =
  "AwAAAFs96wkAAIBW/rx4QgQAAAC7AQAAeyJyZWNlaXZlZCI6NCwiYWdncmVnYXRlZCI6MCwicnVsZU9ubHkiOjAsImR1cGxpY2F0ZSI6MCwicmVqZWN0ZWQiOnsibWFsZm9ybWVkIjowLCJ0b29fbWFueSI6MCwibm9fcmVhZGluZyI6MCwib3ZlcnNpemVkIjowLCJub3RfZmluaXRlIjowLCJub3RfbnVtZXJpYyI6MCwibnVsbF92YWx1ZSI6MCwibm9fYmlydGgiOjAsImJhZF90aW1lIjowLCJ1bmtub3duX3RvcGljIjowLCJmdXR1cmUiOjAsImJlZm9yZV9mbG9vciI6MCwid3Jvbmdfc2l0ZSI6MCwic2VyaWVzX2NhcCI6MCwicGFuZV9jYXAiOjAsIm5vX3Jvb20iOjB9LCJoZWxkIjowLCJmb3J3YXJkZWQiOjAsImV2aWN0ZWQiOjAsImRhbWFnZWQiOjAsImFsYXJtQmF0Y2hlc0V2aWN0ZWQiOjAsImV2aWRlbmNlUGFydHNTZWFsZWQiOjAsImV2aWRlbmNlUGFydHNFdmljdGVkIjowLCJldmlkZW5jZVBhcnRzRGFtYWdlZCI6MH2FBwAA+H9W/rx4QjGjIgPMIQNMrAIUVVVVVVVV1T/MCAPhCQ==";

describe("redo entry", () => {
  it("reads back what was written, to the bit", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
        const entry = parseRedoEntry(entryOf(rows));
        expect(entry?.rowCount).toBe(rows.length);
        expect(entry?.ledger?.received).toBe(rows.length);
        for (const [index, written] of rows.entries()) expect(entry?.row(index)).toEqual(written);
      }),
    );
  });

  it("is undefined for damaged bytes, and never throws on junk", () => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (rows, at, flip) => {
          const bytes = entryOf(rows);
          const position = 4 + (at % (bytes.length - 4));
          bytes[position] ^= flip;
          expect(parseRedoEntry(bytes)).toBeUndefined();
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (junk) => {
        expect(parseRedoEntry(junk)).toBeUndefined();
      }),
    );
  });

  it("of version 1 is read for ever", () => {
    const entry = parseRedoEntry(Buffer.from(GOLDEN_V1, "base64"));
    expect(entry?.committedAtMs).toBe(1_700_000_000_000);
    expect(entry?.ledger).toMatchObject({ received: 1, duplicate: 0 });
    expect(entry?.row(0)).toEqual({ series: 7, timeMs: 1_699_999_999_999.5, value: -0.25, flags: 5 });
  });

  it("of version 2 is read for ever", () => {
    const entry = parseRedoEntry(Buffer.from(GOLDEN_V2, "base64"));
    const rows = Array.from({ length: entry?.rowCount ?? 0 }, (_, index) => entry?.row(index));
    expect(entry?.ledger?.received).toBe(5);
    expect(rows).toEqual([
      { series: 7, timeMs: 1_699_999_999_999.5, value: -0.25, flags: 5 },
      { series: 7, timeMs: 1_700_000_000_000, value: 21.5, flags: 4 },
      { series: 300, timeMs: 1_699_999_999_990, value: 1 / 3, flags: 4 },
      { series: 8, timeMs: 1_699_999_999_991, value: -0.0625, flags: 12 },
      { series: 8, timeMs: 1_699_999_999_992, value: 17, flags: 4 },
    ]);
  });

  it("of version 3 is read for ever", () => {
    const entry = parseRedoEntry(Buffer.from(GOLDEN_V3, "base64"));
    const rows = Array.from({ length: entry?.rowCount ?? 0 }, (_, index) => entry?.row(index));
    expect(entry?.ledger?.received).toBe(4);
    expect(rows).toEqual([
      { series: 7, timeMs: 1_699_999_999_999.5, value: -0.25, flags: 5 },
      { series: 7, timeMs: 1_700_000_000_000, value: 21.5, flags: 2 | REDO_FLAG.stale },
      { series: 300, timeMs: 1_699_999_999_990, value: 1 / 3, flags: 12 | REDO_FLAG.judged },
      { series: 8, timeMs: 1_699_999_999_991, value: -0.0625, flags: 12 },
    ]);
  });

  it("takes a few bytes for a usual reading", () => {
    const rows = Array.from({ length: 1_000 }, (_, index) => ({
      series: index % 100,
      timeMs: 1_700_000_000_000 + index,
      value: 20 + (index % 500) / 100,
      flags: 4,
    }));
    expect(entryOf(rows).length - entryOf([]).length).toBeLessThan(6 * rows.length);
  });
});
