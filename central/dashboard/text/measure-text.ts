import { isBucket, isCounted, isWorded, measureUnit } from "../model/measure.ts";
import type { Speaker } from "./speaker.ts";

/** What a value of a window is called; quantiles and what only a newer central knows by the name of the result. */
export function measureName(measure: string, speaker: Speaker): string {
  if (isBucket(measure)) return `≤\u00a0${measure.slice("le_".length)}`;
  return isWorded(measure) ? speaker.text(`measure.${measure}`) : measure;
}

/** A number of this kind, without its unit. */
export function measureNumber(value: number, measure: string, speaker: Speaker): string {
  return isCounted(measure) ? speaker.count(value) : speaker.value(value);
}

/** With its unit, where it has one. */
export function measureText(
  value: number,
  { measure, unit, speaker }: { readonly measure: string; readonly unit: string; readonly speaker: Speaker },
): string {
  return [measureNumber(value, measure, speaker), measureUnit(measure, unit)].join(" ").trim();
}
