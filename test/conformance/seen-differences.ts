import type { WindowResult } from "@millrace/stream";
import type { CaseSeen } from "./case-schema.ts";

type Shown = Pick<WindowResult, "values"> &
  Partial<Omit<WindowResult, "beside">> & { readonly beside: Beside };
type Beside = Pick<WindowResult["beside"], "uncertain" | "bad"> & Partial<WindowResult["beside"]>;

/** In what a window that was shown is not what a case says of it. */
export function seenDifferences(expected: CaseSeen, shown: Shown): string[] {
  const found: string[] = [];
  const compare = (name: string, was: unknown, is: unknown) => {
    if (was !== undefined && JSON.stringify(was) !== JSON.stringify(is))
      found.push(`${name} ${JSON.stringify(is)}, expected ${JSON.stringify(was)}`);
  };
  compare("state", expected.state, shown.state);
  for (const [name, was] of Object.entries(expected.values ?? {})) {
    const is = shown.values[name];
    if (was === "absent" ? is !== undefined : !isSame(is, was))
      found.push(`${name} ${is ?? "absent"}, expected ${JSON.stringify(was)}`);
  }
  for (const kind of ["uncertain", "bad", "undeduplicated"] as const)
    compare(kind, expected[kind], shown.beside[kind]);
  compare(
    "top",
    expected.top,
    shown.top?.map(({ input, count }) => [String(input), count]),
  );
  compare("agents expected", expected.expected, shown.completeness?.agentsExpected);
  compare("agents missing", expected.missing, shown.completeness?.agentsMissing);
  compare("sites missing", expected.sitesMissing, shown.completeness?.sitesMissing);
  compare("agents with loss", expected.withLoss, shown.completeness?.agentsWithLoss ?? []);
  return found;
}

/** Whole numbers to the bit, others within what the order of additions may leave. */
function isSame(is: number | undefined, was: number | readonly [number, number]): boolean {
  if (is === undefined) return false;
  if (typeof was !== "number") return was[0] <= is && is <= was[1];
  return Object.is(is, was) || (!Number.isInteger(was) && Math.abs(is - was) <= 1e-12 * Math.abs(was));
}
