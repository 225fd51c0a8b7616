// Payloads give a value, a time and a quality, or a reason; nothing a sensor sends throws.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonPath } from "./json-path.ts";
import { decodePayload, type PayloadSpec } from "./payload-decoder.ts";
import { parseSourceTime, TIME_UNITS } from "./source-time.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const plain = (text: string) => decodePayload({ kind: "number" }, bytes(text));
const json: PayloadSpec = {
  kind: "json",
  value: "$.a.b[1]",
  time: { path: "$.ts", unit: "ms" },
  quality: { path: "$.q" },
};
const readJson = (value: unknown, spec = json) => decodePayload(spec, bytes(JSON.stringify(value)));

test("plain numbers are strict decimal text", () => {
  for (const [text, value] of [
    ["21.5", 21.5],
    ["-3", -3],
    [" +1e3\n", 1000],
    [".5", 0.5],
    ["5.", 5],
  ] as const) {
    expect(plain(text)).toEqual({ ok: true, value, timeMs: null, timeSubMsNs: 0, quality: "good" });
  }
  for (const text of ["", " ", "NaN", "Infinity", "0x10", "1,5", "21.5C", "1 2", "null", "--1", "."]) {
    expect(plain(text)).toMatchObject({ ok: false, reason: "malformed" });
  }
  expect(plain("1e999")).toMatchObject({ ok: false, reason: "not_finite" });
  expect(decodePayload({ kind: "number" }, Uint8Array.of(0xff))).toMatchObject({
    ok: false,
    reason: "malformed",
  });
});

test("JSON gives value, time and quality by their paths", () => {
  const sent = { a: { b: [0, 21.5] }, ts: 1_700_000_000_123, q: "good" };
  const good = { ok: true, value: 21.5, timeMs: 1_700_000_000_123, timeSubMsNs: 0, quality: "good" };
  expect(readJson(sent)).toEqual(good);
  expect(readJson({ ...sent, a: { b: [0, "21.5"] } })).toEqual(good);
  expect(readJson({ ...sent, q: 64 })).toMatchObject({ quality: "uncertain" });
  expect(readJson({ ...sent, q: "broken wire" })).toMatchObject({ quality: "bad" });
  expect(readJson({ ...sent, q: null })).toMatchObject({ quality: "uncertain" });
  expect(readJson({ ...sent, ts: "soon" })).toMatchObject({ ok: false, reason: "bad_time" });
  expect(readJson({ ...sent, ts: undefined })).toMatchObject({ ok: false, reason: "bad_time" });
  for (const b of [[0], [0, null], [0, true], [0, [1]], [0, "x"], { 1: 5 }, undefined]) {
    expect(readJson({ ...sent, a: { b } })).toMatchObject({ ok: false, reason: "malformed" });
  }
  expect(decodePayload(json, bytes('{"a":{"b":[0,1e999]},"ts":1,"q":1}'))).toMatchObject({
    ok: false,
    reason: "not_finite",
  });
  expect(decodePayload(json, bytes("{"))).toMatchObject({ ok: false, reason: "malformed" });
  expect(readJson(7, { kind: "json", value: "$" })).toMatchObject({ ok: true, value: 7, timeMs: null });
  expect(readJson({}, { kind: "json", value: "$.toString.length" })).toMatchObject({ ok: false });
  expect(readJson({}, { kind: "json", value: "a..b" })).toMatchObject({ ok: false, reason: "malformed" });
});

test("never throws", () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      (junk) => void [decodePayload(json, junk), decodePayload({ kind: "number" }, junk)],
    ),
  );
  fc.assert(fc.property(fc.json(), (text) => void decodePayload(json, bytes(text))));
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom(...TIME_UNITS),
      (text, unit) => void parseSourceTime(text, unit),
    ),
  );
});

test.each([
  [1_700_000_000, "s", 1_700_000_000_000, 0],
  [1_700_000_000.123, "s", 1_700_000_000_123, 0],
  ["1700000000.123456789", "s", 1_700_000_000_123, 456_789],
  [1_700_000_000_123.5, "ms", 1_700_000_000_123, 500_000],
  [1_700_000_000_123_456, "us", 1_700_000_000_123, 456_000],
  ["1700000000123456789", "ns", 1_700_000_000_123, 456_789],
  [-1, "us", -1, 999_000],
  [-1.5, "s", -1500, 0],
  ["2023-11-14T22:13:20.123456Z", "iso", 1_700_000_000_123, 456_000],
  ["2023-11-15T06:13:20+08:00", "iso", 1_700_000_000_000, 0],
  ["2024-02-29T00:00Z", "iso", 1_709_164_800_000, 0],
  ["2016-12-31T23:59:60Z", "iso", 1_483_228_800_000, 0],
] as const)("time %j in %s", (value, unit, timeMs, subMsNs) => {
  expect(parseSourceTime(value, unit)).toEqual({ timeMs, subMsNs });
});

test.each([
  ["2023-11-14T22:13:20", "iso"],
  ["2023-02-29T00:00:00Z", "iso"],
  ["2023-11-14T24:00:00Z", "iso"],
  ["yesterday", "iso"],
  [1_700_000_000, "iso"],
  ["0x10", "ms"],
  ["", "ms"],
  [Infinity, "ms"],
  [1e30, "s"],
  [true, "ms"],
] as const)("%j is no time in %s", (value, unit) => {
  expect(parseSourceTime(value, unit)).toBeUndefined();
});

test("paths", () => {
  expect(parseJsonPath("$")).toEqual([]);
  expect(parseJsonPath('$.a.b-c[0]["x y"].温')).toEqual(["a", "b-c", 0, "x y", "温"]);
  for (const text of ["", "a", "$a", "$.", "$..a", "$[x]", "$.a[", "$[-1]", "$[*]"])
    expect(parseJsonPath(text)).toBeUndefined();
});
