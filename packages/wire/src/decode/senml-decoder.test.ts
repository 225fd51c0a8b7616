// SenML packs: the examples of RFC 8428, resolved records, relative times, and what is wrong costs no more than it must.
import { expect, test } from "vitest";
import { decodePayload, NOW_MS } from "./decode-payload.test-support.ts";
import type { SenmlSpec } from "./payload-spec.ts";

const spec: SenmlSpec = { kind: "senml", name: "urn:dev:{device}:{sensor}", read: "value" };
const read = (pack: unknown, by: Partial<SenmlSpec> = {}) =>
  decodePayload({ ...spec, ...by }, JSON.stringify(pack));

test("section 5.1.1: one record, now", () => {
  const pack = [{ n: "urn:dev:ow:10e2073a01080063", u: "Cel", v: 23.1 }];
  expect(read(pack, { name: "urn:dev:ow:{device}" })).toEqual([
    {
      ok: true,
      value: 23.1,
      timeMs: null,
      timeSubMsNs: 0,
      hasOwnTime: false,
      quality: "good",
      labels: ["10e2073a01080063"],
    },
  ]);
});

test("section 5.1.2: base name, base time and times before it", () => {
  const pack = [
    {
      bn: "urn:dev:ow:10e2073a0108006:",
      bt: 1.276020076001e9,
      bu: "A",
      bver: 5,
      n: "voltage",
      u: "V",
      v: 120.1,
    },
    { n: "current", t: -5, v: 1.2 },
    { n: "current", t: -4, v: 1.3 },
    { n: "current", v: 1.7 },
  ];
  expect(read(pack, { name: "urn:dev:ow:{device}:current", unit: "A" })).toMatchObject([
    { value: 1.2, timeMs: 1_276_020_071_001, timeSubMsNs: 0, hasOwnTime: true, labels: ["10e2073a0108006"] },
    { value: 1.3, timeMs: 1_276_020_072_001 },
    { value: 1.7, timeMs: 1_276_020_076_001 },
  ]);
  expect(read(pack, { name: "urn:dev:ow:{device}:voltage", unit: "A" })).toMatchObject([
    {
      reason: "malformed",
      detail: "record 1 (urn:dev:ow:10e2073a0108006:voltage): unit V in place of A",
    },
  ]);
  expect(read(pack, { name: "urn:dev:mac:{device}" })).toEqual([]);
});

test("times below 2^28 count from now, and are not the source's own", () => {
  const pack = [
    { n: "a", t: -60.5, v: 1 },
    { n: "a", t: 0, v: 2 },
    { n: "a", t: 2 ** 28 - 1, v: 3 },
    { n: "a", t: 2 ** 28, v: 4 },
  ];
  expect(read(pack, { name: "a" })).toMatchObject([
    { value: 1, timeMs: NOW_MS - 60_500, hasOwnTime: false },
    { value: 2, timeMs: null, hasOwnTime: false },
    { value: 3, timeMs: NOW_MS + (2 ** 28 - 1) * 1000, hasOwnTime: false },
    { value: 4, timeMs: 2 ** 28 * 1000, hasOwnTime: true },
  ]);
});

test("sums of base time and time are those of the decimals", () => {
  const pack = Array.from({ length: 1_000 }, (_, ms) => ({
    ...(ms === 0 ? { bt: 1_700_000_000.1 } : {}),
    n: "a",
    t: ms / 1000,
    v: 1,
  }));
  for (const [ms, decoded] of read(pack, { name: "a" }).entries())
    expect(decoded).toMatchObject({ timeMs: 1_700_000_000_100 + ms, timeSubMsNs: 0 });
});

test("values of every kind, base values and sums", () => {
  const pack = [
    { bn: "a", bv: 20, v: 1.5 },
    { v: -1, s: 7 },
    { vb: true },
    { vs: "12" },
    { vs: "warm" },
    { vd: "1234" },
    { bs: 100, s: 1 },
    { n: "b" },
  ];
  expect(read(pack, { name: "a" })).toMatchObject([
    { value: 21.5 },
    { value: 19 },
    { value: 1 },
    { value: 12 },
    { reason: "malformed", detail: "record 5 (a): no number as value: warm" },
    { reason: "malformed", detail: "record 6 (a): no number as value" },
    { reason: "malformed", detail: "record 7 (a): no number as value" },
    { reason: "malformed", detail: "record 8: neither value nor sum" },
  ]);
  const sums = read(pack.slice(0, 7), { name: "a", read: "sum" });
  expect(sums.map((decoded) => (decoded.ok ? decoded.value : decoded.reason))).toEqual([
    "malformed",
    7,
    "malformed",
    "malformed",
    "malformed",
    "malformed",
    101,
  ]);
});

test.each([
  [{ n: 1, v: 1 }, "malformed", 1],
  [{ n: "a", v: "1" }, "malformed", 1],
  [{ n: "a", v: 1, vb: true }, "malformed", 1],
  [{ n: "a", v: 1, t: "now" }, "bad_time", 1],
  [{ n: "a", v: 1, t: 1e300 }, "bad_time", 1],
  [{ v: 1 }, "malformed", 1],
  [{ bn: 5, n: "a", v: 1 }, "malformed", 2],
  [{ bver: 11, n: "a", v: 1 }, "malformed", 2],
  [{ n: "a", v: 1, must_: 1 }, "malformed", 2],
  ["junk", "malformed", 2],
])("%j is refused", (record, reason, count) => {
  const decoded = read([{ n: "a", v: 5 }, record, { n: "a", v: 6 }], { name: "a" });
  expect(decoded.filter(({ ok }) => ok)).toHaveLength(3 - count);
  expect(decoded.filter(({ ok }) => !ok)).toMatchObject([{ reason, count }]);
});

test("a long base name is not copied into every record", () => {
  const pack = [{ bn: "a".repeat(1_000_000) }, ...Array.from({ length: 5_000 }, () => ({ n: "b", v: 1 }))];
  const decoded = read([...pack, { bn: "", n: "a", v: 1 }], { name: "a" });
  expect(decoded).toHaveLength(5_001);
  expect(decoded[0]).toMatchObject({ ok: true });
  expect(decoded[1]).toMatchObject({ reason: "oversized" });
});

test("a pack is an array", () => {
  expect(read({ n: "a", v: 1 })).toMatchObject([{ reason: "malformed", detail: "no array of records" }]);
});
