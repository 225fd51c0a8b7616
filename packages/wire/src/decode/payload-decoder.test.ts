// What holds for every kind of payload: nothing a sensor sends throws, no payload gives readings without bound, and one
// payload is parsed once for all the metrics that read it.
import fc from "fast-check";
import { describe, expect, it, test, vi } from "vitest";
import { decodePayload, NOW_MS } from "./decode-payload.test-support.ts";
import { ELEMENTS_MAX } from "./elements-max.ts";
import { Payload } from "./payload.ts";
import { payloadDecoder } from "./payload-decoder.ts";
import type { PayloadSpec } from "./payload-spec.ts";

const SPECS: readonly PayloadSpec[] = [
  { kind: "number" },
  { kind: "json", value: "$.v", time: { path: "$.t", unit: "ms" }, labels: { machine: "$.m" } },
  { kind: "json", each: "$[*].r", value: "$.v", quality: { path: "$.q" } },
  { kind: "csv", delimiter: ",", value: "v", time: { column: "t", unit: "s" }, labels: { machine: "m" } },
  { kind: "csv", delimiter: ";", columns: ["t", "v"], value: "v", quality: { column: "t" } },
  { kind: "senml", name: "dev:{machine}:v", read: "value" },
  { kind: "influx", measurement: "m", field: "v", precision: "ns", labels: { machine: "m" } },
];

describe("junk", () => {
  const pieces = fc.constantFrom(
    ...'{}[]",:;=\\ \n\r\t#1.e-+itv_'.split(""),
    "v",
    "t",
    "m",
    "bn",
    '"v":',
    '[{"n":"dev:a:v","v":1}',
    "m,m=a v=1i 17",
    "t,v,m\n",
    "\u{fffd}",
    "°",
    "null",
    "1e400",
  );
  const text = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(""));
  it.each(SPECS)("never throws: $kind", (spec) => {
    const check = (content: string | Uint8Array) => {
      for (const decoded of decodePayload(spec, content)) {
        if (decoded.ok) expect(Number.isFinite(decoded.value)).toBe(true);
        else expect(decoded.count).toBeGreaterThan(0);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check));
    fc.assert(fc.property(fc.json(), check));
    fc.assert(fc.property(text, check), { numRuns: 500 });
  });

  it.each(SPECS)("that is deep or endless is bounded: $kind", (spec) => {
    for (const unit of ["[", '{"v":', '"', "v=1,", "\\", "1\n", "m v=1\n", ",\n", 'a"b\n', '""\n', "{},"]) {
      const decoded = decodePayload(spec, unit.repeat(200_000 / unit.length));
      expect(decoded.length).toBeLessThanOrEqual(2 * ELEMENTS_MAX + 2);
    }
  });

  it.each([
    [SPECS[0], (digits: string) => `${digits}x`],
    [SPECS[1], (digits: string) => `{"v":"${digits}x","t":1}`],
    [SPECS[3], (digits: string) => `v,t,m\n${digits}x,1,a`],
    [SPECS[6], (digits: string) => `m,m=a v=${digits}x 17`],
  ])("of digits without end that are no number is told at once: %j", (spec, contentOf) => {
    const decoded = decodePayload(spec, contentOf("1".repeat(400_000)));
    expect(decoded).toMatchObject([{ ok: false, reason: "malformed" }]);
  });

  it.each([
    [SPECS[6], `m ${"f".repeat(9_000)}`],
    [SPECS[6], `m ${"f".repeat(9_000)}=`],
    [SPECS[6], `m,${"t".repeat(9_000)}= v=1`],
    [SPECS[6], `m,m=a v=1 ${"1".repeat(9_000)}`],
    [SPECS[5], JSON.stringify([{ [`${"x".repeat(9_000)}_`]: 1 }])],
    [
      { ...SPECS[5], unit: "V" } as PayloadSpec,
      JSON.stringify([{ n: "dev:a:v", u: "x".repeat(9_000), v: 1 }]),
    ],
    [SPECS[3], `${"c".repeat(9_000)}\n1`],
    [SPECS[0], "x".repeat(9_000)],
  ])("is told in a few words: %#", (spec, text) => {
    const [decoded] = decodePayload(spec, text);
    expect(decoded.ok ? "" : decoded.detail).toMatch(/^.{10,250}$/);
  });
});

test.each<[PayloadSpec, (count: number) => string]>([
  [
    { kind: "json", each: "$.r", value: "$" },
    (count) => JSON.stringify({ r: Array.from({ length: count }, (_, index) => index) }),
  ],
  [{ kind: "csv", delimiter: ",", value: "v" }, (count) => `v\n${"1\n".repeat(count)}`],
  [
    { kind: "senml", name: "a", read: "value" },
    (count) => JSON.stringify(Array.from({ length: count }, () => ({ n: "a", v: 1 }))),
  ],
  [{ kind: "influx", measurement: "m", field: "v", precision: "ns" }, (count) => "m v=1\n".repeat(count)],
])("beyond the bound elements are counted, not read: %o", (spec, write) => {
  const decoded = decodePayload(spec, write(ELEMENTS_MAX + 7));
  expect(decoded.filter(({ ok }) => ok)).toHaveLength(ELEMENTS_MAX);
  expect(decoded.filter(({ ok }) => !ok)).toMatchObject([{ reason: "too_many", count: 7 }]);
});

test("one payload is parsed once, and what is wrong with it is said once", () => {
  const parse = vi.spyOn(JSON, "parse");
  const payload = new Payload(new TextEncoder().encode('{"a":{"v":1},"b":2,"c":"3"}'), NOW_MS);
  const values = ["$.a.v", "$.b", "$.c"].map((value) => {
    const [decoded] = payloadDecoder({ kind: "json", value }).decode(payload);
    return decoded.ok ? decoded.value : decoded.reason;
  });
  expect(values).toEqual([1, 2, 3]);
  expect(parse).toHaveBeenCalledTimes(1);
  parse.mockRestore();

  const broken = new Payload(new TextEncoder().encode("{"), NOW_MS);
  for (const value of ["$.a", "$.b"])
    expect(payloadDecoder({ kind: "json", value }).decode(broken)).toEqual([]);
  expect(broken.failures).toMatchObject([{ reason: "malformed", detail: "not JSON: {" }]);
});

test("plain numbers are strict decimal text", () => {
  const plain = (text: string) => decodePayload({ kind: "number" }, text);
  for (const [text, value] of [
    ["21.5", 21.5],
    ["-3", -3],
    [" +1e3\n", 1000],
    [".5", 0.5],
    ["5.", 5],
  ] as const) {
    const good = { ok: true, timeMs: null, timeSubMsNs: 0, hasOwnTime: false, quality: "good", labels: [] };
    expect(plain(text)).toEqual([{ ...good, value }]);
  }
  for (const text of ["", " ", "NaN", "Infinity", "0x10", "1,5", "21.5C", "1 2", "null", "--1", "."]) {
    expect(plain(text)).toMatchObject([{ ok: false, reason: "malformed" }]);
  }
  expect(plain("1e999")).toMatchObject([{ ok: false, reason: "not_finite" }]);
  expect(decodePayload({ kind: "number" }, Uint8Array.of(0xff))).toMatchObject([
    { ok: false, reason: "malformed", detail: "not UTF-8" },
  ]);
});
