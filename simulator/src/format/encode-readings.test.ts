// Whatever format a plan asks for, the agent's own decoders read from it what was meant, to the last digit and millisecond.
import { Payload, payloadDecoder, type PayloadSpec } from "@millrace/wire";
import { expect, test } from "vitest";
import type { TruthReading } from "../truth/truth-line.ts";
import { encodeReadings } from "./encode-readings.ts";
import type { ReadingFormat } from "./reading-format.ts";

const NOW_MS = 1_767_225_600_000;
const at = { type: "reading", site: "alpha", line: "line-1", machine: "machine-7" } as const;
const warm = (time: number, value: number): TruthReading => ({ ...at, metric: "temperature", time, value });
const shaken = (time: number, value: number): TruthReading => ({ ...at, metric: "vibration", time, value });

type TextFormat = Exclude<ReadingFormat, "sparkplug">;

/** What one metric's decoder makes of a payload: value, time and labels. */
function read(
  spec: PayloadSpec,
  format: TextFormat,
  readings: readonly TruthReading[],
  hasPlace = false,
): unknown[] {
  const payload = new Payload(Buffer.from(encodeReadings(format, readings, { hasPlace })), NOW_MS);
  const decoded = [...payloadDecoder(spec).decode(payload), ...payload.failures];
  return decoded.map((each) => (each.ok ? [each.value, each.timeMs, ...each.labels] : each));
}

const time = { path: "$.ts", unit: "ms" } as const;
const times = Array.from({ length: 200 }, (_, index) => NOW_MS + index * 37 + (index % 7));
const values = times.map((_, index) => Math.round((index - 60) * 1_234.567) / 1_000);

test.each<[TextFormat, PayloadSpec]>([
  ["json", { kind: "json", value: "$.temperature", time }],
  ["senml", { kind: "senml", name: "urn:millrace:{machine}:temperature", unit: "Cel", read: "value" }],
  ["influx", { kind: "influx", measurement: "machine", field: "temperature", precision: "ns" }],
])("%s: one reading a message", (format, spec) => {
  for (const [index, ms] of times.entries()) {
    const [found] = read(spec, format, [warm(ms, values[index])]);
    expect(found).toEqual([values[index], ms, ...(format === "senml" ? ["machine-7"] : [])]);
  }
});

test.each<[TextFormat, PayloadSpec]>([
  ["array", { kind: "json", each: "$.readings", value: "$.temperature", time }],
  ["csv", { kind: "csv", delimiter: ",", value: "value", time: { column: "ts", unit: "ms" } }],
])("%s: several readings a message, in their order", (format, spec) => {
  const readings = times.map((ms, index) => warm(ms, values[index]));
  expect(read(spec, format, readings)).toEqual(times.map((ms, index) => [values[index], ms]));
});

test("a plain number has no time of its own", () => {
  expect(read({ kind: "number" }, "number", [warm(NOW_MS, -12.5)])).toEqual([[-12.5, null]]);
});

test("what a machine reads at one tick is in one message, and each metric finds its own", () => {
  const tick = [warm(NOW_MS, 60.5), shaken(NOW_MS, 3.25)];
  const senml = (metric: string): PayloadSpec => ({
    kind: "senml",
    name: `urn:millrace:{machine}:${metric}`,
    read: "value",
  });
  expect(read(senml("temperature"), "senml", tick)).toEqual([[60.5, NOW_MS, "machine-7"]]);
  expect(read(senml("vibration"), "senml", tick)).toEqual([[3.25, NOW_MS, "machine-7"]]);
  const influx = (field: string): PayloadSpec => ({
    kind: "influx",
    measurement: "machine",
    field,
    precision: "ns",
    where: { site: "alpha" },
    labels: { line: "line", machine: "machine" },
  });
  expect(read(influx("temperature"), "influx", tick)).toEqual([[60.5, NOW_MS, "line-1", "machine-7"]]);
  expect(read(influx("vibration"), "influx", tick)).toEqual([[3.25, NOW_MS, "line-1", "machine-7"]]);
});

test("where no topic names the machine, the line does", () => {
  const spec: PayloadSpec = {
    kind: "json",
    value: "$.temperature",
    time,
    labels: { line: "$.line", machine: "$.machine" },
  };
  expect(read(spec, "json", [warm(NOW_MS, 1)], true)).toEqual([[1, NOW_MS, "line-1", "machine-7"]]);
  expect(encodeReadings("csv", [warm(5, 1), warm(6, 2)], { hasPlace: true })).toBe(
    "5,line-1,machine-7,1\n6,line-1,machine-7,2",
  );
});
