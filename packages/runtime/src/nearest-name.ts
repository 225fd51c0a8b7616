/** The known name that a mistyped one most likely means; undefined when none is near. */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = editDistance(typed.toLowerCase(), name.toLowerCase());
    const distanceMax = Math.max(1, Math.floor(Math.max(name.length, typed.length) / 3));
    const isNear = distance <= distanceMax || isAbbreviation(typed, name) || isAbbreviation(name, typed);
    if (isNear && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

/** What to do about a name that is none of those known: the nearest one, or all that there are. */
export function orNearest(typed: string, known: readonly string[]): string {
  const nearest = nearestName(typed, known);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  return known.length === 0 ? "there are none" : `there are ${known.join(", ")}`;
}

/** `warn` of `warning`, `temp` of `temperature`. */
function isAbbreviation(short: string, long: string): boolean {
  return short.length >= 3 && long.toLowerCase().startsWith(short.toLowerCase());
}

/** Longer names are cut: they come from a command line or a file, and the table is quadratic. */
const NAME_LENGTH_MAX = 64;

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const left = a.slice(0, NAME_LENGTH_MAX);
  const right = b.slice(0, NAME_LENGTH_MAX);
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const isSame = left[i - 1] === right[j - 1];
      let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (isSwap) cost = Math.min(cost, beforeLast[j - 2] + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[right.length];
}
