import { readTruth } from "../truth/read-truth.ts";
import type { TruthAlarm } from "../truth/truth-line.ts";
import { CentralClient } from "./central-client.ts";
import { compareAlarms, type AlarmVerdict } from "./compare-alarms.ts";
import { compareWindows, type WindowVerdict } from "./compare-windows.ts";
import { WindowOracle } from "./window-oracle.ts";

export interface TruthCounts {
  readonly generated: number;
  /** Never acknowledged; they do not count. */
  readonly unacked: number;
  /** A clock that was set back said them twice, time and value alike: they count once. */
  readonly repeated: number;
  /** The simulator wrote its end: nothing is on its way any more. */
  readonly hasEnded: boolean;
  /** Acknowledged readings by site, without the repeated ones. */
  readonly ackedBySite: ReadonlyMap<string, number>;
}

export interface Verdict {
  readonly isRight: boolean;
  readonly readings: TruthCounts;
  readonly windows: readonly WindowVerdict[];
  readonly alarms: AlarmVerdict;
  /** The truth's own alarm steps, in order. */
  readonly alarmSteps: readonly TruthAlarm[];
}

/** While the simulator runs, its last readings are on their way: what reaches into this time is not judged. */
const ON_THE_WAY_MS = 5_000;

/** Judges central's windows and alarms by the truth. Readings that never reached the broker do not count. */
export async function verifyTruth(options: {
  readonly truthPath: string;
  readonly centralUrl: string;
}): Promise<Verdict> {
  const unacked = await unackedNumbers(options.truthPath);
  const client = new CentralClient(options.centralUrl);
  const definitions = await client.windowDefinitions();
  const oracle = new WindowOracle(definitions);
  const sites = new Set<string>();
  const rules = new Set<string>();
  const alarms: TruthAlarm[] = [];
  const ackedBySite = new Map<string, number>();
  let generated = 0;
  let repeated = 0;
  let hasEnded = false;
  let fromMs = Infinity;
  let toMs = -Infinity;
  for await (const line of readTruth(options.truthPath)) {
    if (line.type === "run") {
      for (const site of line.sites) sites.add(site);
      for (const rule of line.rules) rules.add(rule);
    }
    hasEnded = line.type === "end";
    if (line.type === "alarm" || line.type === "cleared") alarms.push(line);
    if (line.type !== "reading") continue;
    generated++;
    if (unacked.has(generated)) continue;
    if (line.isRepeated === true) {
      repeated++;
      continue;
    }
    oracle.add(line);
    ackedBySite.set(line.site, (ackedBySite.get(line.site) ?? 0) + 1);
    fromMs = Math.min(fromMs, line.time);
    toMs = Math.max(toMs, line.time);
  }

  const judgedToMs = hasEnded ? Infinity : toMs - ON_THE_WAY_MS;
  const truth = oracle.results();
  const names = new Set([...truth.values()].map((window) => window.window));
  const windows: WindowVerdict[] = [];
  for (const definition of definitions) {
    if (!names.has(definition.name)) continue;
    const isJudged = (window: { readonly startMs: number }): boolean =>
      window.startMs + definition.sizeMs <= judgedToMs;
    const rows = [];
    for await (const row of client.windows(
      definition.name,
      fromMs - definition.sizeMs,
      toMs + definition.slideMs,
    )) {
      const site = row.group.site;
      if (isJudged(row) && (site === undefined || sites.has(site))) rows.push(row);
    }
    const judged = new Map(
      [...truth].filter(([, window]) => window.window === definition.name && isJudged(window)),
    );
    windows.push(compareWindows(definition, judged, rows));
  }
  const alarmVerdict = compareAlarms(
    alarms.filter((step) => step.time <= judgedToMs),
    (await client.alarms()).filter((alarm) => alarm.activeAtMs <= judgedToMs),
    { sites, rules },
  );
  const isRight =
    windows.length > 0 &&
    windows.every((verdict) => verdict.wrong + verdict.missing + verdict.extra === 0) &&
    alarmVerdict.missed + alarmVerdict.wrong === 0;
  return {
    isRight,
    readings: { generated, unacked: unacked.size, repeated, hasEnded, ackedBySite },
    windows,
    alarms: alarmVerdict,
    alarmSteps: alarms,
  };
}

/** Numbers of readings that no process ever brought to the broker: a later one may have sent what an earlier one left. */
async function unackedNumbers(path: string): Promise<ReadonlySet<number>> {
  const numbers = new Set<number>();
  for await (const line of readTruth(path)) {
    if (line.type === "unacked") numbers.add(line.number);
    else if (line.type === "acked")
      for (const number of numbers) if (number <= line.through) numbers.delete(number);
  }
  return numbers;
}
