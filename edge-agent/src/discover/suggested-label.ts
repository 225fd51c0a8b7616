import { fieldNames } from "./field-names.ts";

/** What values have in common (`line-1`, `line-2`: line), else the first of the others that can be a label and is not taken. */
export function suggestedLabel(
  values: readonly string[],
  taken: readonly string[],
  others: readonly string[],
): string {
  const stems = new Set(values.map((value) => value.replace(/[\d\W_]+$/u, "")));
  const candidates = [...(stems.size === 1 ? stems : []), ...others];
  const label = candidates.find((name) => fieldNames.isLabel(name) && !taken.includes(name));
  if (label === undefined) throw new Error("invariant: a label is free");
  return label;
}
