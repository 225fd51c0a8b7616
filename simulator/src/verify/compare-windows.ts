import type { CentralWindow } from "./central-client.ts";
import { kmOverSphere } from "./records/geography.ts";
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
  /** Names compared; `count` always, the others as far as the metric accumulates them. */
  readonly compared: readonly string[];
  /** The first faults, in words. */
  readonly faults: readonly string[];
}

const FAULTS_MAX = 5;
/** Share of Σ|x| by which a sum may differ: the bound that merging in any order keeps. */
const SUM_TOLERANCE = 1e-12;
/** Share of a way by which it may differ: two formulas of the same distance. */
const WAY_TOLERANCE = 1e-9;
/** An estimate may be so many times its own standard error off: more happens once in a hundred million windows. */
const ERRORS_MAX = 6;
/** No estimate has a greater standard error, as a share. */
const ERROR_SHARE_MAX = 0.02;

/** Judges one window definition by its true windows. `answers` hold at most one row per window and group. */
export function compareWindows(
  definition: WindowDefinition,
  truth: ReadonlyMap<string, TrueWindow>,
  answers: readonly CentralWindow[],
): WindowVerdict {
  const rows = new Map(
    answers.map((row) => [
      windowKey(
        row.window,
        row.startMs,
        definition.by.map((label) => row.group[label] ?? ""),
      ),
      row,
    ]),
  );
  const compared = new Set<string>(["count"]);
  const faults: string[] = [];
  let right = 0;
  let wrong = 0;
  let missing = 0;
  let unsure = 0;

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
    const differences = differencesOf(window, row, compared, definition.ratio != null);
    if (differences.length === 0) {
      right++;
      if (window.unsureCount > 0) unsure++;
    } else {
      wrong++;
      faults.push(`${title}, revision ${row.revision}: ${differences.join(", ")}`);
    }
  }
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
    extra: extra.length,
    unsure,
    compared: [...compared],
    faults: faults.slice(0, FAULTS_MAX),
  };
}

/** Readings that are not good (of a node that died) are counted beside a window, and may be all that it has. */
export function isClaim({ values }: CentralWindow): boolean {
  return values.count !== 0;
}

/** Takes all sessions that lie within these times: together they must have so many readings. Null: they have, or what is wrong. */
function takeLoose(
  { window, startMs, endMs = startMs, group, count, unsureCount }: TrueWindow,
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

function differencesOf(
  window: TrueWindow,
  row: CentralWindow,
  compared: Set<string>,
  hasRatio: boolean,
): string[] {
  const differences: string[] = [];
  if (window.unsureCount > 0) {
    const { count, unsureCount } = window;
    const found = row.values.count;
    if (found === undefined || found < count || found > count + unsureCount)
      differences.push(`count ${found ?? "none"}, should be from ${count} to ${count + unsureCount}`);
    return differences;
  }
  if (window.endMs !== undefined && window.endMs !== row.endMs)
    differences.push(
      `ends ${new Date(row.endMs).toISOString()}, should end ${new Date(window.endMs).toISOString()}`,
    );
  const compare = (name: string, expected: number, toleranceAbsolute: number): void => {
    const found = row.values[name];
    if (found === undefined && name !== "count") return;
    compared.add(name);
    if (found === undefined || Math.abs(found - expected) > toleranceAbsolute)
      differences.push(`${name} ${found ?? "none"}, should be ${expected}`);
  };
  compare("count", window.count, 0);
  compare("min", window.min, 0);
  compare("max", window.max, 0);
  if (window.identities.size > 0) compareDistinct(window.identities.size, row, compare);
  if (window.places.length > 0) {
    const km = wayKm(window.places);
    compare("distance", km, WAY_TOLERANCE * km);
    compare("inexact", 0, 0);
  }
  compare("sum", window.sum, SUM_TOLERANCE * window.sumAbsolute);
  compare(
    "mean",
    window.sum / window.count,
    (SUM_TOLERANCE * window.sumAbsolute) / window.count +
      Number.EPSILON * Math.abs(window.sum / window.count),
  );
  const ratio = window.ratioCount / window.count;
  if (hasRatio) compare("ratio", ratio, Number.EPSILON * ratio);
  return differences;
}

function compareDistinct(
  expected: number,
  { values }: CentralWindow,
  compare: (name: string, expected: number, toleranceAbsolute: number) => void,
): void {
  const error = Math.min(values.distinctError ?? 0, ERROR_SHARE_MAX * expected);
  compare("distinct", expected, ERRORS_MAX * error);
}

/** From place to place in order of time. */
function wayKm(places: TrueWindow["places"]): number {
  const ordered = places.toSorted((a, b) => a.timeMs - b.timeMs);
  return ordered.reduce(
    (km, { place }, at) => km + (at === 0 ? 0 : kmOverSphere(ordered[at - 1].place, place)),
    0,
  );
}
