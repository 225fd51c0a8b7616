import type { Measure } from "./measure.ts";

/** Of readings the level itself, of records how many there are of them. */
const OF_READINGS: readonly Measure[] = ["mean", "ratio", "last", "sum", "max", "min", "count"];
const OF_RECORDS: readonly Measure[] = ["ratio", "count", ...OF_READINGS];

interface MeasureChoice {
  /** What was chosen, which the windows need not have, or no more. */
  readonly chosen: string | undefined;
  readonly isOfRecords: boolean;
}

/** Which of a metric's values is drawn; null where there are none. */
export function shownMeasure(
  measures: readonly string[],
  { chosen, isOfRecords }: MeasureChoice,
): string | null {
  if (chosen !== undefined && measures.includes(chosen)) return chosen;
  const preferred = isOfRecords ? OF_RECORDS : OF_READINGS;
  return preferred.find((measure) => measures.includes(measure)) ?? measures[0] ?? null;
}
