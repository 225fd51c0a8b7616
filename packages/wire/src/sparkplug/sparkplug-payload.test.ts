// Payloads made by Eclipse Tahu's own library, and junk: what a host reads of them, and that nothing makes it throw.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ELEMENTS_MAX } from "../decode/elements-max.ts";
import { ProtobufReader } from "./protobuf-reader.ts";
import { readSparkplugMetric } from "./read-sparkplug-metric.ts";
import { rebirthCommand } from "./rebirth-command.ts";
import { sparkplugBytes, type TahuMetric, type TahuPayload } from "./sparkplug-bytes.test-support.ts";
import { parseSparkplugPayload } from "./sparkplug-payload.ts";
import { SPARKPLUG_TYPES, type SparkplugType, sparkplugType } from "./sparkplug-types.ts";

const NOW_MS = 1_700_000_000_000;

function parsed(payload: TahuPayload) {
  const result = parseSparkplugPayload(sparkplugBytes(payload));
  if (!result.ok) throw new Error(result.detail);
  return result.message;
}

/** What a metric reads as. */
function read(type: SparkplugType, fields: TahuMetric) {
  const [metric] = parsed({
    metrics: [{ name: "m", datatype: SPARKPLUG_TYPES.indexOf(type), ...fields }],
  }).metrics;
  return readSparkplugMetric(metric, sparkplugType(metric.datatype), NOW_MS);
}

const safeInteger = fc.maxSafeNat();
const tahuMetric: fc.Arbitrary<TahuMetric> = fc.record(
  {
    name: fc.string({ unit: "grapheme", maxLength: 12 }),
    alias: safeInteger,
    timestamp: safeInteger,
    datatype: fc.nat({ max: 40 }),
    isHistorical: fc.boolean(),
    isTransient: fc.boolean(),
    isNull: fc.boolean(),
    metadata: fc.record({ size: safeInteger, description: fc.string() }, { requiredKeys: [] }),
    properties: fc
      .array(fc.tuple(fc.constantFrom("Quality", "engUnit", "x"), fc.nat({ max: 600 })), { maxLength: 4 })
      .map((entries) => ({
        keys: entries.map(([key]) => key),
        values: entries.map(([, intValue]) => ({ type: 3, intValue })),
      })),
  },
  { requiredKeys: [] },
);
const tahuValue: fc.Arbitrary<TahuMetric> = fc.oneof(
  fc.nat({ max: 2 ** 32 - 1 }).map((intValue) => ({ intValue })),
  safeInteger.map((longValue) => ({ longValue })),
  fc.float().map((floatValue) => ({ floatValue })),
  fc.double().map((doubleValue) => ({ doubleValue })),
  fc.boolean().map((booleanValue) => ({ booleanValue })),
  fc.string({ unit: "grapheme" }).map((stringValue) => ({ stringValue })),
  fc.uint8Array().map((bytesValue) => ({ bytesValue })),
  fc.constant<TahuMetric>({
    datasetValue: { numOfColumns: 1, columns: ["c"], types: [3], rows: [{ elements: [{ intValue: 1 }] }] },
  }),
  fc.constant<TahuMetric>({
    templateValue: { version: "1", metrics: [{ name: "inner", intValue: 1 }], isDefinition: true },
  }),
  fc.constant({}),
);
const tahuPayload: fc.Arbitrary<TahuPayload> = fc.record(
  {
    timestamp: safeInteger,
    seq: fc.nat({ max: 255 }),
    uuid: fc.string(),
    body: fc.uint8Array({ maxLength: 20 }),
    metrics: fc.array(
      fc.tuple(tahuMetric, tahuValue).map(([metric, value]) => ({ ...metric, ...value })),
      { maxLength: 6 },
    ),
  },
  { requiredKeys: [] },
);

function valueOf(metric: TahuMetric) {
  if (metric.intValue != null) return { kind: "integer", value: metric.intValue };
  if (metric.longValue != null) return { kind: "integer", value: metric.longValue };
  if (metric.floatValue != null) return { kind: "floating", value: metric.floatValue };
  if (metric.doubleValue != null) return { kind: "floating", value: metric.doubleValue };
  if (metric.booleanValue != null) return { kind: "boolean", value: metric.booleanValue };
  if (metric.stringValue != null) return { kind: "text", value: metric.stringValue };
  const isCompound = [metric.bytesValue, metric.datasetValue, metric.templateValue].some(
    (value) => value != null,
  );
  return isCompound ? { kind: "compound" } : undefined;
}

test("whatever Tahu's library writes is read as it was meant", () => {
  fc.assert(
    fc.property(tahuPayload, (payload) => {
      const { timestamp, seq, metrics, unreadCount } = parsed(payload);
      expect([timestamp, seq, unreadCount]).toEqual([payload.timestamp, payload.seq, 0]);
      expect(metrics).toEqual(
        (payload.metrics ?? []).map((metric) => {
          const place = metric.properties?.keys?.indexOf("Quality") ?? -1;
          return {
            name: metric.name,
            alias: metric.alias,
            timestamp: metric.timestamp,
            datatype: metric.datatype,
            isHistorical: metric.isHistorical ?? false,
            isNull: metric.isNull ?? false,
            quality: place < 0 ? undefined : metric.properties?.values?.[place]?.intValue,
            value: valueOf(metric),
          };
        }),
      );
    }),
    { numRuns: 500 },
  );
});

describe("junk", () => {
  const check = (bytes: Uint8Array): void => {
    const result = parseSparkplugPayload(bytes);
    if (!result.ok) {
      expect(result.detail).toMatch(/^.{10,120}$/);
      return;
    }
    for (const metric of result.message.metrics)
      for (const type of SPARKPLUG_TYPES) {
        const decoded = readSparkplugMetric(metric, type, result.message.timestamp);
        if (decoded.ok) expect(Number.isFinite(decoded.value)).toBe(true);
      }
  };

  it("never throws, nor does a payload that is cut or has a bit turned", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 1_000 });
    fc.assert(
      fc.property(tahuPayload, fc.nat(), fc.nat({ max: 7 }), (payload, at, bit) => {
        const bytes = sparkplugBytes(payload);
        check(bytes.subarray(0, at % (bytes.length + 1)));
        if (bytes.length > 0) bytes[at % bytes.length] ^= 1 << bit;
        check(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["a length beyond the end", [0x12, 0x7f, 0x0a]],
    ["a length beyond its message", [0x12, 0x03, 0x0a, 0x05, 0x61, 0x62, 0x63, 0x64, 0x65]],
    ["a number of eleven bytes", [0x08, ...Array<number>(11).fill(0x80)]],
    ["a length of 64 bits", [0x12, ...Array<number>(9).fill(0xff), 0x01]],
    ["a group", [0x0b, 0x0c]],
    ["field 0", [0x00, 0x00]],
    ["a sequence number as text", [0x1a, 0x01, 0x61]],
  ])("%s is malformed", (_name, bytes) => {
    expect(parseSparkplugPayload(Uint8Array.from(bytes))).toMatchObject({ ok: false, reason: "malformed" });
  });

  it("of nested messages without end costs no stack", () => {
    expect(parseSparkplugPayload(new Uint8Array(500_000).fill(0x12)).ok).toBe(false);
  });
});

test("metrics beyond the bound are counted", () => {
  const metrics = Array.from({ length: ELEMENTS_MAX + 3 }, (_, alias) => ({ alias }));
  const { metrics: kept, unreadCount } = parsed({ metrics });
  expect([kept.length, unreadCount]).toEqual([ELEMENTS_MAX, 3]);
});

describe("values", () => {
  it.each<[SparkplugType, TahuMetric, number]>([
    ["Int8", { intValue: 0xffff_fffb }, -5],
    ["Int8", { intValue: 0xfb }, -5],
    ["Int16", { intValue: 0xffff_8000 }, -32_768],
    ["Int16", { intValue: 0x8000 }, -32_768],
    ["Int32", { intValue: 0xffff_ffff }, -1],
    ["Int32", { intValue: 2_147_483_647 }, 2_147_483_647],
    ["Int64", { longValue: 42 }, 42],
    ["UInt8", { intValue: 200 }, 200],
    ["UInt16", { intValue: 65_535 }, 65_535],
    ["UInt32", { intValue: 0xffff_ffff }, 4_294_967_295],
    ["UInt32", { longValue: 4_294_967_295 }, 4_294_967_295],
    ["UInt64", { longValue: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER],
    ["Float", { floatValue: 0.5 }, 0.5],
    ["Double", { doubleValue: -1e300 }, -1e300],
    ["Boolean", { booleanValue: true }, 1],
    ["Boolean", { booleanValue: false }, 0],
    ["DateTime", { longValue: NOW_MS }, NOW_MS],
    ["Unknown", { doubleValue: 1.5 }, 1.5],
  ])("%s of %o is %d", (type, fields, value) => {
    expect(read(type, fields)).toMatchObject({ ok: true, value, quality: "good", hasOwnTime: true });
  });

  it("has 64 bits of sign", () => {
    const bytes = Uint8Array.from([0x12, 13, 0x20, 4, 0x58, ...Array<number>(9).fill(0xff), 0x01]);
    const result = parseSparkplugPayload(bytes);
    if (!result.ok) throw new Error(result.detail);
    const [metric] = result.message.metrics;
    expect(readSparkplugMetric(metric, "Int64", undefined)).toMatchObject({
      ok: true,
      value: -1,
      timeMs: null,
    });
    expect(readSparkplugMetric(metric, "UInt64", undefined)).toMatchObject({ ok: true, value: 2 ** 64 });
  });

  it.each<[SparkplugType, TahuMetric, string, string]>([
    ["String", { stringValue: "21.5" }, "not_numeric", "String is no number"],
    ["DataSet", { datasetValue: { numOfColumns: 0 } }, "not_numeric", "DataSet is no number"],
    ["Template", { templateValue: { isDefinition: true } }, "not_numeric", "Template is no number"],
    ["Bytes", { bytesValue: Uint8Array.of(1) }, "not_numeric", "Bytes is no number"],
    ["Int32Array", { bytesValue: Uint8Array.of(1) }, "not_numeric", "Int32Array is no number"],
    ["Unknown", { stringValue: "x" }, "not_numeric", "text is no number"],
    ["Float", { isNull: true }, "null_value", "null"],
    ["Float", {}, "malformed", "no value"],
    ["Float", { floatValue: Number.NaN }, "not_finite", "NaN is no finite number"],
    [
      "Float",
      { floatValue: 1, timestamp: Number.MAX_SAFE_INTEGER },
      "bad_time",
      "9007199254740991 is no time in ms",
    ],
  ])("%s of %o is none: %s", (type, fields, reason, detail) => {
    expect(read(type, fields)).toEqual({ ok: false, reason, detail, count: 1 });
  });

  it.each([
    [192, "good"],
    [0, "bad"],
    [500, "bad"],
    [undefined, "good"],
  ])("with quality %s is %s", (code, quality) => {
    const properties =
      code === undefined ? {} : { keys: ["a", "Quality"], values: [{}, { type: 3, intValue: code }] };
    expect(read("Float", { floatValue: 1, properties })).toMatchObject({ quality });
  });

  it("brings its own time, else its payload's, and says when it is historical", () => {
    expect(read("Float", { floatValue: 1, timestamp: NOW_MS - 5, isHistorical: true })).toMatchObject({
      timeMs: NOW_MS - 5,
      isHistorical: true,
    });
    expect(read("Float", { floatValue: 1 })).toMatchObject({ timeMs: NOW_MS, isHistorical: false });
  });
});

test("the command for a rebirth reads as one", () => {
  const { topic, payload } = rebirthCommand({ group: "g", node: "n" }, NOW_MS);
  expect(topic).toBe("spBv1.0/g/NCMD/n");
  expect(parseSparkplugPayload(payload)).toMatchObject({
    ok: true,
    message: {
      timestamp: NOW_MS,
      metrics: [
        {
          name: "Node Control/Rebirth",
          timestamp: NOW_MS,
          datatype: SPARKPLUG_TYPES.indexOf("Boolean"),
          value: { kind: "boolean", value: true },
        },
      ],
    },
  });
  const again = sparkplugBytes({
    timestamp: NOW_MS,
    metrics: [{ name: "Node Control/Rebirth", timestamp: NOW_MS, datatype: 11, booleanValue: true }],
  });
  expect(payload).toEqual(again);
});

test("a reader at its end has no field", () => {
  const reader = new ProtobufReader(new Uint8Array(0));
  expect([reader.next(), reader.fault]).toEqual([0, undefined]);
});
