import type { Quality } from "@millrace/stream";
import type { QualityMeaning } from "./payload-spec.ts";

/** 192 and 64 are OPC's numbers. */
const DEFAULT_GOOD: readonly unknown[] = ["good", "Good", "GOOD", 192, true];
const DEFAULT_UNCERTAIN: readonly unknown[] = ["uncertain", "Uncertain", "UNCERTAIN", 64];

/** `isText`: the format knows only text, so that 192 and true are met as "192" and "true". */
export function readQuality(value: unknown, meaning: QualityMeaning, isText = false): Quality {
  if (value === undefined || value === null) return "uncertain";
  const isMet = (known: unknown) => known === value || (isText && String(known) === value);
  if ((meaning.good ?? DEFAULT_GOOD).some(isMet)) return "good";
  return (meaning.uncertain ?? DEFAULT_UNCERTAIN).some(isMet) ? "uncertain" : "bad";
}
