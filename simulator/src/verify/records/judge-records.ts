import type { RecordStreamName } from "../../business/business-record.ts";
import { isChangedTable } from "../../business/debezium/changed-table.ts";
import type { CentralAlarm, CentralClient, CentralStream, RecordMetric } from "../central-client.ts";
import type { ReadingWatch } from "../../truth/read-truth.ts";
import type { WindowVerdict } from "../compare-windows.ts";
import { besideOthers, type LedgerRow } from "../judge-ledger.ts";
import { EarlierAlarms } from "../earlier-alarms.ts";
import { judgeWindows } from "../judge-windows.ts";
import { findOthers, hasOnlyOwn, type OthersWindows } from "../others-windows.ts";
import { WindowOracle } from "../window-oracle.ts";
import { judgeWindowRules } from "../window-rules/judge-window-rules.ts";
import { OpenWindows } from "../window-rules/open-windows.ts";
import { DistinctOracle } from "./distinct-oracle.ts";
import { judgeRecordAlarms, type RecordAlarmVerdict } from "./judge-record-alarms.ts";
import { judgeRuleAlarms, type RuleAlarmVerdict } from "./judge-rule-alarms.ts";
import { judgeStreamLedger } from "./judge-stream-ledger.ts";
import type { JudgedStream } from "./judged-stream.ts";
import { matchDefinitions } from "./match-definitions.ts";
import { PlainStream } from "./plain-stream.ts";
import type { RecordTruth } from "./record-truth.ts";
import { repeatArrivals } from "./repeat-arrivals.ts";
import { RuleOracle } from "./rule-oracle.ts";
import { TableStream } from "./table-stream.ts";

export interface RecordVerdict {
  readonly isRight: boolean;
  /** Left their sources, copies and spoilt ones too. */
  readonly sent: number;
  /** Of these, those of which nobody has said that they came. */
  readonly unacked: number;
  readonly again: number;
  readonly spoilt: number;
  /** Of those sent: what only Kafka carries. */
  readonly tombstonesUnsent: number;
  /** False: what reaches beyond the last that came is not judged, nor the ledger. */
  readonly hasEnded: boolean;
  /** What each judged window was held against, in words. */
  readonly matches: readonly { readonly window: string; readonly reads: string }[];
  readonly windows: readonly WindowVerdict[];
  readonly unjudged: readonly { readonly what: string; readonly why: string }[];
  /** Of rules on single records, empty while records are made, and on their windows. */
  readonly ruleAlarms: readonly RuleAlarmVerdict[];
  /** Of rules on records. */
  readonly alarms: readonly RecordAlarmVerdict[];
  /** By stream; empty while records are made. */
  readonly ledger: readonly LedgerRow[];
  readonly others: OthersWindows;
  /** Why the records could not be made again as the truth has them. */
  readonly faults: readonly string[];
}

export interface JudgeRecordsOptions {
  readonly truthPath: string;
  /** Has read all of the file. */
  readonly truth: RecordTruth;
  readonly client: Pick<CentralClient, "windows" | "recordStreams" | "alarms">;
  readonly pipeline: Awaited<ReturnType<CentralClient["pipeline"]>>;
  /** Others' records may be there too. */
  readonly isBesideOthers?: boolean;
  readonly watch?: ReadingWatch | undefined;
}

/**
 * Central's windows and ledger of records. The records are made again from the truth, each line held against the file, and
 * every window is computed from those that came. Null: the truth makes none.
 */
export async function judgeRecords(options: JudgeRecordsOptions): Promise<RecordVerdict | null> {
  const { truthPath, truth, client, pipeline, isBesideOthers: isAllowed = false, watch } = options;
  const { ways, hasChanges } = truth;
  const made = new Set(truth.streams);
  if (made.size === 0) return null;
  const unsent = [...made].filter((stream) =>
    ways.some(({ streams }) => streams?.includes(stream) === false),
  );
  for (const stream of unsent) made.delete(stream);
  const foundStreams = await client.recordStreams();
  const { judged: matched, unjudged } = matchDefinitions({
    pipeline,
    made,
    found: foundStreams,
    hasChanges,
    streamsWithHistory: truth.streamsWithHistory,
  });
  for (const stream of unsent) unjudged.push({ what: `stream ${stream}`, why: "it was not sent" });
  const definitions = matched.map(({ definition }) => definition);
  const oracle = new WindowOracle(definitions);
  const streams = new Map<RecordStreamName, JudgedStream>();
  const streamsOfLines = new Set<RecordStreamName>();
  let tombstonesUnsent = 0;
  for (const stream of made) {
    const ofCentral = foundStreams.get(stream);
    if (ofCentral === undefined) continue;
    const metrics = [...pipeline.recordMetrics.values()].filter((metric) => metric.stream === stream);
    const watches = pipeline.watchRules.filter((rule) => rule.stream === stream);
    const rules = pipeline.distinctRules.filter((rule) => rule.stream === stream);
    if (hasChanges && isChangedTable(stream)) {
      // A tombstone is no line of HTTP's.
      const hasTombstones = ofCentral.source.startsWith("kafka");
      if (!hasTombstones) streamsOfLines.add(stream);
      streams.set(stream, new TableStream({ table: stream, metrics, oracle, hasTombstones }));
      for (const { name } of [...watches, ...rules])
        unjudged.push({ what: `rule ${name}`, why: "its records are change events" });
      continue;
    }
    streams.set(
      stream,
      new PlainStream({
        metrics,
        watches: watches.map((rule) => new RuleOracle(rule)),
        rules: rules.map((rule) => new DistinctOracle(rule)),
        oracle,
      }),
    );
  }
  const longestMs = Math.max(0, ...definitions.map(({ sizeMs }) => sizeMs));
  const arrived = await repeatArrivals({ truthPath, ways, watch }, (record, startMs) => {
    if (record.json === null && streamsOfLines.has(record.topic)) tombstonesUnsent += 1;
    // Of what happened before, only the windows that reach into the run are judged.
    streams.get(record.topic)?.arrive(record, record.timeMs < startMs - longestMs);
  });
  for (const stream of streams.values()) stream.finish();
  const { fromMs, toMs, judgedToMs } = arrived;
  const hasEnded = judgedToMs === Infinity;
  const areRows = ways.some(({ isTable }) => isTable);
  if (areRows)
    for (const stream of streams.keys())
      unjudged.push({ what: `ledger of ${stream}`, why: "others tell of the changes of a database's rows" });
  // A row may say something else as long as its table changes.
  const isChanging = ({ metric }: { readonly metric: RecordMetric }): boolean =>
    !hasEnded && hasChanges && isChangedTable(metric.stream);
  for (const { definition } of matched.filter(isChanging))
    unjudged.push({ what: definition.name, why: "its table changes until the run has ended" });
  const judged = matched.filter((each) => !isChanging(each));
  const open = new OpenWindows();
  const trueWindows = new Map([...oracle.results()].filter(([, { endMs }]) => endMs > fromMs));
  const compared = { client, definitions: judged.map(({ definition }) => definition), fromMs, toMs };
  const beyond = await findOthers({ ...compared, hasEnded });
  // What is older may be the history that central has read before.
  const hasHistory = truth.streamsWithHistory.size > 0;
  const others = { isAllowed, ...beyond, before: hasHistory ? 0 : beyond.before };
  const { verdicts: windows } = await judgeWindows({
    ...compared,
    onRow: (definition, row) => open.add(definition, row),
    truth: trueWindows,
    judgedToMs,
    others,
    // Of whom they wait for nobody tells how far he is.
    frontiers: hasEnded ? new Map() : null,
  });
  const answers = await client.alarms();
  const isOthers = ({ activeAtMs }: CentralAlarm): boolean =>
    isAllowed && ((others.before > 0 && activeAtMs < fromMs) || (others.after > 0 && activeAtMs > toMs));
  const centralAlarms = answers.filter((alarm) => !isOthers(alarm));
  const earlier = new EarlierAlarms(answers.filter((alarm) => isOthers(alarm) && alarm.activeAtMs < fromMs));
  const alarms = [...streams.values()].flatMap(({ rules }) =>
    rules.map((each) =>
      judgeRecordAlarms(
        each,
        each.alarms(arrived.history()).filter(({ timeMs }) => timeMs <= judgedToMs),
        {
          answers: centralAlarms.filter(({ activeAtMs }) => activeAtMs <= judgedToMs),
          endMs: Math.min(toMs, judgedToMs),
          earlier,
        },
      ),
    ),
  );
  const windowRules = judgeWindowRules({
    rules: pipeline.windowRules,
    definitions: judged.map(({ definition }) => definition),
    truth: trueWindows,
    open,
    answers: centralAlarms.filter(({ activeAtMs }) => activeAtMs > fromMs),
    earlier,
    judgedToMs,
  });
  for (const each of windowRules.unjudged) unjudged.push(each);
  const ruleAlarms = hasEnded ? judgeRules({ answers: centralAlarms, earlier }, [...streams.values()]) : [];
  const ledger = hasEnded
    ? [...streams].flatMap(([name, { expected }]) => {
        const stream = foundStreams.get(name);
        if (stream === undefined || areRows) return [];
        return judgeStreamLedger({ ...expected, againMax: arrived.againMax }, stream).map((row) =>
          besideOthers(row, others),
        );
      })
    : [];
  return {
    isRight:
      arrived.faults.length === 0 &&
      hasOnlyOwn(others) &&
      windows.every(({ wrong, missing, extra }) => wrong + missing + extra === 0) &&
      [...ruleAlarms, ...windowRules.verdicts].every(({ missed, wrong }) => missed + wrong === 0) &&
      alarms.every(({ missed, wrong }) => missed + wrong === 0) &&
      ledger.every((row) => row.isRight),
    sent: arrived.sent,
    // Those of a portion that was not made to its end are not made again.
    unacked: Math.max(
      arrived.unacked,
      ways.reduce((sum, { unacked }) => sum + unacked, 0),
    ),
    again: arrived.again,
    spoilt: arrived.spoilt,
    tombstonesUnsent,
    hasEnded,
    matches: judged.map(({ definition, metric }) => ({
      window: definition.name,
      reads: readsOf(metric, foundStreams.get(metric.stream)),
    })),
    windows,
    unjudged,
    ruleAlarms: [...ruleAlarms, ...windowRules.verdicts],
    alarms,
    ledger,
    others,
    faults: arrived.faults,
  };
}

function judgeRules(
  central: { readonly answers: readonly CentralAlarm[]; readonly earlier: EarlierAlarms },
  streams: readonly JudgedStream[],
): RuleAlarmVerdict[] {
  return streams.flatMap(({ watches, latestMs: endMs }) =>
    watches.map((oracle) => judgeRuleAlarms(oracle, oracle.alarms(endMs), { ...central, endMs })),
  );
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
