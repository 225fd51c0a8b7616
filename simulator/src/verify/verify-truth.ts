import { MillraceError } from "@millrace/runtime";
import type { Login } from "../publish/login.ts";
import { type ReadingWatch, readTruth } from "../truth/read-truth.ts";
import type { TruthAlarm, TruthReading } from "../truth/truth-line.ts";
import { type AwaitedAgent, awaitedAgents } from "./awaited-agents.ts";
import { type CentralAlarm, CentralClient, type CentralWindow } from "./central-client.ts";
import { compareAlarms, type AlarmVerdict } from "./compare-alarms.ts";
import type { WindowVerdict } from "./compare-windows.ts";
import { DeliveryTruth } from "./delivery-truth.ts";
import { EarlierAlarms } from "./earlier-alarms.ts";
import { besideOthers, type ExpectedSite, judgeLedger, type LedgerRow } from "./judge-ledger.ts";
import { judgeWindows } from "./judge-windows.ts";
import { findOthers, hasOnlyOwn, type OthersWindows } from "./others-windows.ts";
import { judgeRecords, type RecordVerdict } from "./records/judge-records.ts";
import { RecordTruth } from "./records/record-truth.ts";
import { SparkplugDeaths } from "./sparkplug-deaths.ts";
import { unreadParts } from "./unread-parts.ts";
import { type Unjudged, unknownAlarms } from "./unknown-alarms.ts";
import { WindowOracle } from "./window-oracle.ts";
import { judgeWindowRules, type WindowRuleVerdicts } from "./window-rules/judge-window-rules.ts";
import { OpenWindows } from "./window-rules/open-windows.ts";

export interface TruthCounts {
  readonly generated: number;
  /** Never acknowledged: nobody knows whether they came. */
  readonly unacked: number;
  /** On the way, as the plan wanted it. */
  readonly lost: number;
  /** Instead of them came payloads that are none. */
  readonly spoilt: number;
  /** A clock that was set back said them twice, time and value alike: they count once. */
  readonly repeated: number;
  /** Sent twice; they count once. */
  readonly again: number;
  /** The simulator wrote its end: nothing is on its way any more. */
  readonly hasEnded: boolean;
  /** Acknowledged readings by site, without the repeated ones. */
  readonly ackedBySite: ReadonlyMap<string, number>;
}

export interface Verdict {
  readonly isRight: boolean;
  readonly readings: TruthCounts;
  readonly windows: readonly WindowVerdict[];
  /** Of windows and alarms of readings. */
  readonly unjudged: readonly Unjudged[];
  readonly alarms: AlarmVerdict;
  /** Of rules on windows of readings. */
  readonly windowRules: WindowRuleVerdicts;
  /** Empty while the simulator runs. */
  readonly ledger: readonly LedgerRow[];
  /** Where there may be some, windows that reach beyond the truth and counts are lower bounds, and others' alarms are not judged. */
  readonly others: OthersWindows;
  /** Null: the truth makes none. */
  readonly records: RecordVerdict | null;
  /** Whose data is not all at central, as far as it is judged. */
  readonly awaited: readonly AwaitedAgent[];
  /** The truth's own alarm steps, in order. */
  readonly alarmSteps: readonly TruthAlarm[];
}

/** While the simulator runs, its last readings are on their way: what reaches into this time is not judged. */
const ON_THE_WAY_MS = 5_000;

/** Judges central's windows, alarms and ledger by the truth. What nobody has acknowledged may have come or not. */
export async function verifyTruth(options: {
  readonly truthPath: string;
  readonly centralUrl: string;
  /** Absent, or null: central asks nobody who he is. */
  readonly login?: Login | null;
  /** Others write to this central too. Absent: nobody does, and what the truth cannot have made is wrong. */
  readonly isBesideOthers?: boolean;
  /** Hears of each line that is read. */
  readonly watch?: ReadingWatch;
}): Promise<Verdict> {
  const delivery = await DeliveryTruth.read(options.truthPath, options.watch);
  if (delivery.runCount === 0) throw new MillraceError("truth_empty", { path: options.truthPath });
  // Of the way, of what came, and of the records as they are made again.
  options.watch?.willRead(delivery.hasRecords ? 3 : 2);
  const client = new CentralClient(options.centralUrl, options.login);
  const pipeline = await client.pipeline();
  const isTimed = ({ metric }: { readonly metric: string }): boolean => !delivery.timelessMetrics.has(metric);
  const definitions = pipeline.windows.filter(
    (definition) => isTimed(definition) && !pipeline.recordMetrics.has(definition.metric),
  );
  const oracle = new WindowOracle(definitions);
  const recordTruth = new RecordTruth(options.truthPath);
  const deaths = new SparkplugDeaths();
  const sites = new Map<string, SiteCounts>();
  const countsOf = (site: string): SiteCounts => {
    let counts = sites.get(site);
    if (counts === undefined) sites.set(site, (counts = newSiteCounts()));
    return counts;
  };
  const rules = new Set<string>();
  const metrics = new Set<string>();
  const alarms: TruthAlarm[] = [];
  /** Said, and never came. */
  const gone = new Set<string>();
  let generated = 0;
  let repeated = 0;
  let hasEnded = false;
  let fromMs = Infinity;
  let toMs = -Infinity;
  for await (const line of readTruth(options.truthPath, options.watch)) {
    recordTruth.onLine(line);
    deaths.onLine(line);
    if (line.type === "run") {
      hasEnded = false;
      for (const site of line.sites) countsOf(site);
      for (const rule of line.rules) rules.add(rule);
    }
    hasEnded ||= line.type === "end";
    if (line.type === "alarm" || line.type === "cleared") alarms.push(line);
    if (line.type === "state" || line.type === "waveform") countsOf(line.site).unread++;
    if (line.type !== "reading") continue;
    fromMs = Math.min(fromMs, line.time);
    toMs = Math.max(toMs, line.time);
    const number = ++generated;
    const arrival = delivery.arrival(number);
    if (arrival === null) {
      gone.add(sayingOf(line));
      continue;
    }
    // Where what it repeats never came, it is the first to come.
    if (line.isRepeated === true && !gone.delete(sayingOf(line))) {
      repeated++;
      continue;
    }
    metrics.add(line.metric);
    const counts = countsOf(line.site);
    if (!delivery.unacked.has(number)) counts.acked++;
    if (!pipeline.windowedMetrics.has(line.metric)) counts.unread++;
    const place = oracle.add(line, arrival);
    if (pipeline.windowedMetrics.has(line.metric)) counts[arrival.isUnsure ? "unsure" : "windowed"]++;
    if (place === "unsure" || (place === "late" && arrival.isUnsure)) counts.maybeLate++;
    else if (place === "late") counts.late++;
  }

  const judgedToMs = hasEnded ? Infinity : toMs - ON_THE_WAY_MS;
  const truth = oracle.results();
  const names = new Set([...truth.values()].map((window) => window.window));
  const open = new OpenWindows();
  const compared = {
    client,
    definitions: definitions.filter(({ name }) => names.has(name)),
    truth,
    fromMs,
    toMs,
    isOwn: ({ group: { site } }: CentralWindow) => site === undefined || sites.has(site),
  };
  const isAllowed = options.isBesideOthers === true;
  const beyond = { isAllowed, ...(await findOthers({ ...compared, hasEnded })) };
  // What they have promised before their windows are looked at, these must show.
  const frontiers = hasEnded ? await client.frontiers() : null;
  const { verdicts: windows, foreignCount } = await judgeWindows({
    ...compared,
    onRow: (definition, row) => open.add(definition, row),
    judgedToMs,
    others: beyond,
    frontiers,
  });
  const others = { ...beyond, elsewhere: beyond.elsewhere + foreignCount };
  const answers = await client.alarms();
  const isOwn = ({ activeAtMs }: CentralAlarm): boolean =>
    !(isAllowed && others.before > 0 && activeAtMs < fromMs) &&
    !(isAllowed && others.after > 0 && activeAtMs > toMs);
  const earlier = new EarlierAlarms(answers.filter((alarm) => !isOwn(alarm) && alarm.activeAtMs < fromMs));
  /** Of another site somebody else's alarm may be; without a site it is nobody's. */
  const isOfTruth = ({ labels: { site } }: CentralAlarm): boolean =>
    !isAllowed || site === undefined || sites.has(site);
  const windowRules = judgeWindowRules({
    rules: pipeline.windowRules,
    definitions: definitions.filter(({ name }) => names.has(name)),
    truth,
    open,
    answers: answers.filter((alarm) => isOwn(alarm) && isOfTruth(alarm)),
    earlier,
    judgedToMs,
  });
  const timelessRules = new Set(alarms.filter((step) => !isTimed(step)).map(({ rule }) => rule));
  const alarmVerdict = compareAlarms({
    steps: alarms,
    answers: answers.filter(isOfTruth),
    isOwn,
    rules: new Set([...rules].filter((rule) => !timelessRules.has(rule))),
    earlier,
    judgedToMs,
  });
  const ledger = hasEnded
    ? judgeLedger(
        [...sites].map(([site, counts]) => {
          const expected = expectedOf(site, counts, delivery);
          const deadMax = deaths.readingsMax(site, pipeline.windowedMetrics);
          return { ...expected, receivedMax: expected.receivedMax + deadMax };
        }),
        await client.siteLedgers(),
      ).map((row) => besideOthers(row, others))
    : [];
  const records = await judgeRecords({
    truthPath: options.truthPath,
    truth: recordTruth,
    client,
    pipeline,
    isBesideOthers: isAllowed,
    watch: options.watch,
  });
  const judgedRules = new Set(
    [...windowRules.verdicts, ...(records?.ruleAlarms ?? []), ...(records?.alarms ?? [])].map(
      ({ rule }) => rule,
    ),
  );
  for (const rule of rules) judgedRules.add(rule);
  const isRight =
    hasOnlyOwn(others) &&
    [...windows, ...(records?.windows ?? [])].some(({ judged }) => judged > 0) &&
    records?.isRight !== false &&
    windows.every((verdict) => verdict.wrong + verdict.missing + verdict.extra === 0) &&
    alarmVerdict.missed + alarmVerdict.wrong === 0 &&
    windowRules.verdicts.every(({ missed, wrong }) => missed + wrong === 0) &&
    ledger.every((row) => row.isRight);
  return {
    isRight,
    readings: {
      generated,
      unacked: delivery.unacked.size,
      lost: delivery.lost.size,
      spoilt: delivery.spoilt.size,
      repeated,
      again: delivery.againCount,
      hasEnded,
      ackedBySite: new Map([...sites].map(([site, { acked }]) => [site, acked])),
    },
    windows,
    unjudged: [
      ...unreadParts({
        pipeline,
        judgedWindows: names,
        metrics,
        timelessMetrics: delivery.timelessMetrics,
        timelessRules,
        hasRecords: records !== null,
      }),
      ...unknownAlarms({ answers, judgedRules, isOfTruth }),
    ],
    alarms: alarmVerdict,
    windowRules,
    ledger,
    others,
    records,
    awaited:
      fromMs > toMs
        ? []
        : await awaitedAgents(client, { sites: [...sites.keys()], toMs: Math.min(toMs, judgedToMs) }),
    alarmSteps: alarms,
  };
}

function sayingOf({ site, line, machine, metric, time, value }: TruthReading): string {
  return `${site}/${line}/${machine}/${metric} ${time} ${value}`;
}

interface SiteCounts {
  acked: number;
  /** Of metrics that central has windows of. */
  windowed: number;
  /** Of these, those that may not have arrived. */
  unsure: number;
  late: number;
  maybeLate: number;
  /** Messages that no metric may read: states, waveforms, readings without a window. An agent that does not is right to reject them. */
  unread: number;
}

function newSiteCounts(): SiteCounts {
  return { acked: 0, windowed: 0, unsure: 0, late: 0, maybeLate: 0, unread: 0 };
}

function expectedOf(site: string, counts: SiteCounts, delivery: DeliveryTruth): ExpectedSite {
  const malformed = delivery.malformedBySite.get(site) ?? 0;
  return {
    site,
    receivedMin: counts.windowed,
    // What brings no time of its own counts each time that it comes.
    receivedMax: delivery.timelessMetrics.size > 0 ? Infinity : counts.windowed + counts.unsure,
    tooLateMin: counts.late,
    tooLateMax: counts.late + counts.maybeLate,
    rejectedMin: delivery.wasKilled || delivery.unacked.size > 0 ? 0 : malformed,
    rejectedMax: delivery.mayHaveRepeated && malformed > 0 ? Infinity : malformed + counts.unread,
  };
}
