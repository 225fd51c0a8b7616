import type { ReadingFormat } from "../format/reading-format.ts";

/** What may come instead of a payload. */
export const DAMAGES = ["truncated", "wrong-type", "invalid-utf8", "huge-number", "empty"] as const;
export type Damage = (typeof DAMAGES)[number];
/** Those of a record: a text, and one line. */
export const RECORD_DAMAGES = ["truncated", "wrong-type", "huge-number"] as const satisfies readonly Damage[];

/** Those after which a payload of the format is no reading of anything, and counts as one that was rejected. */
const DAMAGES_OF: Readonly<Record<ReadingFormat, readonly Damage[]>> = {
  json: DAMAGES,
  number: ["wrong-type", "invalid-utf8", "huge-number", "empty"],
  array: ["truncated", "invalid-utf8", "empty"],
  senml: ["truncated", "invalid-utf8", "empty"],
  influx: ["truncated", "invalid-utf8", "empty"],
  csv: ["truncated", "invalid-utf8", "empty"],
  // What a host makes of it depends on the births before it.
  sparkplug: [],
};

/** `isLine`: an empty one, between other lines, is none. */
export function damagesOf(
  format: ReadingFormat,
  allowed: readonly Damage[],
  isLine: boolean,
): readonly Damage[] {
  return DAMAGES_OF[format].filter((damage) => allowed.includes(damage) && !(isLine && damage === "empty"));
}

/** The payload after its damage. */
export function damagePayload(payload: string, format: ReadingFormat, damage: Damage): string | Buffer {
  switch (damage) {
    case "truncated":
      // Of lines so little that not one of them is whole.
      return payload.slice(0, format === "csv" || format === "influx" ? 4 : Math.floor(payload.length / 2));
    case "wrong-type":
      return format === "number" ? "on" : payload.replace(/:-?[\d.e+-]+/, ':"on"');
    case "huge-number":
      return format === "number" ? "1e999" : payload.replace(/:-?[\d.e+-]+/, ":1e999");
    case "invalid-utf8": {
      const bytes = Buffer.from(payload);
      bytes[Math.floor(bytes.length / 2)] = 0xff;
      return bytes;
    }
    case "empty":
      return "";
  }
}
