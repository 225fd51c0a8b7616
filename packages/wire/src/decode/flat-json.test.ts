// The scanner of flat JSON against JSON.parse: whatever it takes it reads alike, and the usual payloads it does take.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { valueAt } from "../json-path.ts";
import { decodePayload } from "./decode-payload.test-support.ts";
import { FlatJson } from "./flat-json.ts";
import { jsonText, KEYS, NUMBERS, objectBytes } from "./json-bytes.test-support.ts";
import type { JsonSpec } from "./payload-spec.ts";

describe("what the scanner takes", () => {
  it("is JSON, and each member is as JSON.parse has it", () => {
    let takenCount = 0;
    const property = fc.property(objectBytes, jsonText, (bytes, other) => {
      const flat = FlatJson.scan(bytes);
      if (flat === undefined) return;
      takenCount += 1;
      const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
      for (const name of [...KEYS, other, ...Object.keys(json as object)])
        expect(Object.is(flat.get(name), valueAt(json, [name]))).toBe(true);
    });
    fc.assert(property, { numRuns: 5_000 });
    expect(takenCount).toBeGreaterThan(500);
  });

  it("decodes to the same as through JSON.parse", () => {
    const spec: JsonSpec = {
      kind: "json",
      value: "$.x",
      time: { path: "$.t", unit: "ms" },
      quality: { path: "$.q" },
      labels: { machine: "$.m" },
    };
    const specs: JsonSpec[] = [
      { kind: "json", value: "$.x" },
      { ...spec, labels: {} },
      { kind: "json", value: "$.x", time: { path: "$.ts", unit: "iso" } },
      spec,
    ];
    const property = fc.property(objectBytes, fc.constantFrom(...specs), (bytes, by) => {
      // A byte order mark is passed over in decoding, and makes the scanner decline.
      fc.pre(bytes[0] !== 0xef);
      expect(decodePayload(by, bytes)).toEqual(decodePayload(by, Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes)));
    });
    fc.assert(property, { numRuns: 5_000 });
  });
});

test("numbers are those of JSON.parse to the bit", () => {
  for (const digits of NUMBERS) {
    const flat = FlatJson.scan(new TextEncoder().encode(`{"x":${digits}}`));
    let expected: unknown;
    try {
      expected = valueAt(JSON.parse(`{"x":${digits}}`), ["x"]);
    } catch {
      expect(flat, digits).toBeUndefined();
      continue;
    }
    expect(Object.is(flat?.get("x"), expected), digits).toBe(true);
  }
});

test.each([
  '{"temperature": 21.5, "ts": 1700000000123}',
  ' {"a":-0,\r\n\t"b":1e5,"c":"text","d":true,"e":null} ',
  "{}",
  '{"a":1,"a":2}',
])("%s is read without JSON.parse", (content) => {
  expect(FlatJson.scan(new TextEncoder().encode(content))).toBeDefined();
});

test.each([
  '{"a":[1]}',
  '{"a":{}}',
  '{"\\u0061":1}',
  '{"a":"°C"}',
  "[1]",
  "21.5",
  '{"a":1}x',
  '{"a":1,}',
  '{"a":01}',
  "",
  '\ufeff{"a":1}',
])("%s is left to JSON.parse", (content) => {
  expect(FlatJson.scan(new TextEncoder().encode(content))).toBeUndefined();
});
