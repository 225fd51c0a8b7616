// The quick way of reading JSON against the general one: whatever it takes it reads to the same bits, and the usual payloads it
// does take.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ELEMENTS_MAX } from "./elements-max.ts";
import { alikeArrayBytes, arrayBytes, KEYS, NUMBERS, readingBytes } from "./json-bytes.test-support.ts";
import { jsonDecoder } from "./json-decoder.ts";
import { Payload } from "./payload.ts";
import type { JsonSpec } from "./payload-spec.ts";
import { PlainReadings } from "./plain-readings.ts";

const ONE: JsonSpec = { kind: "json", value: "$.x", time: { path: "$.t", unit: "ms" } };
const SPECS: readonly JsonSpec[] = [
  { ...ONE, value: "$.ts" },
  { ...ONE, time: { path: "$.ts", unit: "s" } },
  { ...ONE, time: { path: "$.x", unit: "ms" } },
  { kind: "json", value: "$.q" },
];
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What the quick way makes of it; undefined where it declines. */
function readPlainly(spec: JsonSpec, bytes: Uint8Array) {
  const into = new PlainReadings();
  const { plain } = jsonDecoder(spec);
  if (plain === undefined || !plain.read(bytes, into)) return undefined;
  return Array.from({ length: into.count }, (_, at) => [
    plain.hasOwnTime ? into.timeMs[at] : null,
    into.value[at],
  ]);
}

/** What the general way makes of it; a failure is in the place of its reading. */
function readGenerally(spec: JsonSpec, bytes: Uint8Array) {
  const payload = new Payload(bytes, 0);
  const decoded = jsonDecoder(spec).decode(payload);
  return [...decoded, ...payload.failures].map((one) =>
    one.ok ? [one.timeMs, one.value, one.quality] : one.reason,
  );
}

test("whatever it takes, it reads to the bits that JSON.parse gives", () => {
  let takenCount = 0;
  const property = fc.property(
    fc.oneof(
      readingBytes.map((bytes) => ({ bytes, each: undefined })),
      arrayBytes.map((bytes) => ({ bytes, each: "$" })),
    ),
    fc.constantFrom(ONE, ONE, ONE, ...SPECS),
    ({ bytes, each }, one) => {
      const spec = each === undefined ? one : { ...one, each };
      const plain = readPlainly(spec, bytes);
      if (plain === undefined) return;
      takenCount += 1;
      expect(plain.length).toBeGreaterThan(0);
      expect(plain.map((reading) => [...reading, "good"])).toEqual(readGenerally(spec, bytes));
    },
  );
  fc.assert(property, { numRuns: 20_000 });
  expect(takenCount).toBeGreaterThan(1_000);
});

test("objects that are alike but for their numbers are read as by JSON.parse, whichever byte is another", () => {
  let readingCount = 0;
  const property = fc.property(alikeArrayBytes, fc.constantFrom(ONE, ONE, ...SPECS), (bytes, one) => {
    const spec = { ...one, each: "$" };
    const plain = readPlainly(spec, bytes);
    if (plain === undefined) return;
    readingCount += plain.length - 1;
    expect(plain.map((reading) => [...reading, "good"])).toEqual(readGenerally(spec, bytes));
  });
  fc.assert(property, { numRuns: 10_000 });
  expect(readingCount).toBeGreaterThan(500);
});

test("numbers are those of JSON.parse to the bit", () => {
  for (const digits of NUMBERS) {
    const plain = readPlainly({ kind: "json", value: "$.x" }, bytesOf(`{"x":${digits}}`));
    const array = bytesOf(`[{"x":1},{"x":${digits}}]`);
    const second = readPlainly({ kind: "json", value: "$.x", each: "$" }, array);
    let expected: unknown;
    try {
      expected = JSON.parse(digits);
    } catch {
      expect([plain, second], digits).toEqual([undefined, undefined]);
      continue;
    }
    if (Number.isFinite(expected)) {
      expect(Object.is(plain?.[0][1], expected), digits).toBe(true);
      expect(Object.is(second?.[1][1], expected), digits).toBe(true);
    } else expect([plain, second], digits).toEqual([undefined, undefined]);
  }
});

test.each([
  [ONE, '{"x":21.5,"t":1700000000123}', [[1_700_000_000_123, 21.5]]],
  [
    ONE,
    ' { "t" : 1700000000123 ,\r\n"name":"a b","ok":true,"none":null,"x":-0.5 } ',
    [[1_700_000_000_123, -0.5]],
  ],
  [{ ...ONE, time: { path: "$.t", unit: "s" } } as const, '{"x":1,"t":17}', [[17_000, 1]]],
  [ONE, '{"x":1,"x":2,"t":3}', [[3, 2]]],
  [
    { ...ONE, each: "$" },
    '[{"x":1,"t":1},\n {"t":2,"x":2},{"t":1700000000123,"x":1e2},{"t":1700000000124,"x":3}]',
    [
      [1, 1],
      [2, 2],
      [1_700_000_000_123, 100],
      [1_700_000_000_124, 3],
    ],
  ],
])("it takes %j of %s", (spec, content, expected) => {
  expect(readPlainly(spec, bytesOf(content))).toEqual(expected);
});

test.each([
  [ONE, '{"x":21.5}'],
  [ONE, '{"x":21.5,"t":1.5}'],
  [ONE, '{"x":21.5,"t":8640000000000001}'],
  [ONE, '{"x":"21.5","t":1}'],
  [ONE, '{"x":1,"t":1,"o":{}}'],
  [ONE, '{"x":1e400,"t":1}'],
  [ONE, '{"x":1,"t":1}{"x":1,"t":1}'],
  [{ ...ONE, each: "$" }, "[]"],
  [{ ...ONE, each: "$" }, '{"x":1,"t":1}'],
  [{ ...ONE, each: "$" }, '[{"x":1,"t":1},{"x":1}]'],
  [{ ...ONE, each: "$" }, '[{"x":1,"t":1}'],
  [{ ...ONE, each: "$" }, '[{"x":1,"t":1700000000123},{"x":1,"t":0700000000123}]'],
  [{ ...ONE, each: "$" }, '[{"x":1,"t":1},{"x":1,"t":1700000000123'],
  [
    { ...ONE, each: "$", time: { path: "$.t", unit: "s" } } as const,
    '[{"x":1,"t":1},{"x":1,"t":999999999999999}]',
  ],
  [{ ...ONE, labels: { machine: "$.m" } }, '{"x":1,"t":1,"m":"a"}'],
  [{ ...ONE, quality: { path: "$.q" } }, '{"x":1,"t":1}'],
  [{ ...ONE, value: "$.a.b" }, '{"x":1,"t":1}'],
])("it leaves %j of %s to the general way", (spec, content) => {
  expect(readPlainly(spec, bytesOf(content))).toBeUndefined();
});

test("no more readings than one payload may have", () => {
  const spec = { ...ONE, each: "$" };
  const payloadOf = (count: number) => bytesOf(`[${Array<string>(count).fill('{"x":1,"t":1}').join(",")}]`);
  expect(readPlainly(spec, payloadOf(ELEMENTS_MAX))).toHaveLength(ELEMENTS_MAX);
  expect(readPlainly(spec, payloadOf(ELEMENTS_MAX + 1))).toBeUndefined();
});

test("every key of the generator is one that may stand in such an object", () => {
  for (const key of KEYS.filter((name) => name !== ""))
    expect(readPlainly({ kind: "json", value: `$.${key}` }, bytesOf(`{"${key}":7}`))).toEqual([[null, 7]]);
});
