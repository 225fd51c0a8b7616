import { formatDuration, nearestName, orNearest } from "@millrace/runtime";
import { gcd, PANE_MS_MIN, windowStepMs } from "@millrace/stream";
import type { ConfigReader } from "./config-reader.ts";
import {
  type EvidenceFile,
  type MetricFile,
  type PipelineFile,
  type RuleFile,
  type WindowFile,
} from "./pipeline-schema.ts";
import { checkDistinct } from "./distinct-checks.ts";
import { checkRule } from "./rule-checks.ts";
import { checkRuleInput } from "./rule-input-checks.ts";
import { checkSource, sourceLabels } from "./source-checks.ts";
import { templateOf } from "./template-of.ts";
import { toWindowSpec } from "./to-window-spec.ts";
import { checkWindowKind } from "./window-checks.ts";
import type { KeyPath } from "./yaml-source.ts";

/** All that the file names, also what has errors of its own, so that one mistake is reported once. */
export interface NamesInFile {
  readonly metrics: readonly string[];
  readonly windows: readonly string[];
}

/** What the schema cannot see: references, contradictions, and what is allowed but doubtful. */
export function checkPipeline(reader: ConfigReader, file: PipelineFile, names: NamesInFile): void {
  const metricNames = names.metrics;
  for (const [name, metric] of Object.entries(file.metrics)) {
    checkSource(reader, name, metric);
    checkAccumulate(reader, name, metric);
    if (!Object.values(file.windows).some((window) => window.metric === name)) {
      reader.warning(
        ["metrics", name],
        metric.from.records === undefined
          ? `metric ${name} is in no window: its readings only meet rules; add a window, or leave it so`
          : `metric ${name} is in no window: nothing comes of it; add a window`,
        "key",
      );
    }
  }
  checkSameValue(reader, file);
  checkSameRecord(reader, file);
  checkWindows(reader, file, metricNames);
  for (const [name, rule] of Object.entries(file.rules)) {
    const path = ["rules", name];
    if (rule.when.distinct === undefined) checkIsOfReadings(reader, path, rule, file);
    else checkDistinct(reader, path, rule, file);
    if (rule.metric !== undefined) checkMetricName(reader, [...path, "metric"], rule.metric, metricNames);
    checkRuleInput(reader, path, rule, { file, windowNames: names.windows });
    checkRule(reader, path, rule, { labels: ruleLabels(rule, file), topic: ruleTopic(rule, file) });
  }
  checkMaintenance(reader, file);
  for (const [name, evidence] of Object.entries(file.evidence)) checkEvidence(reader, name, evidence);
}

/** Agents judge rules, but for those on records, which come to central. */
function checkIsOfReadings(reader: ConfigReader, path: KeyPath, rule: RuleFile, file: PipelineFile): void {
  const metric = rule.metric ?? file.windows[rule.window ?? ""]?.metric ?? "";
  if (file.metrics[metric]?.from.records === undefined) return;
  const key = rule.metric === undefined ? "window" : "metric";
  const message = `${metric} is made of records, which central takes, and agents judge rules with such conditions; remove the rule, give when.distinct, or name a metric of readings`;
  reader.problem([...path, key], message);
}

/** A record has one id and one time, whatever is read of it. */
function checkSameRecord(reader: ConfigReader, { metrics }: PipelineFile): void {
  const firstOf = new Map<string, string>();
  for (const [name, { from }] of Object.entries(metrics)) {
    if (from.records === undefined || from.json === undefined) continue;
    const first = firstOf.get(from.records);
    if (first === undefined) {
      firstOf.set(from.records, name);
      continue;
    }
    for (const key of ["id", "time"] as const) {
      const [own, known] = [from.json[key], metrics[first].from.json?.[key]];
      if (own === undefined || known === undefined) continue;
      if (JSON.stringify(sortedEntries(own)) === JSON.stringify(sortedEntries(known))) continue;
      reader.problem(
        ["metrics", name, "from", "json", key],
        `metric ${first} reads another ${key} of the same records; all metrics of ${from.records} must read the same`,
        "key",
      );
    }
  }
}

function sortedEntries(value: string | object): unknown {
  return typeof value === "object" ? Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)) : value;
}

function checkEvidence(reader: ConfigReader, name: string, { topic, time }: EvidenceFile): void {
  const path = ["evidence", name];
  const captures = templateOf(topic)?.captures ?? [];
  if (time === undefined) {
    const message = `evidence ${name} has no time of its own: sent again after a failure, it is kept again; write the time into the topic, and give \`time\``;
    reader.warning(path, message, "key");
  } else if (!captures.includes(time.capture)) {
    const message = `{${time.capture}} is no level of the topic; ${orNearest(time.capture, captures)}`;
    reader.problem([...path, "time", "capture"], message);
  }
}

/** Of what a rule looks at; undefined where only the agent knows them. */
function ruleLabels({ metric, window }: RuleFile, file: PipelineFile): readonly string[] | undefined {
  if (window !== undefined) return file.windows[window]?.by;
  return metric === undefined ? undefined : labelsOf(file.metrics[metric]);
}

function ruleTopic({ metric, window }: RuleFile, file: PipelineFile): string | undefined {
  return file.metrics[metric ?? file.windows[window ?? ""]?.metric ?? ""]?.from.topic;
}

/** Two whose results have the same names: one of them would be lost. */
function checkAccumulate(reader: ConfigReader, name: string, { accumulate }: MetricFile): void {
  const seen = new Set<string>();
  for (const [index, entry] of accumulate.entries()) {
    const kind = typeof entry === "string" ? entry : Object.keys(entry)[0];
    if (seen.has(kind)) {
      reader.problem(
        ["metrics", name, "accumulate", index],
        `${name} accumulates ${kind} twice, and their results would have the same names; keep one, or make a metric of its own for the other`,
      );
    }
    seen.add(kind);
  }
}

/** Its labels must be labels of something, or it would never be for anything. */
function checkMaintenance(reader: ConfigReader, { maintenance, metrics }: PipelineFile): void {
  if (maintenance === undefined) return;
  const labels = labelNames(metrics);
  const hasHost = Object.values(metrics).some((metric) => labelsOf(metric) === undefined);
  for (const capture of templateOf(maintenance.topic)?.captures ?? []) {
    if (labels.includes(capture)) continue;
    // The gateway's own sensors have labels that only the agent knows; but none that is nearly another's.
    if (hasHost && nearestName(capture, labels) === undefined) continue;
    const message = `{${capture}} is no label of any metric; ${orNearest(capture, labels)}`;
    reader.problem(["maintenance", "topic"], message);
  }
}

/** Of all metrics of readings; those of the gateway's own sensors, which only the agent knows, are not among them. */
export function labelNames(metrics: PipelineFile["metrics"]): readonly string[] {
  const ofReadings = Object.values(metrics).filter(({ from }) => from.records === undefined);
  return [...new Set(ofReadings.flatMap((metric) => labelsOf(metric) ?? []))];
}

function labelsOf(metric: MetricFile | undefined): readonly string[] | undefined {
  return metric && sourceLabels(metric.from);
}

/** What only means something for one series: the window must not merge several. */
const SERIES_ACCUMULATORS = ["increase", "timeMean"];

function checkSeriesAccumulators(
  reader: ConfigReader,
  file: PipelineFile,
  {
    path,
    metric,
    by,
    labels,
  }: { path: KeyPath; metric: string; by: readonly string[]; labels: readonly string[] },
): void {
  const accumulate = file.metrics[metric]?.accumulate.filter((name) => typeof name === "string") ?? [];
  const asked = accumulate.filter((name) => SERIES_ACCUMULATORS.includes(name));
  const merged = labels.filter((label) => !by.includes(label));
  if (asked.length === 0 || merged.length === 0) return;
  reader.problem(
    [...path, "by"],
    `${metric} accumulates ${asked.join(" and ")}, which is of one series; name all its labels here (${merged.join(", ")} ${merged.length === 1 ? "is" : "are"} missing)`,
  );
}

/** Several metrics may share a topic when each reads another value of its payload. */
function checkSameValue(reader: ConfigReader, file: PipelineFile): void {
  const readers = new Map<string, string>();
  for (const [name, { from }] of Object.entries(file.metrics)) {
    if (from.topic === undefined) continue;
    const { key, value } = whatIsRead(from);
    const place = `${templateOf(from.topic)?.filter} ${value}`;
    const other = readers.get(place);
    if (other === undefined) readers.set(place, name);
    else
      reader.problem(
        ["metrics", name, "from", "topic"],
        `metric ${other} already reads the same value of the same topics; give ${name} another topic${key === "" ? "" : ` or ${key}`}`,
      );
  }
}

/** A text that is the same for the same value, and the key that chooses it. */
function whatIsRead({ json, csv, senml, influx }: MetricFile["from"]): {
  readonly key: string;
  readonly value: string;
} {
  if (json !== undefined) return { key: "json.value", value: JSON.stringify([json.each, json.value]) };
  if (csv !== undefined) return { key: "csv.value", value: JSON.stringify([csv.delimiter, csv.value]) };
  if (senml !== undefined) return { key: "senml.name", value: JSON.stringify([senml.name, senml.read]) };
  if (influx === undefined) return { key: "", value: "" };
  return { key: "influx.field", value: JSON.stringify([influx.measurement, influx.field, influx.where]) };
}

function checkWindows(reader: ConfigReader, file: PipelineFile, metricNames: readonly string[]): void {
  const paneMsOfMetric = new Map<string, number>();
  for (const [name, window] of Object.entries(file.windows)) {
    const path = ["windows", name];
    checkMetricName(reader, [...path, "metric"], window.metric, metricNames);
    if (checkWindowKind(reader, path, window)) {
      const step = windowStepMs(toWindowSpec(name, window));
      const paneMs = gcd(paneMsOfMetric.get(window.metric) ?? 0, step);
      if (paneMs < PANE_MS_MIN) {
        const message = `the windows of ${window.metric} would need panes of ${formatDuration(paneMs)}; sizes, slides, offsets and gaps of one metric must be multiples of a common ${formatDuration(PANE_MS_MIN)} or more`;
        reader.problem([...path, ...placeOfLength(window)], message);
      } else {
        paneMsOfMetric.set(window.metric, paneMs);
      }
    }
    const labels = labelsOf(file.metrics[window.metric]);
    if (labels !== undefined)
      checkSeriesAccumulators(reader, file, { path, metric: window.metric, by: window.by, labels });
    for (const [index, label] of window.by.entries()) {
      if (labels !== undefined && !labels.includes(label)) {
        reader.problem(
          [...path, "by", index],
          `${label} is no label of ${window.metric}; ${orNearest(label, labels)}`,
        );
      }
      if (window.by.indexOf(label) !== index)
        reader.problem([...path, "by", index], `${label} stands twice; remove one`);
    }
  }
}

function checkMetricName(
  reader: ConfigReader,
  path: KeyPath,
  metric: string,
  metricNames: readonly string[],
): void {
  if (!metricNames.includes(metric))
    reader.problem(path, `there is no metric ${metric}; ${orNearest(metric, metricNames)}`);
}

/** The key that most likely makes panes too short. */
function placeOfLength({ session, offset, slide, timeZone }: WindowFile): KeyPath {
  if (session !== undefined) return ["session", "gap"];
  if (timeZone !== undefined) return ["timeZone"];
  return [offset !== undefined ? "offset" : slide !== undefined ? "slide" : "size"];
}
