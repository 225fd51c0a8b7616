import { SendingOrder } from "../../business/sending-order.ts";
import {
  RECORD_STREAMS,
  type BusinessRecord,
  type RecordStreamName,
} from "../../business/business-record.ts";
import { isChangedTable } from "../../business/debezium/changed-table.ts";
import { readTruth } from "../../truth/read-truth.ts";
import { RepeatedRun } from "../../truth/repeated-run.ts";
import type { CentralClient, CentralStream, RecordMetric } from "../central-client.ts";
import type { WindowVerdict } from "../compare-windows.ts";
import { ledgerRow, type LedgerRow } from "../judge-ledger.ts";
import { judgeWindows } from "../judge-windows.ts";
import { WindowOracle, type WindowDefinition } from "../window-oracle.ts";
import { judgeRuleAlarms, type RuleAlarmVerdict } from "./judge-rule-alarms.ts";
import { readRecord } from "./record-reader.ts";
import { DistinctOracle } from "./distinct-oracle.ts";
import { judgeRecordAlarms, type RecordAlarmVerdict } from "./judge-record-alarms.ts";
import type { RecordTruth, RecordWay } from "./record-truth.ts";
import { RuleOracle } from "./rule-oracle.ts";

export interface RecordVerdict {
  readonly isRight: boolean;
  /** Left their sources, copies and spoilt ones too. */
  readonly sent: number;
  /** Of these, those of which nobody has said that they came. */
  readonly unacked: number;
  readonly again: number;
  readonly spoilt: number;
  /** False: what reaches beyond the last that came is not judged, nor the ledger. */
  readonly hasEnded: boolean;
  /** What each judged window was held against, in words. */
  readonly matches: readonly { readonly window: string; readonly reads: string }[];
  readonly windows: readonly WindowVerdict[];
  readonly unjudged: readonly { readonly what: string; readonly why: string }[];
  /** Of rules on single records; empty while records are made. */
  readonly ruleAlarms: readonly RuleAlarmVerdict[];
  /** Of rules on records. */
  readonly alarms: readonly RecordAlarmVerdict[];
  /** By stream; empty while records are made. */
  readonly ledger: readonly LedgerRow[];
  /** Why the records could not be made again as the truth has them. */
  readonly faults: readonly string[];
}

export interface JudgeRecordsOptions {
  readonly truthPath: string;
  /** Has read all of the file. */
  readonly truth: RecordTruth;
  readonly client: Pick<CentralClient, "windows" | "recordStreams" | "alarms">;
  readonly pipeline: Awaited<ReturnType<CentralClient["pipeline"]>>;
}

/** What central must have of one stream. */
interface StreamCounts {
  readonly metrics: readonly RecordMetric[];
  readonly oracles: readonly RuleOracle[];
  readonly rules: readonly DistinctOracle[];
  good: number;
  /** Of the good ones, those that central may have found too late for their windows. */
  maybeLate: number;
  again: number;
  /** Spoilt, or without what a metric must have. */
  refused: number;
  latestMs: number;
}

/**
 * Central's windows and ledger of records. The records are made again from the truth, each line held against the file, and
 * every window is computed from those that came. Null: the truth makes none.
 */
export async function judgeRecords(options: JudgeRecordsOptions): Promise<RecordVerdict | null> {
  const { truthPath, truth, client, pipeline } = options;
  const { ways, hasChanges } = truth;
  const made = new Set(truth.streams);
  if (made.size === 0) return null;
  const unsent = [...made].filter((stream) =>
    ways.some(({ streams }) => streams?.includes(stream) === false),
  );
  for (const stream of unsent) made.delete(stream);
  const found = await client.recordStreams();
  const { judged, unjudged } = matchDefinitions({ pipeline, made, found, hasChanges });
  for (const stream of unsent) unjudged.push({ what: `stream ${stream}`, why: "it was not sent" });
  const definitions = judged.map(({ definition }) => definition);
  const oracle = new WindowOracle(definitions);
  const streams = new Map<RecordStreamName, StreamCounts>();
  for (const stream of made) {
    if (!found.has(stream) || (hasChanges && isChangedTable(stream))) continue;
    const metrics = [...pipeline.recordMetrics.values()].filter((metric) => metric.stream === stream);
    const oracles = pipeline.watchRules
      .filter((rule) => rule.stream === stream)
      .map((rule) => new RuleOracle(rule));
    const rules = pipeline.recordRules
      .filter((rule) => rule.stream === stream)
      .map((rule) => new DistinctOracle(rule));
    streams.set(stream, {
      metrics,
      oracles,
      rules,
      good: 0,
      maybeLate: 0,
      again: 0,
      refused: 0,
      latestMs: -Infinity,
    });
  }
  const longestMs = Math.max(0, ...definitions.map(({ sizeMs }) => sizeMs));
  const arrived = await repeatArrivals(truthPath, ways, (record, startMs) => {
    const counts = streams.get(record.topic);
    // Of what happened before, only the windows that reach into the run are judged.
    if (counts !== undefined) arrive(record, counts, record.timeMs < startMs - longestMs ? null : oracle);
  });
  const { fromMs, toMs, judgedToMs } = arrived;
  const sizes = new Map(definitions.map(({ name, sizeMs }) => [name, sizeMs]));
  const isOfRun = ({ window, startMs }: { readonly window: string; readonly startMs: number }): boolean =>
    startMs + (sizes.get(window) ?? 0) > fromMs;
  const windows = await judgeWindows({
    client,
    definitions,
    truth: new Map([...oracle.results()].filter(([, window]) => isOfRun(window))),
    fromMs,
    toMs,
    judgedToMs,
    isOwn: isOfRun,
  });
  const centralAlarms = await client.alarms();
  const alarms = [...streams.values()].flatMap(({ rules }) =>
    rules.map((each) =>
      judgeRecordAlarms(
        each,
        each.alarms(arrived.history()).filter(({ timeMs }) => timeMs <= judgedToMs),
        centralAlarms.filter(({ activeAtMs }) => activeAtMs <= judgedToMs),
      ),
    ),
  );
  const hasEnded = judgedToMs === Infinity;
  const ruleAlarms = hasEnded ? await judgeRules(client, [...streams.values()]) : [];
  const ledger = hasEnded
    ? [...streams].flatMap(([stream, counts]) => judgeStream(counts, arrived.againMax, found.get(stream)))
    : [];
  return {
    isRight:
      arrived.faults.length === 0 &&
      windows.every(({ wrong, missing, extra }) => wrong + missing + extra === 0) &&
      ruleAlarms.every(({ missed, wrong }) => missed + wrong === 0) &&
      alarms.every(({ missed, wrong }) => missed + wrong === 0) &&
      ledger.every((row) => row.isRight),
    sent: arrived.sent,
    unacked: arrived.unacked,
    again: arrived.again,
    spoilt: arrived.spoilt,
    hasEnded,
    matches: judged.map(({ definition, metric }) => ({
      window: definition.name,
      reads: readsOf(metric, found.get(metric.stream)),
    })),
    windows,
    unjudged,
    ruleAlarms,
    alarms,
    ledger,
    faults: arrived.faults,
  };
}

interface MatchOptions {
  readonly pipeline: JudgeRecordsOptions["pipeline"];
  readonly made: ReadonlySet<RecordStreamName>;
  readonly found: ReadonlyMap<string, CentralStream>;
  readonly hasChanges: boolean;
}

/** Central's windows of records beside the truth's streams: what can be judged, and why the rest cannot. */
function matchDefinitions({ pipeline, made, found, hasChanges }: MatchOptions) {
  const judged: { readonly definition: WindowDefinition; readonly metric: RecordMetric }[] = [];
  const unjudged: { what: string; why: string }[] = pipeline.otherRecordWindows.map(({ name, kind }) => ({
    what: name,
    why: kind === "day" ? "days of a time zone are not judged" : "sessions are not judged",
  }));
  for (const definition of pipeline.judged) {
    const metric = pipeline.recordMetrics.get(definition.metric);
    if (metric === undefined) continue;
    const stream = RECORD_STREAMS.find((name) => name === metric.stream);
    const why =
      stream === undefined || !made.has(stream)
        ? `the truth has no stream ${metric.stream}`
        : hasChanges && isChangedTable(stream)
          ? "its records are change events"
          : metric.isAdjusted
            ? `values of ${metric.metric} are scaled or converted`
            : metric.value?.kind === "since" && !["s", "ms"].includes(metric.value.unit)
              ? `times of ${metric.metric} are ${metric.value.unit}`
              : null;
    if (why === null) judged.push({ definition, metric });
    else unjudged.push({ what: definition.name, why });
  }
  for (const stream of made)
    if (!found.has(stream)) unjudged.push({ what: `stream ${stream}`, why: "central does not read it" });
  return { judged, unjudged };
}

interface Arrivals {
  sent: number;
  unacked: number;
  again: number;
  spoilt: number;
  againMax: number;
  /** Event times of those that came. */
  fromMs: number;
  toMs: number;
  /** Windows that reach beyond it may lack what has not come. */
  judgedToMs: number;
  readonly faults: string[];
  /** What a system had to know before the first. */
  readonly history: () => Iterable<BusinessRecord>;
}

/** Makes all runs again, and tells of each record that came, in the order in which they left. */
async function repeatArrivals(
  truthPath: string,
  ways: readonly RecordWay[],
  onArrival: (record: BusinessRecord, startMs: number) => void,
): Promise<Arrivals> {
  const all: Arrivals = {
    history: () => run.history(),
    sent: 0,
    unacked: 0,
    again: 0,
    spoilt: 0,
    againMax: 0,
    fromMs: Infinity,
    toMs: -Infinity,
    judgedToMs: Infinity,
    faults: [],
  };
  let order = new SendingOrder();
  let runNumber = -1;
  let ackedMax = Infinity;
  let sentOfRun = 0;
  let firstStartMs = Infinity;
  const leave = (records: Iterable<BusinessRecord>): void => {
    for (const record of records) {
      sentOfRun += 1;
      all.sent += 1;
      if (sentOfRun > ackedMax) {
        all.unacked += 1;
        all.judgedToMs = Math.min(all.judgedToMs, record.timeMs);
        continue;
      }
      if (record.fate === "again") all.again += 1;
      if (record.fate === "spoilt") all.spoilt += 1;
      all.fromMs = Math.min(all.fromMs, record.timeMs);
      all.toMs = Math.max(all.toMs, record.timeMs);
      onArrival(record, firstStartMs);
    }
  };
  const run = new RepeatedRun({
    path: truthPath,
    record: () => {},
    onRecords: (records, madeToMs) => {
      leave(order.take(records));
      leave(order.until(madeToMs));
    },
  });
  const endRun = (): void => {
    const way = ways[runNumber];
    if (way === undefined) return;
    const madeToMs = run.recordsMadeToMs;
    if (!way.hasEnded) {
      // What still waits in its source is not on its way yet.
      ackedMax = Math.min(ackedMax, sentOfRun);
      all.judgedToMs = Math.min(all.judgedToMs, madeToMs);
    }
    leave(order.until(Infinity));
    all.againMax += way.acked === null ? Infinity : way.againMax;
  };
  for await (const line of readTruth(truthPath)) {
    if (line.type === "run" && line.recordsStart === undefined) {
      endRun();
      runNumber += 1;
      order = new SendingOrder();
      sentOfRun = 0;
      const { acked, hasEnded } = ways[runNumber];
      ackedMax = acked ?? (hasEnded ? Infinity : 0);
    }
    const difference = run.onLine(line);
    if (line.type === "run" && runNumber === 0) {
      firstStartMs = line.start;
      for (const record of run.history()) onArrival(record, firstStartMs);
    }
    if (difference === null) continue;
    const { expected, made } = difference;
    all.faults.push(
      `line ${run.lineCount + 1} cannot be made again, and what follows is not judged: ${expected.trim()}; made ${made.trim() || "nothing"}`,
    );
    break;
  }
  endRun();
  return all;
}

function arrive(record: BusinessRecord, counts: StreamCounts, oracle: WindowOracle | null): void {
  if (record.fate === "again") {
    counts.again += 1;
    return;
  }
  const { json, timeMs } = record;
  const values =
    record.fate === "spoilt" || json === null ? null : readRecord({ json, timeMs }, counts.metrics);
  if (values === null || json === null || !counts.rules.every((rule) => rule.add(json, record.timeMs))) {
    counts.refused += 1;
    return;
  }
  counts.good += 1;
  counts.latestMs = Math.max(counts.latestMs, record.timeMs);
  // A stream's own time is not beyond its latest record, and its windows end by it.
  const arrival = { earliestMs: -Infinity, latestMs: counts.latestMs, isUnsure: false };
  let isMaybeLate = false;
  for (const read of values)
    for (const rule of counts.oracles)
      if (rule.rule.metric === read.metric) rule.add(read, record.timeMs, record.sentMs);
  for (const { metric, value, labels } of values) {
    if (value === null) continue;
    const labelOf = (label: string): string => labels[label] ?? "";
    const place = oracle?.addValue({ metric, time: record.timeMs, value, labelOf }, arrival);
    isMaybeLate ||= place === "unsure";
  }
  if (isMaybeLate) counts.maybeLate += 1;
}

async function judgeRules(
  client: JudgeRecordsOptions["client"],
  streams: readonly StreamCounts[],
): Promise<RuleAlarmVerdict[]> {
  const answers = await client.alarms();
  return streams.flatMap(({ oracles, latestMs: endMs }) =>
    oracles.map((oracle) => judgeRuleAlarms(oracle, oracle.alarms(endMs), { answers, endMs })),
  );
}

function judgeStream(
  { good, maybeLate, again, refused }: StreamCounts,
  againMax: number,
  stream: CentralStream | undefined,
): readonly LedgerRow[] {
  if (stream === undefined) return [];
  const { stream: site, totals } = stream;
  const { received, aggregated, duplicates, setAside, tooLate, rejected } = totals;
  const rejections = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  const sent = good + again + refused;
  return [
    ledgerRow({ site, count: "received", min: sent, max: sent + againMax, found: received }),
    ledgerRow({ site, count: "aggregated", min: good - maybeLate, max: good, found: aggregated }),
    ledgerRow({ site, count: "duplicates", min: again, max: again + againMax, found: duplicates }),
    ledgerRow({ site, count: "too late", min: 0, max: maybeLate, found: tooLate + setAside }),
    ledgerRow({ site, count: "rejected", min: refused, max: refused + againMax, found: rejections }),
  ];
}

/** `orders (http): payment as paid = 0, failed = 1`, `trucks (http): lon and lat as positions` */
function readsOf({ stream, path, map, value }: RecordMetric, found: CentralStream | undefined): string {
  const texts = Object.entries(map ?? {}).map(([text, number]) => `${text} = ${number}`);
  const meaning = map === null ? "" : ` as ${texts.join(", ")}`;
  const special = value === undefined ? meaning : meaningOf(value);
  return `${stream} (${found?.source ?? "not read"}): ${path.join(".")}${special}`;
}

function meaningOf(value: NonNullable<RecordMetric["value"]>): string {
  switch (value.kind) {
    case "identity":
      return " as identity";
    case "since":
      return " as seconds since";
    case "position":
      return ` and ${value.latitude.join(".")} as position`;
  }
}
