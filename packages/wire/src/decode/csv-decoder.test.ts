// CSV payloads: columns by name or by order, quotes, times, labels, and what a bad line costs.
import fc from "fast-check";
import { expect, test } from "vitest";
import { csvRows } from "./csv-rows.ts";
import { decodePayload } from "./decode-payload.test-support.ts";
import type { CsvSpec } from "./payload-spec.ts";

const spec: CsvSpec = {
  kind: "csv",
  delimiter: ",",
  value: "temperature",
  time: { column: "time", unit: "iso" },
  quality: { column: "state" },
  labels: { machine: "device" },
};

test("the first line names the columns", () => {
  const sent = [
    "time,device,temperature,state",
    "2023-11-14T22:13:20Z,m1,21.5,good",
    '2023-11-14T22:13:20.0005Z,"m ""2"", left", 22 ,192',
    "",
    "2023-11-14T22:13:21Z,m3,23,",
  ].join("\r\n");
  expect(decodePayload(spec, sent)).toMatchObject([
    { value: 21.5, timeMs: 1_700_000_000_000, quality: "good", labels: ["m1"], hasOwnTime: true },
    { value: 22, timeMs: 1_700_000_000_000, timeSubMsNs: 500_000, quality: "good", labels: ['m "2", left'] },
    { value: 23, timeMs: 1_700_000_001_000, quality: "uncertain", labels: ["m3"] },
  ]);
});

test("times with a space and without a time zone are UTC", () => {
  const sent =
    "time,device,temperature,state\n2020-02-08 13:30:47,m1,21.5,good\n2020-02-30 13:30:47,m1,21.5,good\n";
  expect(decodePayload(spec, sent)).toMatchObject([
    { value: 21.5, timeMs: Date.parse("2020-02-08T13:30:47Z") },
    { reason: "bad_time" },
  ]);
});

test("without such a line the columns stand in the configured order", () => {
  const fixed: CsvSpec = {
    kind: "csv",
    delimiter: ";",
    columns: ["t", "v"],
    value: "v",
    time: { column: "t", unit: "s" },
  };
  expect(decodePayload(fixed, "1700000000.5;1\n1700000001;2\n")).toMatchObject([
    { value: 1, timeMs: 1_700_000_000_500 },
    { value: 2, timeMs: 1_700_000_001_000 },
  ]);
});

test("a line that cannot be read costs no other", () => {
  const sent = [
    "time,device,temperature,state",
    "2023-11-14T22:13:20Z,m1,hot,good",
    "2023-11-14T22:13:20Z,m1,21,5,good",
    '"2023"-11-14T22:13:20Z,m1,21.5,good',
    "soon,m1,21.5,good",
    "2023-11-14T22:13:20Z,,21.5,good",
    "2023-11-14T22:13:20Z,m1,1e999,good",
    "2023-11-14T22:13:20Z,m1,21.5,good",
    '2023-11-14T22:13:20Z,"m1,21.5,good',
  ].join("\n");
  expect(decodePayload(spec, sent)).toMatchObject([
    { reason: "malformed", detail: "line 2: no number in temperature: hot" },
    { reason: "malformed", detail: "line 3: 5 fields in place of 4" },
    { reason: "bad_time", detail: "line 5: no time in iso in time" },
    { reason: "malformed", detail: "line 6: no text for label machine" },
    { reason: "not_finite" },
    { value: 21.5 },
    { reason: "malformed", detail: "line 4: text follows a closing quote" },
    { reason: "malformed", detail: "line 9: a quote is not closed" },
  ]);
});

test("a column that is not there costs each line", () => {
  expect(decodePayload(spec, "time,device,temp,state\n1,2,3,4\n5,6,7,8\n")).toMatchObject([
    { reason: "malformed", detail: "no column temperature in time, device, temp, state", count: 2 },
  ]);
});

test("what is written by the rules is read back", () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é"), maxLength: 5 });
  const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 5 });
  const write = (row: readonly string[]) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(",");
  fc.assert(
    fc.property(rows, fc.constantFrom("\n", "\r\n"), (written, lineEnd) => {
      const { parts, failures } = csvRows(written.map((row) => write(row) + lineEnd).join(""), ",");
      expect(failures).toEqual([]);
      expect(parts.map(({ fields }) => fields)).toEqual(written);
    }),
  );
});
