// JSON payloads: values, times, qualities and labels by their paths; arrays of readings.
import { describe, expect, it, test } from "vitest";
import { decodePayload } from "./decode-payload.test-support.ts";
import { parseEachPath } from "./each-path.ts";
import type { JsonSpec } from "./payload-spec.ts";

const spec: JsonSpec = {
  kind: "json",
  value: "$.a.b[1]",
  time: { path: "$.ts", unit: "ms" },
  quality: { path: "$.q" },
};
const readJson = (value: unknown, by: JsonSpec = spec) => decodePayload(by, JSON.stringify(value));

test("JSON gives value, time and quality by their paths", () => {
  const sent = { a: { b: [0, 21.5] }, ts: 1_700_000_000_123, q: "good" };
  const good = {
    ok: true,
    value: 21.5,
    timeMs: 1_700_000_000_123,
    timeSubMsNs: 0,
    hasOwnTime: true,
    quality: "good",
    labels: [],
  };
  expect(readJson(sent)).toEqual([good]);
  expect(readJson({ ...sent, a: { b: [0, "21.5"] } })).toEqual([good]);
  expect(readJson({ ...sent, a: { b: [0, true] } })).toEqual([{ ...good, value: 1 }]);
  expect(readJson({ ...sent, a: { b: [0, false] } })).toEqual([{ ...good, value: 0 }]);
  expect(readJson({ ...sent, q: 64 })).toMatchObject([{ quality: "uncertain" }]);
  expect(readJson({ ...sent, q: "broken wire" })).toMatchObject([{ quality: "bad" }]);
  expect(readJson({ ...sent, q: null })).toMatchObject([{ quality: "uncertain" }]);
  expect(readJson({ ...sent, ts: "soon" })).toMatchObject([{ ok: false, reason: "bad_time" }]);
  expect(readJson({ ...sent, ts: undefined })).toMatchObject([{ ok: false, reason: "bad_time" }]);
  for (const b of [[0], [0, null], [0, [1]], [0, "x"], { 1: 5 }, undefined]) {
    expect(readJson({ ...sent, a: { b } })).toMatchObject([{ ok: false, reason: "malformed" }]);
  }
  expect(decodePayload(spec, '{"a":{"b":[0,1e999]},"ts":1,"q":1}')).toMatchObject([
    { ok: false, reason: "not_finite" },
  ]);
  expect(decodePayload(spec, "{")).toMatchObject([{ ok: false, reason: "malformed" }]);
  expect(readJson(7, { kind: "json", value: "$" })).toMatchObject([{ ok: true, value: 7, timeMs: null }]);
  expect(readJson({}, { kind: "json", value: "$.toString.length" })).toMatchObject([{ ok: false }]);
});

describe("arrays of readings", () => {
  const each: JsonSpec = {
    kind: "json",
    each: "$.readings",
    value: "$.v",
    time: { path: "$.t", unit: "ms" },
    labels: { machine: "$.device", sensor: "$.name" },
  };

  it("are read by the same paths, and what an element lacks by what is around it", () => {
    const readings = [
      { v: 1, t: 1, name: "a" },
      { v: 2, name: "b", device: "m2" },
    ];
    expect(readJson({ device: "m1", t: 9, readings }, each)).toMatchObject([
      { value: 1, timeMs: 1, labels: ["m1", "a"] },
      { value: 2, timeMs: 9, labels: ["m2", "b"] },
    ]);
  });

  it("lose only the elements that cannot be read", () => {
    const readings = [
      { v: 1, t: 1, name: "a" },
      5,
      null,
      { v: "x", t: 2, name: "b" },
      { v: 3, t: 3, name: "c" },
    ];
    expect(readJson({ device: "m1", readings }, each)).toMatchObject([
      { value: 1 },
      { ok: false, reason: "malformed", detail: "element 2 of $.readings: no number at $.v" },
      { ok: false, detail: "element 3 of $.readings: no number at $.v" },
      { ok: false, detail: "element 4 of $.readings: no number at $.v: x" },
      { value: 3 },
    ]);
    expect(readJson({ device: "m1" }, each)).toMatchObject([
      { ok: false, reason: "malformed", detail: "element 1 of $.readings: no array" },
    ]);
    expect(readJson({ readings: [] }, each)).toEqual([]);
  });

  it("may stand in one another, and be rows of numbers", () => {
    const nested: JsonSpec = { kind: "json", each: "$[*].rows", value: "$[1]", labels: { machine: "$.id" } };
    const sent = [
      {
        id: "a",
        rows: [
          [0, 1],
          [0, 2],
        ],
      },
      { id: "b" },
      { id: "c", rows: [[0, 3]] },
    ];
    expect(readJson(sent, nested)).toMatchObject([
      { value: 1, labels: ["a"] },
      { value: 2, labels: ["a"] },
      { ok: false },
      { value: 3, labels: ["c"] },
    ]);
    expect(readJson([[1, 2], [3]], { kind: "json", each: "$[*]", value: "$" })).toMatchObject([
      { value: 1 },
      { value: 2 },
      { value: 3 },
    ]);
  });

  it("stand at a path", () => {
    expect(parseEachPath("$.a[*].b[0][*]")).toEqual([["a"], ["b", 0], []]);
    for (const text of ["", "a", "$.a[*]b", "$[*", "$..a"]) expect(parseEachPath(text)).toBeUndefined();
  });
});

test.each([
  ["m1", ["m1"]],
  [7, ["7"]],
  [true, ["true"]],
  ["", "malformed"],
  [undefined, "malformed"],
  [null, "malformed"],
  [{}, "malformed"],
  ["x".repeat(256), ["x".repeat(256)]],
  ["x".repeat(257), "oversized"],
  ["a\0b", "malformed"],
  ["\ud800", "malformed"],
])("label %j", (device, expected) => {
  const [decoded] = readJson(
    { v: 1, device },
    { kind: "json", value: "$.v", labels: { machine: "$.device" } },
  );
  expect(decoded.ok ? decoded.labels : decoded.reason).toEqual(expected);
});
