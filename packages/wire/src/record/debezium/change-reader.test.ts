// Change events as Debezium 3.0.8 wrote them of PostgreSQL 15 (captured/: before.sql, then changes.sql; see
// test/debezium), and what is wrong with others.
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TimeUnit } from "../../source-time.ts";
import { RecordDecoder } from "../record-decoder.ts";
import type { RecordSpec } from "../record-spec.ts";
import { ChangeReader } from "./change-reader.ts";
import { decimalText } from "./decimal-text.ts";
import type { RowChange } from "./row-change.ts";
import { isLater } from "./source-position.ts";

const encoder = new TextEncoder();

function captured(name: string): (Uint8Array | null)[] {
  const lines = readFileSync(join(import.meta.dirname, "captured", `${name}.tsv`), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => {
    const value = line.split("\t")[1];
    return value === "null" ? null : encoder.encode(value);
  });
}

function spec(column: string, unit: TimeUnit, timeZone: string | null = null): RecordSpec {
  const measure = { map: null, isOptional: true, adjustment: null, labels: [] };
  return {
    id: ["order_id"],
    time: { path: [column], unit, timeZone },
    measures: [
      { ...measure, metric: "amount", path: ["amount"], labels: [{ name: "region", path: ["region"] }] },
      { ...measure, metric: "fee", path: ["fee"] },
    ],
  };
}

const NO_TYPES = { decimals: new Map<string, number>(), dates: new Set<string>() };
const AMOUNT = { ...NO_TYPES, decimals: new Map([["amount", 2]]) };

function changes(name: string, types = NO_TYPES): RowChange[] {
  const reader = new ChangeReader(spec("created_at", "us"), types);
  return captured(name).flatMap((bytes) => {
    if (bytes === null) return [];
    const read = reader.read(bytes);
    if ("reason" in read) throw new Error(read.detail);
    return read;
  });
}

const ROWS = [
  ["row", "o-1", "北京", "12.30", "0.5"],
  ["row", "o-2", "上海", "2999.00", "12"],
  ["row", "o-3", "广州", "-0.05", "123456789012345678901234567890.5"],
  ["row", "o-1", "北京", "15.75", "0.5"],
  ["deletion", "o-3"],
  ["row", "o-3b", "广州", "-0.05", "123456789012345678901234567890.5"],
  ["deletion", "o-2"],
  ["row", "o-4", "深圳", "1.10", null],
  ["row", "o-4", "深圳", "2.20", null],
  ["truncation"],
  ["row", "o-5", "深圳", null, null],
];

test.each([
  ["schemas", NO_TYPES],
  ["precise", AMOUNT],
  ["strings", NO_TYPES],
] as const)("%s: what each change says, decimals and all", (name, types) => {
  const read = changes(name, types).map((change) => {
    if (change.kind === "deletion") return [change.kind, change.row.order_id];
    if (change.kind !== "row") return [change.kind];
    const { order_id: id, region, amount, fee } = change.row;
    return [change.kind, id, region, amount, fee];
  });
  expect(read).toEqual(ROWS);
});

test("where the converter writes schemas and an event has none, it says null: it is as without", () => {
  const reader = new ChangeReader(spec("created_at", "us"), AMOUNT);
  for (const bytes of captured("precise")) {
    if (bytes === null) continue;
    const wrapped = `{"schema":null,"payload":${new TextDecoder().decode(bytes)}}`;
    expect(reader.read(encoder.encode(wrapped))).toEqual(reader.read(bytes));
  }
});

test.each(["schemas", "precise", "strings"])("%s: each is later than all before it", (name) => {
  const positions = changes(name, AMOUNT).map((change) => ("position" in change ? change.position : null));
  for (const [at, position] of positions.entries()) {
    expect(position?.isExact).toBe(true);
    // Both halves of a changed key, and rows of a snapshot, stand at the same place; they are different rows.
    const isSame = at > 0 && String(position?.order) === String(positions[at - 1]?.order);
    if (at > 0) expect(isLater(position, positions[at - 1])).toBe(!isSame);
    expect(isLater(position, position)).toBe(false);
  }
});

function timesOf(name: string, of: RecordSpec, dates: readonly string[] = []): (number | string)[] {
  const reader = new ChangeReader(of, { ...AMOUNT, dates: new Set(dates) });
  const decoder = new RecordDecoder(of);
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: [new Float64Array(1), new Float64Array(1)],
    series: [new Uint32Array(1), new Uint32Array(1)],
    pairs: [],
  };
  return captured(name)
    .slice(0, 2)
    .map((bytes) => {
      const change = reader.read(bytes ?? new Uint8Array(0));
      if (!("kind" in change) || change.kind !== "row") throw new Error("a row");
      return decoder.readObject(change.row, change.timeUnit, columns, 0)?.reason ?? columns.timeMs[0];
    });
}

describe("times", () => {
  const first = Date.UTC(2023, 9, 11, 12, 0, 1, 250);

  test("the schema says how a column's time is written, whatever the pipeline says", () => {
    expect(timesOf("schemas", spec("created_at", "ms"))[0]).toBe(first);
    expect(timesOf("schemas", spec("packed_at", "us"))).toEqual([first + 1_250, "no_time"]);
    expect(timesOf("schemas", spec("updated_at", "us"))[0]).toBe(first - 8 * 3_600_000);
    expect(timesOf("schemas", spec("shipped_on", "ms"))[1]).toBe(Date.UTC(2023, 9, 12));
  });

  test("without a schema it is written as the pipeline says, or as dates are", () => {
    expect(timesOf("precise", spec("created_at", "us"))[0]).toBe(first);
    expect(timesOf("strings", spec("created_at", "ms"))[0]).toBe(first);
    expect(timesOf("precise", spec("updated_at", "iso"))[0]).toBe(first - 8 * 3_600_000);
    expect(timesOf("precise", spec("shipped_on", "us"), ["shipped_on"])[1]).toBe(Date.UTC(2023, 9, 12));
  });

  test("a time without a zone is in the configured one, one with a zone is not", () => {
    expect(timesOf("schemas", spec("created_at", "us", "Asia/Shanghai"))[0]).toBe(first - 8 * 3_600_000);
    expect(timesOf("schemas", spec("updated_at", "us", "Asia/Shanghai"))[0]).toBe(first - 8 * 3_600_000);
  });
});

test("decimals of any size: what the bytes of their two's complement say", () => {
  const long = fc.bigInt({ min: -(2n ** 130n), max: 2n ** 130n });
  fc.assert(
    fc.property(long, fc.integer({ min: 0, max: 40 }), (unscaled, scale) => {
      let length = 1;
      while (BigInt.asIntN(8 * length, unscaled) !== unscaled) length += 1;
      const hex = BigInt.asUintN(8 * length, unscaled)
        .toString(16)
        .padStart(2 * length, "0");
      const text = decimalText(Buffer.from(hex, "hex").toString("base64"), scale) ?? "";
      const [whole, fraction = ""] = text.split(".");
      expect(fraction).toHaveLength(scale);
      expect(BigInt(`${whole}${fraction}`.replace("-", ""))).toBe(unscaled < 0n ? -unscaled : unscaled);
      expect(text.startsWith("-")).toBe(unscaled < 0n);
    }),
  );
  expect(decimalText("Aw==", -3)).toBe("3000");
  expect([decimalText("", 2), decimalText("#", 2), decimalText("AQ==", 1e9)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("a text that no encoder has written as bytes is no decimal's", () => {
  for (const text of ["27", "1", "123456", "1200=", "27 =", "27==", "2 7=", "-12.5"])
    expect(decimalText(text, 2)).toBeUndefined();
  // Nobody can tell this one.
  expect(decimalText("1200", 0)).toBe("-2659020");
});

test("of other databases: MySQL's binlog, and else the time, where what is read later is later", () => {
  const reader = new ChangeReader(spec("created_at", "us"), NO_TYPES);
  const at = (source: object) => {
    const read = reader.read(encoder.encode(JSON.stringify({ op: "c", after: {}, source })));
    if (!("kind" in read) || read.kind !== "row") throw new Error("a row");
    return read.position;
  };
  const binlog = { connector: "mysql", file: "mysql-bin.000009", pos: 500, row: 0 };
  const ascending = [
    { ...binlog, snapshot: "true" },
    binlog,
    { ...binlog, row: 1 },
    { ...binlog, pos: 4_000 },
    { ...binlog, file: "mysql-bin.000010", pos: 4 },
    { ...binlog, file: "mysql-bin.1000000", pos: 4 },
  ].map(at);
  for (const [index, position] of ascending.entries()) {
    if (index > 0) expect(isLater(position, ascending[index - 1])).toBe(true);
    if (index > 0) expect(isLater(ascending[index - 1], position)).toBe(false);
    expect(isLater(position, position)).toBe(false);
  }
  const [one, two] = [at({ connector: "db2", ts_ms: 1_000 }), at({ connector: "db2", ts_ms: 2_000 })];
  expect([isLater(two, one), isLater(one, two), isLater(one, one)]).toEqual([true, false, true]);
  expect(at({ connector: "other" })).toBe(null);
});

test("ids of 64 bits keep their digits", () => {
  const reader = new ChangeReader(spec("created_at", "us"), NO_TYPES);
  const event =
    '{"op":"c","after":{"order_id":9007199254740993,"created_at":1},"source":{"ts_ns":1795674473864261000}}';
  expect(reader.read(encoder.encode(event))).toMatchObject({
    row: { order_id: 9_007_199_254_740_993n, created_at: 1 },
  });
});

test.each([
  ["a plain record", { order_id: "o-1", amount: 1 }, /no op/],
  ["an unknown kind", { op: "x", after: {} }, /"x" is no kind of change/],
  ["an update without a row", { op: "u", before: {}, after: null }, /without after/],
  ["a deletion without a key", { op: "d", before: null, after: null }, /without before/],
  ["a truncation from nowhere", { op: "t", source: {} }, /no position/],
  ["a schema alone", { schema: { type: "struct" }, payload: null }, /no op/],
])("%s is refused", (_, event, detail) => {
  const read = new ChangeReader(spec("created_at", "us"), NO_TYPES).read(
    encoder.encode(JSON.stringify(event)),
  );
  expect(read).toMatchObject({ reason: "malformed", detail: expect.stringMatching(detail) });
});

test("whatever stands where an event should: a reason or a change, never an exception", () => {
  const [event] = captured("schemas");
  const text = new TextDecoder().decode(event ?? undefined);
  const reader = new ChangeReader(spec("created_at", "us"), AMOUNT);
  const decoder = new RecordDecoder(spec("created_at", "us"));
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: [new Float64Array(1), new Float64Array(1)],
    series: [new Uint32Array(1), new Uint32Array(1)],
    pairs: [],
  };
  const mutated = fc.tuple(fc.nat(text.length), fc.nat(30), fc.string()).map(([at, cut, put]) => {
    return `${text.slice(0, at)}${put}${text.slice(at + cut)}`;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json(), fc.string()), (junk) => {
      const read = reader.read(encoder.encode(junk));
      if ("kind" in read && read.kind === "row") decoder.readObject(read.row, read.timeUnit, columns, 0);
      expect("kind" in read || read.reason === "malformed").toBe(true);
    }),
    { numRuns: 300 },
  );
});
