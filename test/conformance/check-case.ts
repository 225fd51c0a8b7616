import { paneMsOf, type WindowResult } from "@millrace/stream";
import { shownMoment } from "./case-moment.ts";
import { fullWindowProblems } from "./check-full-windows.ts";
import type { CaseExpectation, CaseReading, ConformanceCase } from "./load-cases.ts";
import { type BatchWindow, batchWindows, windowKey } from "./oracle/batch-windows.ts";
import { differenceFrom, isComputed } from "./oracle/difference.ts";
import type { PlayedCase, Published } from "./play-case.ts";
import { seenDifferences } from "./seen-differences.ts";

/** Fates that no engine and no agent counts. */
const UNCOUNTED = new Set(["counted", "lost"]);

/** What an engine has shown against what the case says, the oracle has, and always holds; empty when all is well. */
export function problemsOf(conformance: ConformanceCase, played: PlayedCase): string[] {
  const histories = Map.groupBy(played.published, keyOf);
  const asked = new Map(played.asked.map((result) => [keyOf(result), result]));
  return [
    ...conformance.expect.flatMap((expected) => {
      const key = windowKey(expected.window, expected.startMs, expected.group);
      return unmet(conformance, expected, histories.get(key) ?? [], asked.get(key));
    }),
    ...fateProblems(conformance, played),
    ...Array.from(histories.values(), (history) => unlawful(conformance, history)).flat(),
    ...againstOracle(conformance, histories, asked),
    ...fullWindowProblems(conformance, played.full),
  ];
}

/** The batch oracle against what the case says of the end. */
export function oracleProblemsOf(conformance: ConformanceCase): string[] {
  const oracle = oracleOf(conformance);
  return conformance.expect
    .filter(({ atMs }) => atMs === null)
    .flatMap((expected) => {
      const window = oracle.get(windowKey(expected.window, expected.startMs, expected.group));
      const { place, mergedIntoMs, revisions } = expected;
      const isAbsent = expected.isAbsent || mergedIntoMs !== undefined;
      if (isAbsent || window === undefined)
        return isAbsent === (window === undefined)
          ? []
          : [`${place}: the oracle has ${window ? "a" : "no"} window`];
      const { values, uncertain, bad } = revisions?.at(-1) ?? expected;
      // What is left out because some agent does not send it, the readings do not tell.
      const computed = Object.fromEntries(
        Object.entries(values ?? {}).filter(
          ([name, value]) => isComputed(name) && (value !== "absent" || hasEqualAgents(conformance)),
        ),
      );
      const found = { ...window.beside, undeduplicated: 0 };
      return seenDifferences({ values: computed, uncertain, bad }, { ...window, beside: found }).map(
        (difference) => `${place}: oracle: ${difference}`,
      );
    });
}

function oracleOf({ readings, windows, metrics: specs }: ConformanceCase): Map<string, BatchWindow> {
  const metrics = specs.map((metric) => {
    const size = paneMsOf(windows.filter((window) => window.metric === metric.name));
    return { ...metric, paneMs: size.isPossible ? size.paneMs : null };
  });
  const counted = readings
    .filter(({ fate }) => fate === "counted")
    .map((reading) => ({ ...reading, timeMs: Math.floor(reading.timeMs), value: Number(reading.payload) }));
  const takes = ({ tooLateFor }: CaseReading, window: string, startMs: number) =>
    !tooLateFor.some((one) => one.window === window && (one.startMs ?? startMs) === startMs);
  // A window at a time, since a late reading may be in one and not in the other.
  const found = [...batchWindows(counted, windows, metrics)].flatMap(([key, { window, startMs }]) => {
    const members = counted.filter((reading) => takes(reading, window, startMs));
    const own = batchWindows(
      members,
      windows.filter(({ name }) => name === window),
      metrics,
    ).get(key);
    return own === undefined ? [] : [[key, own] as const];
  });
  return new Map(found);
}

function againstOracle(
  conformance: ConformanceCase,
  histories: ReadonlyMap<string, readonly Published[]>,
  asked: ReadonlyMap<string, WindowResult>,
): string[] {
  const oracle = oracleOf(conformance);
  const problems: string[] = [];
  for (const key of new Set([...oracle.keys(), ...histories.keys()])) {
    const shown = asked.get(key);
    // A session that another has taken in is none any more.
    if (shown?.mergedIntoMs !== undefined && !oracle.has(key)) continue;
    const expected = oracle.get(key);
    if (shown === undefined) problems.push(`${key}: the oracle has it, it was never shown`);
    else if (expected === undefined) problems.push(`${key}: shown, the oracle has none`);
    else {
      // Where an agent does not send what the metric accumulates, the case says what is left out.
      const difference = hasEqualAgents(conformance) ? differenceFrom(shown, expected) : undefined;
      if (difference !== undefined) problems.push(`${key}: ${difference}`);
    }
  }
  return problems;
}

function hasEqualAgents({ agents, metrics }: ConformanceCase): boolean {
  return agents.every((agent) =>
    agent.metrics.every((metric) => {
      const central = metrics.find(({ name }) => name === metric.name);
      return central?.accumulate.every((name) => metric.accumulate.includes(name)) ?? true;
    }),
  );
}

function fateProblems({ readings }: ConformanceCase, { fates }: PlayedCase): string[] {
  const expected: Record<string, number> = {};
  for (const { fate } of readings) if (!UNCOUNTED.has(fate)) expected[fate] = (expected[fate] ?? 0) + 1;
  return [...new Set([...Object.keys(expected), ...Object.keys(fates)])]
    .filter((fate) => (expected[fate] ?? 0) !== (fates[fate] ?? 0))
    .map((fate) => `${fates[fate] ?? 0} readings are ${fate}, the case says ${expected[fate] ?? 0}`);
}

/**
 * What holds of every window, whatever the case: revisions count up, states only go forward, nothing after final. Only a session that
 * becomes longer waits again.
 */
function unlawful({ dateMs }: ConformanceCase, history: readonly Published[]): string[] {
  const rank = { provisional: 0, complete: 1, final: 2 };
  return history.flatMap((result, index) => {
    const before = index === 0 ? undefined : history[index - 1];
    const place = `${keyOf(result)} at ${shownMoment(result.shownAtMs, dateMs)}`;
    const problems: string[] = [];
    if (result.revision !== index + 1)
      problems.push(`${place}: revision ${result.revision} is number ${index + 1}`);
    if (before === undefined) return problems;
    if (before.state === "final") problems.push(`${place}: a revision after the final one`);
    if (result.endMs > before.endMs) return problems;
    if (rank[result.state] < rank[before.state])
      problems.push(`${place}: ${result.state} after ${before.state}`);
    if (
      before.state === "complete" &&
      JSON.stringify(before.completeness) !== JSON.stringify(result.completeness)
    )
      problems.push(`${place}: the completeness of a complete window has changed`);
    return problems;
  });
}

function unmet(
  { dateMs }: ConformanceCase,
  expected: CaseExpectation,
  history: readonly Published[],
  asked: WindowResult | undefined,
): string[] {
  const { place, atMs, isAbsent, revision, mergedIntoMs, revisions } = expected;
  const until = history.filter(({ shownAtMs }) => shownAtMs <= (atMs ?? Infinity));
  // At the end it is what a query is told.
  const last = atMs === null ? asked : until.at(-1);
  const problems: string[] = [];
  if (isAbsent) {
    if (last !== undefined) problems.push(`shown, of revision ${last.revision}`);
  } else if (last === undefined) problems.push("never shown");
  else {
    problems.push(...seenDifferences(expected, last));
    if (revision !== undefined && revision !== last.revision)
      problems.push(`revision ${last.revision}, expected ${revision}`);
    if (mergedIntoMs !== last.mergedIntoMs)
      problems.push(`merged into ${last.mergedIntoMs ?? "none"}, expected ${mergedIntoMs ?? "none"}`);
  }
  if (revisions !== undefined) {
    if (revisions.length !== until.length)
      problems.push(`${until.length} revisions, expected ${revisions.length}`);
    for (const [index, one] of revisions.entries()) {
      const shown = until.at(index);
      if (shown === undefined) continue;
      const found = seenDifferences(one, shown);
      if (one.atMs !== undefined && one.atMs !== shown.shownAtMs)
        found.push(
          `shown at ${shownMoment(shown.shownAtMs, dateMs)}, expected ${shownMoment(one.atMs, dateMs)}`,
        );
      problems.push(...found.map((problem) => `revision ${index + 1}: ${problem}`));
    }
  }
  if (problems.length === 0) return [];
  const shown = until.map((result) => `    ${lineOf(result, dateMs)}`).join("\n");
  return [`${place}: ${problems.join("; ")}\n  shown:\n${shown}`];
}

function keyOf({ window, startMs, group }: WindowResult): string {
  return windowKey(window, startMs, group);
}

function lineOf(result: Published, dateMs: number): string {
  const { revision, state, values, completeness } = result;
  const missing =
    completeness.agentsMissing.length === 0 ? "" : ` missing ${completeness.agentsMissing.join()}`;
  return `${shownMoment(result.shownAtMs, dateMs)} r${revision} ${state} ${JSON.stringify(values)}${missing}`;
}
