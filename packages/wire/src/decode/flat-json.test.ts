// The scanner of flat JSON against JSON.parse: whatever it takes it reads alike, and the usual payloads it does take.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { valueAt } from "../json-path.ts";
import { decodePayload } from "./decode-payload.test-support.ts";
import { FlatJson } from "./flat-json.ts";
import type { JsonSpec } from "./payload-spec.ts";

const KEYS = ["x", "t", "ts", "", "q", "constructor", "__proto__", "m"];
const NUMBERS = [
  ..."0 -0 1 -1 1e5 1E5 1e+5 1e-5 -0.0 0.1 21.5 1E400 -1e400 1e-400 00 01 -01 1. .5 + - -. 1e 1e+ 0x1 1_0".split(
    " ",
  ),
  ..."9007199254740991 9007199254740992 9007199254740993 -9007199254740993 123456789012345 1234567890123456".split(
    " ",
  ),
  ..."0.1000000000000000055511151231257827 0.30000000000000004 5e-324 1.7976931348623157e308 NaN Infinity".split(
    " ",
  ),
  ..."1700000000123 1700000000123.456 0.000000000000001 0.0000000000000001 999999999999999 8.41 4.35 978886256.3095421 9989914792.0827695".split(
    " ",
  ),
];

const space = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom("", "", " ", "\t", "\r\n", "\n  ") },
  fc.constantFrom("\u00a0", "\f", "x"),
);
const sound = fc.oneof(
  fc.constantFrom(...NUMBERS.filter(isJson)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc
    .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 20 }))
    .map(([digits, places]) => shifted(digits, places)),
  fc.constantFrom("true", "false", "null", '"good"', '"2023-11-14T22:13:20Z"', '"21.5"', '""', '"\x7f"'),
);
const text = fc.oneof(
  fc.constantFrom(
    "good",
    "2023-11-14T22:13:20Z",
    "21.5",
    "",
    "a\\nb",
    "\\u0078",
    "°C",
    "\x7f",
    "\n",
    "\x1f",
    "\\",
    '"',
  ),
  fc.string({ maxLength: 6 }),
  fc.string({ maxLength: 6 }).map((value) => JSON.stringify(value).slice(1, -1)),
);
const value = fc.oneof(
  { weight: 15, arbitrary: sound },
  fc.constantFrom(...NUMBERS),
  text.map((content) => `"${content}"`),
  fc.constantFrom("tru", "nulls", "True", "{}", "[]", "[1]", '{"x":1}', ""),
);
const key = fc.oneof(
  { weight: 15, arbitrary: fc.constantFrom(...KEYS) },
  fc.constantFrom("\\u0078", "\\x"),
  text,
);
const member = fc
  .tuple(space, key, space, space, value, space)
  .map(([before, name, colon, after, content, end]) => `${before}"${name}"${colon}:${after}${content}${end}`);
/** Valid or nearly valid objects, then a few bytes changed, taken out or put in. */
const payload = fc
  .tuple(
    fc.constantFrom("", "", "", "", "\ufeff", " "),
    fc.array(member, { maxLength: 5 }),
    fc.constantFrom(...",,,,,,,".split(""), ",,"),
    fc.constantFrom("", "", "", "", "", "", " \n", "}", ",", "\0", "x"),
    fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("change", "remove", "insert")), {
      maxLength: 2,
    }),
    fc.constantFrom(true, false, false),
  )
  .map(([before, members, comma, after, edits, isEdited]) => {
    const bytes = [...new TextEncoder().encode(`${before}{${members.join(comma)}}${after}`)];
    for (const [at, byte, kind] of isEdited ? edits : []) {
      const index = at % (bytes.length + 1);
      if (kind === "change") bytes[index] = byte;
      else bytes.splice(index, kind === "remove" ? 1 : 0, ...(kind === "remove" ? [] : [byte]));
    }
    return Uint8Array.from(bytes);
  });

const anyPayload = fc.oneof(
  { weight: 8, arbitrary: payload },
  fc.uint8Array({ maxLength: 64 }),
  fc.json().map((content) => new TextEncoder().encode(content)),
);

describe("what the scanner takes", () => {
  it("is JSON, and each member is as JSON.parse has it", () => {
    let takenCount = 0;
    const property = fc.property(anyPayload, text, (bytes, other) => {
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
    const property = fc.property(anyPayload, fc.constantFrom(...specs), (bytes, by) => {
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

/** The digits with so many of them behind the point. */
function shifted(digits: number, places: number): string {
  const text = String(Math.abs(digits)).padStart(places + 1, "0");
  const whole = text.slice(0, text.length - places);
  return `${digits < 0 ? "-" : ""}${whole}${places === 0 ? "" : `.${text.slice(-places)}`}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
