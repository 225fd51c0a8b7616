// InfluxDB line protocol: as Telegraf writes it, with its escapes and kinds of fields; a bad line costs no other.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePayload } from "./decode-payload.test-support.ts";
import { influxLines } from "./influx-lines.ts";
import type { InfluxSpec } from "./payload-spec.ts";

const spec: InfluxSpec = { kind: "influx", measurement: "m", field: "v", precision: "ns" };

test("lines as Telegraf sends them", () => {
  const sent = [
    "# a comment",
    "cpu,cpu=cpu-total,host=gw-1 usage_idle=97.5,usage_user=1.25 1700000000123456789",
    "cpu,cpu=cpu0,host=gw-1 usage_idle=95 1700000000123456789",
    "",
    "mem,host=gw-1 used=123i 1700000000000000000",
    "cpu,cpu=cpu-total,host=gw-2 usage_idle=96.5",
  ].join("\n");
  const cpu: InfluxSpec = {
    kind: "influx",
    measurement: "cpu",
    field: "usage_idle",
    precision: "ns",
    where: { cpu: "cpu-total" },
    labels: { machine: "host" },
  };
  expect(decodePayload(cpu, sent)).toEqual([
    {
      ok: true,
      value: 97.5,
      timeMs: 1_700_000_000_123,
      timeSubMsNs: 456_789,
      hasOwnTime: true,
      quality: "good",
      labels: ["gw-1"],
    },
    {
      ok: true,
      value: 96.5,
      timeMs: null,
      timeSubMsNs: 0,
      hasOwnTime: false,
      quality: "good",
      labels: ["gw-2"],
    },
  ]);
  expect(decodePayload({ ...cpu, labels: { rack: "rack" } }, sent)).toMatchObject([
    { reason: "malformed", detail: "line 2: no text for label rack" },
    { reason: "malformed", detail: "line 6: no text for label rack" },
  ]);
});

test.each([
  ["m v=1", 1],
  ["m v=-1.5e3", -1500],
  ["m v=.5", 0.5],
  ["m v=12i", 12],
  ["m v=-12i", -12],
  ["m v=12u", 12],
  ["m v=t", 1],
  ["m v=True", 1],
  ["m v=FALSE", 0],
  ['m v="21.5"', 21.5],
  ['m v="warm"', "malformed"],
  ["m v=1e999", "not_finite"],
  ["m v=-12u", "malformed"],
  ["m v=1.5i", "malformed"],
  ["m v=0x1", "malformed"],
  ["m v=NaN", "malformed"],
  ["m v=yes", "malformed"],
  ["m v=", "malformed"],
  ["m v", "malformed"],
  ["m", "malformed"],
  ["m ", "malformed"],
  [",a=b v=1", "malformed"],
  ["m,a v=1", "malformed"],
  ["m,a= v=1", "malformed"],
  ["m,a=b=c v=1", "malformed"],
  ["m,a=b,v=1", "malformed"],
  ['m v="open', "malformed"],
  ["m v=1 soon", "malformed"],
  ["m v=1 17 18", "malformed"],
  ["m v=1 1.5", "malformed"],
  ["m v=1 99999999999999999999999", "bad_time"],
  ["  m   v=1   1700000000000000000  \r", 1],
])("%s", (line, expected) => {
  const decoded = decodePayload(spec, `m v=100\n${line}\nm v=200\n`);
  const values = decoded.map((one) => (one.ok ? one.value : one.reason));
  // What no metric can read comes last. An open quote takes the lines after it along.
  expect(values).toContain(expected);
  expect(values[0]).toBe(100);
});

test.each([
  ["s", 1_700_000_000, 0],
  ["ms", 1_700_000_000_000, 0],
  ["us", 1_700_000_000_000_001, 1_000],
] as const)("precision %s", (precision, time, timeSubMsNs) => {
  expect(decodePayload({ ...spec, precision }, `m v=1 ${time}`)).toMatchObject([
    { timeMs: 1_700_000_000_000, timeSubMsNs },
  ]);
});

test("escapes", () => {
  const sent = String.raw`my\ m\,x,tag\ \=key=a\,b\ c\=d f\ 1="say \"hi\" \\ \n",f2=1 5`;
  expect(influxLines(sent)).toEqual({
    failures: [],
    parts: [
      {
        measurement: "my m,x",
        tags: [["tag =key", "a,b c=d"]],
        fields: [
          ["f 1", String.raw`say "hi" \ \n`],
          ["f2", 1],
        ],
        time: "5",
        line: 1,
      },
    ],
  });
  expect(influxLines('m a="two\nlines" 1\nm v=2').parts).toMatchObject([
    { fields: [["a", "two\nlines"]], time: "1", line: 1 },
    { fields: [["v", 2]], line: 3 },
  ]);
});

test("what is written by the rules is read back", () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "b", ",", "=", " ", "°", "1"),
    minLength: 1,
    maxLength: 5,
  });
  const escaped = (text: string, of: RegExp) => text.replaceAll(of, String.raw`\$&`);
  const line = fc.record({
    measurement: name,
    tags: fc.array(fc.tuple(name, name), { maxLength: 3 }),
    fields: fc.array(
      fc.tuple(
        name,
        fc.oneof(
          // Not −0: `String` writes it without its sign.
          fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
          fc.boolean(),
          fc.string(),
        ),
      ),
      { minLength: 1, maxLength: 3 },
    ),
    time: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), { nil: undefined }),
  });
  const write = ({ measurement, tags, fields, time }: ReturnType<typeof sample>) =>
    `${[escaped(measurement, /[, ]/g), ...tags.map(([key, value]) => `${escaped(key, /[,= ]/g)}=${escaped(value, /[,= ]/g)}`)].join(",")} ${fields
      .map(
        ([key, value]) =>
          `${escaped(key, /[,= ]/g)}=${typeof value === "string" ? `"${escaped(value, /["\\]/g)}"` : String(value)}`,
      )
      .join(",")}${time === undefined ? "" : ` ${time}`}`;
  const sample = () => fc.sample(line, 1)[0];
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
      const { parts, failures } = influxLines(lines.map(write).join("\n"));
      expect(failures).toEqual([]);
      expect(parts.map(({ line: _, ...part }) => part)).toEqual(lines);
    }),
  );
});
