import { RECORD_STREAMS, type RecordStreamName } from "../../business/business-record.ts";
import { TABLE_COLUMNS, isChangedTable } from "../../business/debezium/changed-table.ts";
import type { CentralClient, CentralStream, RecordMetric } from "../central-client.ts";
import type { WindowDefinition } from "../window-oracle.ts";

export interface MatchOptions {
  readonly pipeline: Awaited<ReturnType<CentralClient["pipeline"]>>;
  /** Streams that the truth makes, and that were sent. */
  readonly made: ReadonlySet<RecordStreamName>;
  readonly found: ReadonlyMap<string, CentralStream>;
  /** Orders and transfers are tables. */
  readonly hasChanges: boolean;
  /** Something was there before the run. */
  readonly streamsWithHistory: ReadonlySet<string>;
}

export interface MatchedDefinitions {
  readonly judged: readonly { readonly definition: WindowDefinition; readonly metric: RecordMetric }[];
  readonly unjudged: { what: string; why: string }[];
}

/** Central's windows of records beside the truth's streams: what can be judged, and why the rest cannot. */
export function matchDefinitions({
  pipeline,
  made,
  found,
  hasChanges,
  streamsWithHistory,
}: MatchOptions): MatchedDefinitions {
  const judged: { readonly definition: WindowDefinition; readonly metric: RecordMetric }[] = [];
  const unjudged: { what: string; why: string }[] = [];
  for (const definition of pipeline.windows) {
    const metric = pipeline.recordMetrics.get(definition.metric);
    if (metric === undefined) continue;
    const mayHaveBegun = definition.kind === "session" && streamsWithHistory.has(metric.stream);
    const why = mayHaveBegun ? "its sessions may begin in the history" : whyNot(metric, made, hasChanges);
    if (why === null) judged.push({ definition, metric });
    else unjudged.push({ what: definition.name, why });
  }
  for (const stream of made)
    if (!found.has(stream)) unjudged.push({ what: `stream ${stream}`, why: "central does not read it" });
  return { judged, unjudged };
}

function whyNot(
  metric: RecordMetric,
  made: ReadonlySet<RecordStreamName>,
  hasChanges: boolean,
): string | null {
  const { timePath } = metric;
  const stream = RECORD_STREAMS.find((name) => name === metric.stream);
  if (stream === undefined || !made.has(stream)) return `the truth has no stream ${metric.stream}`;
  if (metric.isAdjusted) return `values of ${metric.metric} are scaled or converted`;
  if (!hasChanges || !isChangedTable(stream)) return null;
  const isTime = TABLE_COLUMNS[stream].some(
    ({ name, type }) => type === "timestamp" && name === timePath.join("."),
  );
  return isTime ? null : `${timePath.join(".")} is no time of its table`;
}
