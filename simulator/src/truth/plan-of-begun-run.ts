import { existsSync } from "node:fs";
import { MillraceError } from "@millrace/runtime";
import type { Plan } from "../plan/plan.ts";
import { textLines } from "./read-truth.ts";
import { parseTruthLine, type TruthHeader } from "./truth-line.ts";

export interface AskedRun {
  readonly plan: Plan;
  /** Asked for by itself; undefined: the plan's, or that of the run which is gone on with. */
  readonly seed: number | undefined;
}

/** What every truth begins with. */
const BEGINNING = '{"type":"run",';

/**
 * The plan by the seed of the run that the file holds, which is gone on with; as it is for a new file. Throws
 * truth_of_another_run where the file is of another plan or seed, or of anything else.
 */
export async function planOfBegunRun(path: string, { plan, seed }: AskedRun): Promise<Plan> {
  const begun = await firstRun(path);
  if (begun === null) return plan;
  const said = (what: string): string =>
    `it holds a run of ${what}, begun ${new Date(begun.start).toISOString()}`;
  if (begun.plan !== plan.text) {
    const line = firstDifferentLine(begun.plan, plan.text);
    throw anotherRun(path, `${said("another plan")}: the two differ from line ${line} on`);
  }
  if (seed !== undefined && seed !== begun.seed)
    throw anotherRun(path, `${said(`seed ${begun.seed}`)}; --seed is ${seed}`);
  return { ...plan, seed: begun.seed };
}

/** Null: the file is new or empty, or was torn before its first line had an end. */
async function firstRun(path: string): Promise<TruthHeader | null> {
  if (!existsSync(path)) return null;
  for await (const text of textLines(path)) {
    const line = parseTruthLine(text);
    if (line?.type === "run") return line;
    if (!BEGINNING.startsWith(text.slice(0, BEGINNING.length)))
      throw anotherRun(path, "it holds something else than a run");
  }
  return null;
}

function anotherRun(path: string, reason: string): MillraceError {
  return new MillraceError("truth_of_another_run", { path, reason });
}

function firstDifferentLine(one: string, other: string): number {
  const lines = other.split("\n");
  const at = one.split("\n").findIndex((line, index) => line !== lines[index]);
  return (at === -1 ? one.split("\n").length : at) + 1;
}
