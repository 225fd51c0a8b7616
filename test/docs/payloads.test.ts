// Every example of docs/payloads.md: its source is accepted, and its payload gives just the readings shown.
import { readFileSync } from "node:fs";
import path from "node:path";
import { loadPipeline } from "@millrace/config";
import { adjustValue, Payload, payloadDecoder } from "@millrace/wire";
import { expect, test } from "vitest";
import { repositoryRoot as root } from "../house/source-file.ts";
import { type CodeBlock, parsePage } from "./page.ts";

const { blocks } = parsePage(readFileSync(path.join(root, "docs/payloads.md"), "utf8"));
const UNIT = "°C";

function examples() {
  const found: { from: string; payload: string; readings: string }[] = [];
  for (let index = 0; index < blocks.length; index += 3) {
    const three: readonly CodeBlock[] = blocks.slice(index, index + 3);
    expect(three.map(({ language }) => language)).toEqual(["yaml", "payload", "json"]);
    const [from, payload, readings] = three.map(({ text }) => text);
    found.push({ from, payload, readings });
  }
  return found;
}

test("each kind has an example", () => {
  const kinds = ["number:", "json: { value", "json: { each", "csv:", "senml:", "influx:"];
  expect(examples().map(({ from }, index) => from.includes(kinds[index]))).toEqual(kinds.map(() => true));
});

test.each(examples())("$from", ({ from, payload, readings }) => {
  const pipeline = `version: 1\nmetrics:\n  m:\n    unit: ${UNIT}\n    ${from}`;
  const [{ source }] = loadPipeline("/pipeline.yaml", { readFile: () => pipeline }).config.metrics;
  if (source.kind !== "topic") throw new Error("an example has no topic");
  const decoder = payloadDecoder(source.payload);
  const parsed = new Payload(new TextEncoder().encode(payload), 1_700_000_000_000);
  const decoded = decoder.decode(parsed).map((reading) => {
    if (!reading.ok) return reading;
    const value =
      source.adjustment === undefined ? reading.value : adjustValue(reading.value, source.adjustment);
    const labels = Object.fromEntries(
      decoder.labelNames.map((name, index) => [name, reading.labels[index]] as const),
    );
    return { value: Number(value.toPrecision(12)), timeMs: reading.timeMs, labels };
  });
  expect(parsed.failures).toEqual([]);
  expect(decoded).toEqual(JSON.parse(readings));
});
