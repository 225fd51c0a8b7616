import { orNearest } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";

/** What a person means by labels, before anything is done to what has them. */
export interface LabelCheck {
  /** Null: each is a label of something. */
  readonly problem: string | null;
  /** Series known now that have all of them. */
  readonly seriesCount: number;
}

/** `names`: labels that readings can have; `series`: the labels of those that were heard. */
export function checkLabels(
  labels: Labels,
  { names, series }: { readonly names: readonly string[]; readonly series: Iterable<Labels> },
): LabelCheck {
  const wanted = Object.entries(labels);
  const known = new Set(names);
  let seriesCount = 0;
  for (const own of series) {
    for (const name of Object.keys(own)) known.add(name);
    if (wanted.every(([name, value]) => own[name] === value)) seriesCount += 1;
  }
  const unknown = wanted.find(([name]) => !known.has(name))?.[0];
  const joined = wanted.find(([, value]) => namesIn(value).some((name) => known.has(name)));
  if (unknown === undefined && joined !== undefined) {
    const [name, value] = joined;
    const problem = `${value} would be one value of ${name}; give each label on its own: --labels ${name}=${value.replaceAll(/,\s*(?=[^,=]+=)/g, " --labels ")}`;
    return { problem, seriesCount };
  }
  if (unknown === undefined) return { problem: null, seriesCount };
  return { problem: `no metric has a label ${unknown}; ${orNearest(unknown, [...known])}`, seriesCount };
}

/** Of labels that stand in one value: `line` in "m-2,line=line-1". */
function namesIn(value: string): readonly string[] {
  return [...value.matchAll(/,\s*([^,=]+)=/g)].map(([, name]) => name.trim());
}
