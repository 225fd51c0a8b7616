import fc from "fast-check";

/** Names of members that the payloads have. */
export const KEYS = ["x", "t", "ts", "", "q", "constructor", "__proto__", "m"];
export const NUMBERS = [
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
export const jsonText = fc.oneof(
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
  jsonText.map((content) => `"${content}"`),
  fc.constantFrom("tru", "nulls", "True", "{}", "[]", "[1]", '{"x":1}', ""),
);
const key = fc.oneof(
  { weight: 15, arbitrary: fc.constantFrom(...KEYS) },
  fc.constantFrom("\\u0078", "\\x"),
  jsonText,
);
const member = fc
  .tuple(space, key, space, space, value, space)
  .map(([before, name, colon, after, content, end]) => `${before}"${name}"${colon}:${after}${content}${end}`);
/** Valid or nearly valid objects, then a few bytes changed, taken out or put in. */
const objectOf = (members: fc.Arbitrary<string[]>) =>
  fc
    .tuple(
      fc.constantFrom("", "", "", "", "\ufeff", " "),
      members,
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
const payload = objectOf(fc.array(member, { maxLength: 5 }));
/** With a number at x, and a whole one at t, among the rest. */
const reading = objectOf(
  fc
    .tuple(
      fc.array(member, { maxLength: 2 }),
      fc.constantFrom(...NUMBERS.filter(isJson)),
      fc.oneof(fc.integer(), fc.constantFrom(1_700_000_000_123, 8.64e15, 8.64e15 + 1)),
      fc.boolean(),
    )
    .map(([others, x, t, isTimeFirst]) => {
      const own = [`"x":${x}`, `"t" : ${t}`];
      return [...(isTimeFirst ? own.toReversed() : own), ...others].toSorted(
        (a, b) => (a.length % 3) - (b.length % 3),
      );
    }),
);

/** Objects that are JSON, nearly JSON or not at all, as bytes. */
export const objectBytes = fc.oneof(
  { weight: 8, arbitrary: payload },
  fc.uint8Array({ maxLength: 64 }),
  fc.json().map((content) => new TextEncoder().encode(content)),
);

/** Objects as sensors send them, nearly all of them JSON. */
export const readingBytes: fc.Arbitrary<Uint8Array> = fc.oneof({ weight: 5, arbitrary: reading }, payload);

/** Arrays of such objects. */
export const arrayBytes = fc
  .tuple(
    fc.array(readingBytes, { maxLength: 4 }),
    fc.constantFrom(",", ",", ",", " , ", "", ",,"),
    space,
    space,
  )
  .map(([objects, comma, before, after]) =>
    Buffer.concat([
      Buffer.from(`${before}[`),
      ...objects.flatMap((object, index) => (index === 0 ? [object] : [Buffer.from(comma), object])),
      Buffer.from(`]${after}`),
    ]),
  );

const changed = fc.constantFrom(...Buffer.from('0123456789.,:{}[]"-exT \n'));
/** Arrays of objects that are alike but for the numbers at x and t, most of them; then one byte changed, or none. */
export const alikeArrayBytes = fc
  .tuple(
    fc.constantFrom(
      '{"x":X,"t":T}',
      '{ "t" : T ,"m":"a","x": X}',
      '{"x":X}',
      '{"t":1,"x":7,"t":T,"q":null,"x":X }',
    ),
    fc.array(
      fc.tuple(
        fc.oneof(
          { weight: 5, arbitrary: fc.integer({ min: -9_999, max: 9_999 }).map((x) => String(x / 100)) },
          sound,
        ),
        fc.oneof(
          {
            weight: 9,
            arbitrary: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_099_999 }).map(String),
          },
          fc.constantFrom(...NUMBERS),
          fc.integer({ min: 1, max: 16 }).map((digits) => "1726354809172635".slice(0, digits)),
        ),
        fc.constantFrom("", "", "", "", " ", "\n"),
      ),
      { minLength: 1, maxLength: 8 },
    ),
    fc.option(fc.tuple(fc.nat(), fc.oneof(changed, fc.nat(255))), { freq: 3 }),
  )
  .map(([template, objects, edit]) => {
    const texts = objects.map(([x, t, before]) => before + template.replaceAll("X", x).replaceAll("T", t));
    const bytes = new TextEncoder().encode(`[${texts.join(",")}]`);
    if (edit !== null) bytes[edit[0] % bytes.length] = edit[1];
    return bytes;
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
