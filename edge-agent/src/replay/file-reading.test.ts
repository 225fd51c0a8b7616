// How a recorded file is read: flags before inputs.files before the extension; what is not clear is wrong use, not a guess.
import type { TailedFileConfig } from "@millrace/config";
import { parseTopicTemplate } from "@millrace/wire";
import { expect, test } from "vitest";
import { fileReading } from "./file-reading.ts";

const none = {
  format: undefined,
  topic: undefined,
  delimiter: undefined,
  timeField: undefined,
  precision: undefined,
};

function entry(path: string, topic: string): TailedFileConfig {
  const template = parseTopicTemplate(topic);
  if (!template.ok) throw new Error(template.detail);
  return {
    path,
    topic: template.template,
    format: { kind: "csv", delimiter: "," },
    start: "end",
    intervalMs: 1000,
  };
}

const files = [entry("/var/bench/*.csv", "bench/{file}"), entry("/var/log/press.log", "press/log")];
const csv = (topic: string, delimiter = ",") => ({
  kind: "payloads",
  topic,
  format: { kind: "csv", delimiter },
  timeField: null,
});

test("a file that inputs.files names is read as it says, wherever it lies now, packed or rotated", () => {
  expect(fileReading("/var/bench/m1.csv", none, files)).toEqual(csv("bench/m1"));
  expect(fileReading("/home/me/m2.csv.gz", none, files)).toEqual(csv("bench/m2"));
  expect(fileReading("press.log", none, files)).toEqual(csv("press/log"));
  expect(fileReading("old/press.log.1", none, files)).toEqual(csv("press/log"));
  expect(fileReading("press.log-20260105.gz", none, files)).toEqual(csv("press/log"));
});

test("others by their extension: records, line protocol; a CSV file has to be explained", () => {
  expect(fileReading("x.jsonl", none, files)).toEqual({ kind: "records" });
  expect(fileReading("-", none, files)).toEqual({ kind: "records" });
  expect(fileReading("x.lp.gz", { ...none, precision: "s" }, [])).toEqual({
    kind: "influx",
    nsPerUnit: 1_000_000_000n,
  });
  expect(() => fileReading("x.csv", none, [])).toThrow("--format csv-with-header --topic TOPIC");
});

test("flags come first", () => {
  const flags = { ...none, topic: "lab/{file}", delimiter: ";" };
  expect(fileReading("/var/bench/m1.csv", flags, files)).toEqual(csv("lab/m1", ";"));
  expect(fileReading("x.csv", { ...flags, format: "lines", timeField: "at" }, files)).toEqual({
    kind: "payloads",
    topic: "lab/x",
    format: { kind: "lines" },
    timeField: "at",
  });
  expect(fileReading("x.csv", { ...none, format: "records" }, files)).toEqual({ kind: "records" });
});

test.each([
  [{ format: "parquet" }, "it must be one of records, lines, csv-with-header, influx"],
  [{ format: "lines" }, "--format lines needs --topic"],
  [{ format: "influx", topic: "a" }, "--topic goes with lines and csv-with-header"],
  [{ topic: "a/#" }, "is no topic"],
  [{ topic: "a", format: "csv-with-header", delimiter: "ab" }, "one character"],
  [{ format: "influx", precision: "week" }, "--precision is week"],
])("%j is wrong use", (flags, message) => {
  expect(() => fileReading("x.jsonl", { ...none, ...flags }, [])).toThrow(message);
});

test("a name that two entries may have had is not guessed", () => {
  const two = [...files, entry("/srv/*.csv", "other/{file}")];
  expect(fileReading("/srv/m1.csv", none, two)).toEqual(csv("other/m1"));
  expect(() => fileReading("m1.csv", none, two)).toThrow("may be of /var/bench/*.csv or /srv/*.csv");
});
