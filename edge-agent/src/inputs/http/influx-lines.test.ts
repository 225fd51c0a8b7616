// Line protocol taken apart into points: topics, times in ns, quoted line feeds, and one bad line never takes the next along.
import { property, assert, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { influxLines, nsOfPrecision } from "./influx-lines.ts";

function points(text: string, precision = "ns"): [line: number, topic: string, payload: string][] {
  const lines = influxLines(Buffer.from(text), nsOfPrecision(precision) ?? 1n);
  return [...lines].map(({ line, topic, payload }) => [line, topic, Buffer.from(payload).toString()]);
}

test.each([
  ["m v=1 17", "ns", [[1, "influx/m", "m v=1 17"]]],
  ["m,host=a v=1,w=2 17\n", "s", [[1, "influx/m", "m,host=a v=1,w=2 17000000000"]]],
  ["m v=1 17", "ms", [[1, "influx/m", "m v=1 17000000"]]],
  ["m v=1 17", "us", [[1, "influx/m", "m v=1 17000"]]],
  ["m v=1 -2", "m", [[1, "influx/m", "m v=1 -120000000000"]]],
  ["m v=1 1", "h", [[1, "influx/m", "m v=1 3600000000000"]]],
  ["m v=1", "s", [[1, "influx/m", "m v=1"]]],
  ["m v=1 soon", "s", [[1, "influx/m", "m v=1 soon"]]],
  ["# a comment\n\n  \r\nm v=1 1\r\n", "ns", [[4, "influx/m", "m v=1 1"]]],
  [
    "my\\ cpu\\,x,t\\ a=b\\ c v=1 2",
    "s",
    [[1, "influx/my cpu,x", "my\\ cpu\\,x,t\\ a=b\\ c v=1 2000000000"]],
  ],
  ["a+b#c/d v=1", "ns", [[1, "influx/a_b_c/d", "a+b#c/d v=1"]]],
  [
    'm s="a b=1,\nc\\" d",v=1 3\nn v=2 4',
    "s",
    [
      [1, "influx/m", 'm s="a b=1,\nc\\" d",v=1 3000000000'],
      [3, "influx/n", "n v=2 4000000000"],
    ],
  ],
  [
    'm s="never closed 3\nn v=2 4',
    "s",
    [
      [1, "influx/m", 'm s="never closed 3'],
      [2, "influx/n", "n v=2 4000000000"],
    ],
  ],
  [
    "m\nn v=1",
    "ns",
    [
      [1, "influx/m", "m"],
      [2, "influx/n", "n v=1"],
    ],
  ],
  [",t=1 v=1", "ns", [[1, "influx", ",t=1 v=1"]]],
])("%j in %s", (text, precision, expected) => {
  expect(points(text, precision)).toEqual(expected);
});

test.each([
  ["what is this\nn v=1", ["there is no field=value", undefined]],
  ["m\n", ["there is no field=value"]],
  ["m,tag=a 17", ["there is no field=value"]],
  ["m 17", ["there is no field=value"]],
  ['m s="a=b"', [undefined]],
  [",t=1 v=1", ["there is no measurement"]],
])("a line without a value is malformed, whoever reads its topic: %j", (text, expected) => {
  const lines = influxLines(Buffer.from(text), 1n);
  expect(Array.from(lines, ({ malformed }) => malformed)).toEqual(expected);
});

test("junk never throws, and every line feed ends or belongs to a point", () => {
  assert(
    property(uint8Array({ maxLength: 300 }), (bytes) => {
      for (const { line } of influxLines(bytes, 1000n)) expect(line).toBeGreaterThan(0);
    }),
  );
  assert(
    property(string({ unit: "grapheme-ascii" }), (text) => {
      const after = points(`${text.replaceAll('"', "")}\nlast v=1 1`, "s").at(-1);
      expect(after?.slice(1)).toEqual(["influx/last", "last v=1 1000000000"]);
    }),
  );
});
