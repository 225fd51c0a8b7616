// A record is read as a plain reading of JSON.parse's object has it, whichever way it is written; what cannot be read is said
// with its reason; nothing throws.
import { unpackPosition } from "@millrace/stream";
import type { ZoneSpec } from "@millrace/stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonPath } from "../json-path.ts";
import type { JsonPath } from "../json-path.ts";
import type { ByteSpan } from "./byte-span.ts";
import { wholeSpan } from "./byte-span.ts";
import type { RecordColumns } from "./record-columns.ts";
import { RecordDecoder } from "./record-decoder.ts";
import type { RecordLabel, RecordMeasure, RecordSpec, RecordZoneLabel } from "./record-spec.ts";

const path = (text: string): JsonPath => parseJsonPath(text) ?? [];
const measure = (metric: string, changes: Partial<RecordMeasure> = {}): RecordMeasure => ({
  metric,
  path: path("$.amount"),
  map: null,
  isOptional: false,
  adjustment: null,
  labels: [{ name: "region", path: path("$.region") }],
  ...changes,
});
const FAILED: RecordMeasure = measure("payment_failed", {
  path: path("$.payment"),
  map: new Map([
    ["failed", 1],
    ["paid", 0],
  ]),
  labels: [
    { name: "region", path: path("$.region") },
    { name: "category", path: path("$.category") },
  ],
});
const ORDERS: RecordSpec = {
  id: path("$.order_id"),
  time: { path: path("$.time"), unit: "iso", timeZone: "Asia/Shanghai" },
  measures: [measure("amount"), FAILED],
};

interface Read {
  readonly hash: string;
  readonly timeMs: number;
  readonly values: readonly number[];
  readonly labels: readonly object[];
}

function reader(spec: RecordSpec): (record: string | Uint8Array | ByteSpan) => Read | string {
  const decoder = new RecordDecoder(spec);
  const columns: RecordColumns = {
    hashes: new Int32Array(8),
    timeMs: new Float64Array(2),
    values: spec.measures.map(() => new Float64Array(2)),
    series: Array.from({ length: decoder.setCount }, () => new Uint32Array(2)),
    pairs: [],
  };
  return (record) => {
    const bytes = typeof record === "string" ? new TextEncoder().encode(record) : record;
    const refusal = decoder.read("source" in bytes ? bytes : wholeSpan(bytes), columns, 1);
    if (refusal !== null) return refusal.reason;
    return {
      hash: columns.hashes.subarray(4).join(" "),
      timeMs: columns.timeMs[1],
      values: columns.values.map((column) => column[1]),
      labels: decoder.setOf.map((set) => decoder.labelsOf(set, columns.series[set][1])),
    };
  };
}

const ORDER = {
  order_id: "o-1",
  time: "2023-10-11 12:00:01",
  amount: 12.5,
  region: "北京",
  category: "图书",
  user: "u7",
  payment: "failed",
};
const text = (changes: Readonly<Record<string, unknown>> = {}) => JSON.stringify({ ...ORDER, ...changes });

test("an order: local time of the zone, values, labels in UTF-8, a mapped value", () => {
  const read = reader(ORDERS)(text());
  expect(read).toMatchObject({
    timeMs: Date.UTC(2023, 9, 11, 4, 0, 1),
    values: [12.5, 1],
    labels: [{ region: "北京" }, { region: "北京", category: "图书" }],
  });
});

test("members in any order, with any spaces, escapes, or something nested beside them read the same", () => {
  const read = reader(ORDERS);
  const plain = read(text());
  const members = Object.entries(ORDER).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  fc.assert(
    fc.property(
      fc.shuffledSubarray(members, { minLength: members.length }),
      fc.constantFrom("", " ", "\n\t "),
      fc.constantFrom(
        null,
        '"x":{"y":[1]}',
        '"z":"\\n"',
        '"\\u0061":1',
        '"order_id":"o-1"',
        '"n":12345678901234567890',
      ),
      (shuffled, space, beside) => {
        const all = beside === null ? shuffled : [...shuffled, beside];
        const record = `${space}{${space}${all.join(`${space},${space}`).replaceAll('":', `"${space}:${space}`)}${space}}${space}`;
        expect(read(record)).toEqual(plain);
      },
    ),
  );
  expect(read(text().replace("北京", "\\u5317\\u4eac"))).toEqual(plain);
});

test("the plain way and the general one agree on every record, and with JSON.parse", () => {
  const nested: RecordSpec = {
    ...ORDERS,
    id: path("$.o.order_id"),
    time: { ...ORDERS.time, path: path("$.o.time") },
    measures: ORDERS.measures.map((each) => ({
      ...each,
      path: ["o", ...each.path],
      labels: each.labels.map((label) =>
        "path" in label ? { ...label, path: ["o", ...label.path] } : label,
      ),
    })),
  };
  const [plain, general] = [reader(ORDERS), reader(nested)];
  const scalar = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, "", "北京", "paid", "failed", -0, 1e300, [], {}),
  );
  const record = fc.record(
    {
      order_id: scalar,
      time: fc.oneof(fc.constantFrom("2024-02-29T23:59:59Z", "2023-02-29 00:00:00", "2024-01-01"), scalar),
      amount: fc.oneof(fc.double(), scalar),
      region: scalar,
      category: scalar,
      payment: fc.oneof(fc.constantFrom("paid", "failed"), scalar),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(record, (order) => {
      const written = JSON.stringify(order);
      const found = plain(written);
      expect(found).toEqual(general(`{"o":${written}}`));
      if (typeof found === "string") return;
      const parsed: { region: unknown; amount: unknown } = JSON.parse(written);
      expect(found.labels[0]).toEqual({ region: String(parsed.region) });
      if (typeof parsed.amount === "number") expect(found.values[0]).toBe(parsed.amount);
    }),
    { numRuns: 500 },
  );
});

test("ids: a text is no number, digits beyond 2^53 are told apart, written as a number or nested", () => {
  const read = reader(ORDERS);
  const hashOf = (id: string) => {
    const found = read(text().replace('"o-1"', id));
    return typeof found === "string" ? found : found.hash;
  };
  const ids = ["7", '"7"', "-7", "9007199254740992", "9007199254740993", '"9007199254740993"'];
  expect(new Set(ids.map(hashOf)).size).toBe(ids.length);
  expect(hashOf("7.0")).toBe(hashOf("7"));
  expect(hashOf("-0")).toBe(hashOf("0"));
  for (const none of ["1.5", '""', "null", "true", "{}", "1e300", JSON.stringify("x".repeat(1_025))])
    expect(hashOf(none)).toBe("no_id");
  const deep = reader({ ...ORDERS, id: path("$.a.id") });
  const deepOf = (id: string) => deep(text().replace('"order_id":"o-1"', `"a":{"id":${id}}`));
  expect(deepOf("9007199254740993")).not.toEqual(deepOf("9007199254740992"));
});

test("a label is the text that is sent, also where it begins with a byte order mark", () => {
  const read = reader(ORDERS);
  const labelsOf = (region: string) => {
    const found = read(text({ region }));
    return typeof found === "string" ? found : found.labels[0];
  };
  expect(labelsOf("\ufeff北京")).toEqual({ region: "\ufeff北京" });
  expect(labelsOf("北京")).toEqual({ region: "北京" });
});

test("labels of whole numbers keep their digits, also beyond what a double holds", () => {
  const read = reader({ ...ORDERS, measures: [measure("amount")] });
  const regionOf = (region: string) => {
    const found = read(`{"order_id":1,"time":"2024-02-29T23:59:59Z","amount":1,"region":${region}}`);
    return typeof found === "string" ? found : found.labels[0];
  };
  for (const digits of ["1765432109876543210", "1765432109876543211", "-1765432109876543299", "42", "0"])
    expect(regionOf(digits)).toEqual({ region: digits });
  // Written in another way, a number is what it is worth.
  expect(regionOf("1e3")).toEqual({ region: "1000" });
  expect(regionOf("-0")).toEqual({ region: "0" });
  expect(regionOf("1".repeat(256))).toEqual({ region: "1".repeat(256) });
  expect(regionOf("1".repeat(257))).toBe("no_label");
  expect(regionOf("1".repeat(2_000))).toBe("no_label");
});

test("a label is text: a number and the text of its digits are one", () => {
  const read = reader({ ...ORDERS, measures: [measure("amount")] });
  for (const [region, label] of [
    [7, "7"],
    ["7", "7"],
    [true, "true"],
    ["true", "true"],
    ["7.0", "7.0"],
  ])
    expect(read(text({ region }))).toMatchObject({ labels: [{ region: label }] });
});

test("the same id with another value, time or label is another content; what is not read does not count", () => {
  const read = reader(ORDERS);
  const wordsOf = (record: string) => {
    const found = read(record);
    return typeof found === "string" ? [] : found.hash.split(" ");
  };
  const [id, content] = [wordsOf(text()).slice(0, 3), wordsOf(text())[3]];
  for (const change of [
    { amount: 12.51 },
    { time: "2023-10-11 12:00:02" },
    { region: "上海" },
    { payment: "paid" },
  ]) {
    const words = wordsOf(text(change));
    expect(words.slice(0, 3)).toEqual(id);
    expect(words[3]).not.toBe(content);
  }
  expect(wordsOf(text({ user: "u8" }))[3]).toBe(content);
});

test("what is wrong is said by its reason", () => {
  const read = reader(ORDERS);
  const without = (key: string) => text({ [key]: undefined });
  const wrong: readonly (readonly [string | Uint8Array, string])[] = [
    ["", "malformed"],
    ["{", "malformed"],
    ["[1]", "malformed"],
    [`${text()} x`, "malformed"],
    [Uint8Array.from(Buffer.from(text().replace("u7", "\u00ff"), "latin1")), "malformed"],
    [without("order_id"), "no_id"],
    [without("time"), "no_time"],
    [text({ time: "yesterday" }), "bad_time"],
    [text({ time: 1_697_000_000 }), "bad_time"],
    [text({ time: "2023-13-11 12:00:01" }), "bad_time"],
    [without("region"), "no_label"],
    [text({ region: "" }), "no_label"],
    [text({ region: "a\u0000b" }), "no_label"],
    [text({ region: "x".repeat(257) }), "no_label"],
    [text({ region: "a\ud800" }), "no_label"],
    [text({ amount: "1\ud800" }), "bad_value"],
    [text({ category: [] }), "no_label"],
    [without("amount"), "no_value"],
    [text({ amount: "12,5" }), "bad_value"],
    [text({ amount: {} }), "bad_value"],
    [text().replace("12.5", "1e999"), "bad_value"],
    [text({ payment: "open" }), "bad_value"],
    [without("payment"), "no_value"],
  ];
  for (const [record, reason] of wrong) expect([record, read(record)]).toEqual([record, reason]);
  expect(read(text({ amount: "12.50" }))).toMatchObject({ values: [12.5, 1] });
});

test("a time that is none says which unit is configured", () => {
  const details = (["iso", "ms"] as const).map((unit) => {
    const decoder = new RecordDecoder({ ...ORDERS, time: { ...ORDERS.time, unit } });
    const columns = {
      hashes: new Int32Array(4),
      timeMs: new Float64Array(1),
      values: ORDERS.measures.map(() => new Float64Array(1)),
      series: Array.from({ length: decoder.setCount }, () => new Uint32Array(1)),
      pairs: [],
    };
    return decoder.read(wholeSpan(new TextEncoder().encode(text({ time: "yesterday" }))), columns, 0)?.detail;
  });
  expect(details).toEqual([
    expect.stringMatching(/yesterday.* is no ISO 8601 time \(unit: iso\)$/),
    expect.stringMatching(/yesterday.* is no number of ms since 1970$/),
  ]);
});

test("what is refused for a label or a position says what stands there", () => {
  const decoder = new RecordDecoder({ ...TRUCKS, measures: [TRUCKS.measures[0], TRUCKS.measures[1]] });
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: [new Float64Array(1), new Float64Array(1)],
    series: Array.from({ length: decoder.setCount }, () => new Uint32Array(1)),
    pairs: [],
  };
  const read = (changes: object, own = decoder) =>
    own.read(wholeSpan(new TextEncoder().encode(JSON.stringify({ ...report, ...changes }))), columns, 0)
      ?.detail;
  const label = ", where a text of 1 to 256 characters should be";
  expect(read({ truck: "" })).toBe(`an empty text for label truck${label}`);
  expect(read({ truck: undefined })).toBe(`nothing for label truck${label}`);
  expect(read({ truck: "a\0b" })).toBe(`a text with U+0000 for label truck${label}`);
  expect(read({ truck: "a\ud800" })).toBe(`a text with half of a surrogate pair for label truck${label}`);
  expect(read({ truck: "x".repeat(257) })).toBe(`a longer text for label truck${label}`);
  expect(read({ truck: [] })).toBe(`an object or a list for label truck${label}`);
  const zoned = new RecordDecoder({ ...TRUCKS, measures: [TRUCKS.measures[1]] });
  expect(read({ lon: null }, zoned)).toBe("no position for label zone");
  expect(read({ lon: 181 }, zoned)).toBe(
    "no longitude from -180 to 180 and latitude from -90 to 90 for label zone",
  );
  expect(read({ lat: "39.9" }, zoned)).toBe("a position in text, not in numbers, for label zone");
  const way = "where the value of way should be";
  const onlyWay = new RecordDecoder({ ...TRUCKS, measures: [TRUCKS.measures[0]] });
  expect(read({ lat: "39.9" }, onlyWay)).toBe(`a position in text, not in numbers, ${way}`);
  expect(read({ lat: 91 }, onlyWay)).toBe(`no longitude from -180 to 180 and latitude from -90 to 90 ${way}`);
});

test("what is refused for a value says what stands there", () => {
  const decoder = new RecordDecoder(ORDERS);
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: ORDERS.measures.map(() => new Float64Array(1)),
    series: Array.from({ length: decoder.setCount }, () => new Uint32Array(1)),
    pairs: [],
  };
  const read = (changes: Readonly<Record<string, unknown>>) =>
    decoder.read(wholeSpan(new TextEncoder().encode(text(changes))), columns, 0)?.detail;
  const amount = "where the value of amount should be";
  expect(read({ amount: "12,5" })).toBe(`no number ("12,5") ${amount}`);
  expect(read({ amount: "" })).toBe(`no number ("") ${amount}`);
  expect(read({ amount: "a\n\u001b[31m" })).toBe(`no number ("a\\n\\u001b[31m") ${amount}`);
  expect(read({ amount: "x".repeat(99) })).toBe(`no number ("${"x".repeat(64)}…") ${amount}`);
  expect(read({ amount: {} })).toBe(`no number (an object or a list) ${amount}`);
  expect(read({ amount: "1\ud800" })).toBe(`no number (a text with half of a surrogate pair) ${amount}`);
  expect(read({ amount: undefined })).toBe(`nothing ${amount}`);
  const failed = "where the value of payment_failed should be";
  expect(read({ payment: "open" })).toBe(`none of the map's values ("open") ${failed}`);
  expect(read({ payment: 7.5 })).toBe(`none of the map's values (7.5) ${failed}`);
  expect(read({ payment: null })).toBe(`nothing ${failed}`);
});

test("an optional value may be missing or null: it counts nowhere; a wrong one is refused all the same", () => {
  const read = reader({ ...ORDERS, measures: [measure("amount", { isOptional: true }), FAILED] });
  expect(read(text({ amount: undefined }))).toMatchObject({ values: [NaN, 1] });
  expect(read(text({ amount: null }))).toMatchObject({ values: [NaN, 1] });
  expect(read(text({ amount: "x" }))).toBe("bad_value");
});

test("a text that the map has as null counts nowhere; one that it has not is refused", () => {
  const map = new Map([
    ["paid", 0],
    ["pending", null],
  ]);
  const read = reader({ ...ORDERS, measures: [measure("amount"), { ...FAILED, map }] });
  for (const _ of [1, 2]) {
    expect(read(text({ payment: "pending" }))).toMatchObject({ values: [expect.any(Number), NaN] });
    expect(read(text({ payment: "paid" }))).toMatchObject({ values: [expect.any(Number), 0] });
    expect(read(text({ payment: "failed" }))).toBe("bad_value");
  }
});

test("junk never throws", () => {
  const read = reader(ORDERS);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (junk) => void read(junk)));
  const whole = new TextEncoder().encode(text());
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const broken = whole.slice();
      broken[at] = byte;
      let parsed: unknown;
      try {
        parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(broken));
      } catch {
        expect(read(broken)).toBe("malformed");
        return;
      }
      expect(parsed).not.toBe(undefined);
      expect(read(broken)).not.toBe("malformed");
    }),
    { numRuns: 1_000 },
  );
});

test("labels that are forgotten get numbers again", () => {
  const spec = { ...ORDERS, measures: [measure("amount")] };
  const decoder = new RecordDecoder(spec);
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: [new Float64Array(1)],
    series: [new Uint32Array(1)],
    pairs: [],
  };
  for (let at = 0; at < 70_000; at += 1) {
    expect(
      decoder.read(wholeSpan(new TextEncoder().encode(text({ region: `r${at}` }))), columns, 0),
    ).toBeNull();
    if (at % 10_000 === 0) expect(decoder.labelsOf(0, columns.series[0][0])).toEqual({ region: `r${at}` });
  }
  decoder.forget();
  decoder.read(wholeSpan(new TextEncoder().encode(text())), columns, 0);
  expect([columns.series[0][0], decoder.labelsOf(0, 0)]).toEqual([0, { region: "北京" }]);
});

const circle = (name: string, longitude: number, latitude: number, radiusKm: number): ZoneSpec => ({
  name,
  shape: { kind: "circle", center: [longitude, latitude], radiusKm },
});
const [LONGITUDE, LATITUDE] = [path("$.lon"), path("$.lat")];
const zone = (...zones: readonly ZoneSpec[]): RecordZoneLabel => ({
  name: "zone",
  zone: { longitude: LONGITUDE, latitude: LATITUDE, zones },
});
const TRUCK: RecordLabel = { name: "truck", path: path("$.truck") };
const TRUCKS: RecordSpec = {
  id: path("$.id"),
  time: { path: path("$.time"), unit: "ms", timeZone: null },
  measures: [
    measure("way", { path: LONGITUDE, value: { kind: "position", latitude: LATITUDE }, labels: [TRUCK] }),
    measure("speed", { path: path("$.speed"), labels: [TRUCK, zone(circle("北京", 116.4, 39.9, 20))] }),
    measure("delay", {
      path: path("$.due"),
      value: { kind: "since", unit: "iso", timeZone: "Asia/Shanghai" },
      adjustment: { scale: 1 / 60, offset: 0, conversion: null },
      labels: [TRUCK],
    }),
    measure("trucks", {
      path: path("$.truck"),
      value: { kind: "identity" },
      labels: [zone(circle("北京", 116.4, 39.9, 20))],
    }),
  ],
};
/** Of "t1", "t2" and 1, for ever: they are in stored panes. */
const IDENTITIES = [440_580_306_850_485, 2_121_108_069_432_918, 37_943_628_757_251];
const report = {
  id: "r1",
  truck: "t1",
  time: Date.parse("2026-01-05T00:31:00Z"),
  lon: 116.41,
  lat: 39.91,
  speed: 80,
  due: "2026-01-05 08:01:00",
};

test("a position, its zone, how late it is and whose it is, of one record", () => {
  const read = reader(TRUCKS);
  const at = (changes: object) => {
    const found = read(JSON.stringify({ ...report, ...changes }));
    if (typeof found === "string") throw new Error(found);
    return found;
  };
  const { values, labels } = at({});
  expect(unpackPosition(values[0])).toEqual({ longitude: 116.41, latitude: 39.91 });
  expect(values.slice(1, 3)).toEqual([80, 30]);
  expect(labels).toEqual([{ truck: "t1" }, { truck: "t1", zone: "北京" }, { truck: "t1" }, { zone: "北京" }]);
  expect(at({ lat: 41 }).labels[3]).toEqual({ zone: "outside" });
  expect(at({ due: "2026-01-05 08:32:00" }).values[2]).toBe(-1);
  // The same in every process, so that windows of several can be merged; texts and numbers are apart.
  expect([values[3], at({ truck: "t2" }).values[3], at({ truck: 1 }).values[3]]).toEqual(IDENTITIES);
});

test("what is no position, time or identity is said by its reason; where a value is optional, nothing may stand there", () => {
  const read = reader(TRUCKS);
  const [way, speed, delay] = TRUCKS.measures;
  const [onlyWay, onlyDelay] = [
    reader({ ...TRUCKS, measures: [way] }),
    reader({ ...TRUCKS, measures: [delay] }),
  ];
  const optional = reader({ ...TRUCKS, measures: [{ ...way, isOptional: true }, speed] });
  const text = (changes: object) => JSON.stringify({ ...report, ...changes });
  expect(read(text({ lon: null }))).toBe("no_label");
  expect(onlyWay(text({ lon: null }))).toBe("no_value");
  expect(onlyWay(text({ lat: undefined }))).toBe("no_value");
  for (const position of [{ lat: 90.1 }, { lon: -181 }, { lat: "39.9" }, { lon: 39.9, lat: 116.4 }])
    expect(onlyWay(text(position))).toBe("bad_value");
  expect(onlyDelay(text({ due: "soon" }))).toBe("bad_value");
  expect(onlyDelay(text({ due: null }))).toBe("no_value");
  expect(read(text({ truck: "" }))).toBe("no_label");
  expect(optional(text({ lon: null }))).toBe("no_label");
  const found = reader({ ...TRUCKS, measures: [{ ...way, isOptional: true }] })(
    text({ lon: null, lat: null }),
  );
  expect(found).toMatchObject({ values: [NaN] });
});

test("a record among others is read as it is alone, wherever it ends: what follows completes none", () => {
  const read = reader(ORDERS);
  const record = new TextEncoder().encode(text({ amount: 12.25 }));
  const source = Buffer.concat([record, record, new TextEncoder().encode('5"},0}')]);
  for (let end = record.length; end <= source.length; end += 1) {
    const span = { source, start: record.length, end };
    expect(read(span), `to byte ${end}`).toEqual(read(source.subarray(record.length, end)));
  }
  expect(read({ source, start: record.length, end: 2 * record.length })).toEqual(read(record));
});

test("a pair has one hash whichever way it is written, another for another, and its texts; without a part the record is refused", () => {
  const label = (name: string) => ({ name, path: path(`$.${name}`) });
  const decoder = new RecordDecoder({
    ...ORDERS,
    measures: [measure("amount", { labels: [] })],
    pairs: [{ key: [label("bank"), label("from")], value: label("to") }],
  });
  const columns = {
    hashes: new Int32Array(4),
    timeMs: new Float64Array(1),
    values: [new Float64Array(1)],
    series: [new Uint32Array(1)],
    pairs: [new Int32Array(2)],
  };
  const transfer = (members: string) =>
    new TextEncoder().encode(`{"order_id":"o-1","time":"2025-11-11 00:00:01","amount":2,${members}}`);
  const read = (members: string): string => {
    const bytes = transfer(members);
    const refusal = decoder.read(wholeSpan(bytes), columns, 0);
    return refusal === null
      ? `${columns.pairs[0].join(" ")} ${JSON.stringify(decoder.pairTextsOf(bytes, 0))}`
      : `${refusal.reason} ${refusal.detail}`;
  };
  const plain = read('"bank":"北京","from":"a1","to":"a23"');
  expect(plain).toContain('{"id":"o-1","key":["北京","a1"],"value":"a23"}');
  expect(read('"to":"\\u0061\\u0032\\u0033", "from": "a1","more":{},"bank":"北京"')).toBe(plain);
  const others = [
    read('"bank":"北京","from":"a12","to":"a3"'),
    read('"bank":"北京a","from":"1","to":"a23"'),
    read('"bank":"北京","from":9007199254740992,"to":true'),
    read('"bank":"北京","from":9007199254740993,"to":true'),
  ];
  expect(new Set([plain, ...others].map((text) => text.split(" ").slice(0, 2).join(" "))).size).toBe(5);
  expect(others[3]).toContain('["北京","9007199254740993"],"value":"true"');
  expect(read('"bank":"北京","from":"a1"')).toMatch(/^no_label .* for label to, /);
  for (const part of ['""', "null", "[]", `"${"x".repeat(257)}"`, '"a\\u0000b"'])
    expect(read(`"bank":"北京","to":"a1","from":${part}`)).toMatch(/^no_label .* for label from, /);
});
