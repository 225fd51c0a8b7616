import type { CentralWindow } from "./central-client.ts";
import { namesOf, trueValues } from "./true-values.ts";
import { type AgentFrontier, stateFault, waitsFor } from "./window-state.ts";
import { windowKey, type TrueWindow, type WindowDefinition } from "./window-oracle.ts";

export interface WindowVerdict {
  readonly window: string;
  readonly expected: number;
  readonly right: number;
  readonly wrong: number;
  readonly missing: number;
  /** At central, though no reading belongs to them. */
  readonly extra: number;
  /** Of those that are right: readings may be in them that nobody can be sure of, so only their count was held against bounds. */
  readonly unsure: number;
  /** Of those expected: readings must be in them. */
  readonly judged: number;
  /** Of those there: central waits for these agents with them. */
  readonly provisional: number;
  readonly awaited: readonly string[];
  /** Names compared; `count` always, the others as far as the metric accumulates them. */
  readonly compared: readonly string[];
  /** Names that central's rows have, and the truth does not hold. */
  readonly uncompared: readonly string[];
  /** The first faults, in words. */
  readonly faults: readonly string[];
}

const FAULTS_MAX = 5;

/** Judges one window definition by its true windows. `frontiers`: null while more is on its way, and states say nothing. */
export function compareWindows(
  definition: WindowDefinition,
  truth: ReadonlyMap<string, TrueWindow>,
  answers: readonly CentralWindow[],
  frontiers: ReadonlyMap<string, AgentFrontier> | null = null,
): WindowVerdict {
  const rows = new Map<string, CentralWindow>();
  const surplus: CentralWindow[] = [];
  for (const row of answers) {
    const key = windowKey(
      row.window,
      row.startMs,
      definition.by.map((label) => row.group[label] ?? ""),
    );
    const isOfGroup = Object.keys(row.group).every((label) => definition.by.includes(label));
    if (rows.has(key) || !isOfGroup) surplus.push(row);
    else rows.set(key, row);
  }
  const compared = new Set<string>(["count"]);
  const unknown = new Set<string>();
  const judged = { definition, stated: namesOf(definition), compared, unknown };
  const faults: string[] = [];
  let right = 0;
  let wrong = 0;
  let missing = 0;
  let unsure = 0;
  let provisional = 0;
  const awaited = new Set<string>();

  for (const [key, window] of truth) {
    const row = rows.get(key);
    if (window.isLoose !== true) rows.delete(key);
    if (window.isLoose === true) {
      const inside = takeLoose(window, rows, definition);
      if (inside === null) right++;
      else wrong++;
      unsure += inside === null ? 1 : 0;
      if (inside !== null) faults.push(inside);
      continue;
    }
    const title = `${window.window} ${new Date(window.startMs).toISOString()} ${window.group.join("/")}`;
    if (row === undefined && window.count === 0) {
      right++;
      if (window.unsureCount > 0) unsure++;
      continue;
    }
    if (row === undefined) {
      missing++;
      faults.push(`${title}: missing (${window.count} readings)`);
      continue;
    }
    const differences = differencesOf(window, row, judged);
    const fault = frontiers === null ? null : stateFault(row, frontiers);
    if (fault !== null) differences.push(fault);
    const agents = waitsFor(row);
    if (agents.length > 0) provisional++;
    for (const agent of agents) awaited.add(agent);
    if (differences.length === 0) {
      right++;
      if (window.unsureCount > 0) unsure++;
    } else {
      wrong++;
      faults.push(`${title}, revision ${row.revision}: ${differences.join(", ")}`);
    }
  }
  for (const row of surplus)
    faults.push(
      `${row.window} ${new Date(row.startMs).toISOString()} ${Object.values(row.group).join("/")}: one too many, count ${row.values.count ?? 0}`,
    );
  const extra = [...rows.values()].filter(isClaim);
  for (const row of extra) {
    faults.push(
      `${row.window} ${new Date(row.startMs).toISOString()} ${Object.values(row.group).join("/")}: no reading belongs there, count ${row.values.count ?? 0}`,
    );
  }
  return {
    window: definition.name,
    expected: truth.size,
    right,
    wrong,
    missing,
    extra: extra.length + surplus.length,
    unsure,
    judged: [...truth.values()].filter(({ count }) => count > 0).length,
    provisional,
    awaited: [...awaited],
    compared: [...compared],
    uncompared: [...unknown],
    faults: faults.slice(0, FAULTS_MAX),
  };
}

/** Readings that are not good (of a node that died) are counted beside a window, and may be all that it has. */
export function isClaim({ values }: CentralWindow): boolean {
  return values.count !== 0;
}

/** Takes all sessions that lie within these times: together they must have so many readings. Null: they have, or what is wrong. */
function takeLoose(
  { window, startMs, endMs, group, count, unsureCount }: TrueWindow,
  rows: Map<string, CentralWindow>,
  { by }: WindowDefinition,
): string | null {
  let found = 0;
  for (const [key, row] of rows) {
    if (row.startMs < startMs || row.startMs >= endMs) continue;
    if (by.some((label, at) => (row.group[label] ?? "") !== group[at])) continue;
    found += row.values.count ?? 0;
    rows.delete(key);
  }
  if (found >= count && found <= count + unsureCount) return null;
  const must = unsureCount === 0 ? count : `from ${count} to ${count + unsureCount}`;
  return `${window} ${new Date(startMs).toISOString()} ${group.join("/")}: ${found} readings in sessions until ${new Date(endMs).toISOString()}, should be ${must}`;
}

interface Compared {
  readonly definition: WindowDefinition;
  /** Values that a row must have. */
  readonly stated: ReadonlySet<string>;
  readonly compared: Set<string>;
  readonly unknown: Set<string>;
}

function differencesOf(window: TrueWindow, row: CentralWindow, judged: Compared): string[] {
  const { definition, stated, compared, unknown } = judged;
  const differences: string[] = [];
  if (window.unsureCount > 0) {
    const { count, unsureCount } = window;
    const found = row.values.count;
    if (found === undefined || found < count || found > count + unsureCount)
      differences.push(`count ${found ?? "none"}, should be from ${count} to ${count + unsureCount}`);
    return differences;
  }
  if (window.endMs !== row.endMs)
    differences.push(
      `ends ${new Date(row.endMs).toISOString()}, should end ${new Date(window.endMs).toISOString()}`,
    );
  const known = trueValues(window, row, definition);
  for (const { name, expected, toleranceAbsolute } of known) {
    const found = row.values[name];
    if (found === undefined && !stated.has(name)) continue;
    compared.add(name);
    if (found === undefined || !(Math.abs(found - expected) <= toleranceAbsolute))
      differences.push(`${name} ${found ?? "none"}, should be ${expected}`);
  }
  const isKnown = (name: string): boolean => known.some((each) => each.name === name);
  // Of identities and places some accumulators have nothing to say.
  const hasNumbers = window.identities.size + window.places.length === 0;
  for (const name of stated)
    if (hasNumbers && row.values[name] === undefined && !isKnown(name))
      differences.push(`${name} none, should be there`);
  for (const name of Object.keys(row.values))
    if (name !== "distinctError" && !isKnown(name)) unknown.add(name);
  return differences;
}
