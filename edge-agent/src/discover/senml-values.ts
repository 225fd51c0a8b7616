import { NamePattern, Payload } from "@millrace/wire";
import { fieldNames } from "./field-names.ts";
import type { ReadableValue } from "./payload-shape.ts";
import { suggestedLabel } from "./suggested-label.ts";

/** Numbers of SenML packs: by the records' names, whose levels with a number in them become labels. */
export function senmlValues(samples: readonly Uint8Array[], nowMs: number): readonly ReadableValue[] {
  const found = new Map<string, ReadableValue>();
  for (const sample of samples) {
    const pack = new Payload(sample, nowMs);
    const records = pack.senmlRecords();
    if (pack.failures.length > 0) return [];
    for (const { name, unit, value } of records) {
      if (typeof value !== "number" || fieldNames.hasVariable(name)) continue;
      const pattern = patternOf(name);
      if (NamePattern.parse(pattern) === undefined || found.has(pattern)) continue;
      found.set(pattern, {
        name: name.split(/[:/]/).at(-1) ?? name,
        unit: fieldNames.unitOf([unit]),
        payload: { kind: "senml", name: pattern, read: "value" },
      });
    }
  }
  return [...found.values()];
}

/** `urn:dev:ow:10e2073a:temperature` as `urn:dev:ow:{device}:temperature`. */
function patternOf(name: string): string {
  const parts = name.split(/([:/])/);
  const labels: string[] = [];
  return parts
    .map((part, at) => {
      if (at === parts.length - 1 || !/\d/.test(part)) return part;
      const label = suggestedLabel([], labels, ["device", `level${at / 2 + 1}`]);
      labels.push(label);
      return `{${label}}`;
    })
    .join("");
}
