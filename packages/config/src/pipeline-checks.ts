import { formatDuration, nearestName, orNearest } from "@millrace/runtime";
import { gcd, OUTSIDE, PANE_MS_MIN, windowStepMs } from "@millrace/stream";
import type { ConfigReader } from "./config-reader.ts";
import {
  type EvidenceFile,
  type MetricFile,
  type PipelineFile,
  type RuleFile,
  type WindowFile,
} from "./pipeline-schema.ts";
import { QUERY_PARAMETERS } from "./query-parameters.ts";
import { checkRecordRule } from "./record-rule-checks.ts";
import { checkDistinct } from "./distinct-checks.ts";
import { checkRule } from "./rule-checks.ts";
import { checkRuleInput } from "./rule-input-checks.ts";
import { checkSource, sourceLabels } from "./source-checks.ts";
import { templateOf } from "./template-of.ts";
import { toWindowSpec } from "./to-window-spec.ts";
import { checkWindowKind } from "./window-checks.ts";
import { checkWindowRule } from "./window-rule-checks.ts";
import type { KeyPath } from "./yaml-source.ts";

/** All that the file names, also what has errors of its own, so that one mistake is reported once. */
export interface NamesInFile {
  readonly metrics: readonly string[];
  readonly windows: readonly string[];
}

const ZONES_MAX = 1_000;

/** What the schema cannot see: references, contradictions, and what is allowed but doubtful. */
export function checkPipeline(reader: ConfigReader, file: PipelineFile, names: NamesInFile): void {
  const metricNames = names.metrics;
  for (const [name, metric] of Object.entries(file.metrics)) {
    checkSource(reader, name, metric);
    checkAccumulate(reader, name, metric);
    checkAccumulated(reader, name, metric);
    const isWatched = Object.values(file.rules).some((rule) => rule.metric === name);
    const isWindowed = Object.values(file.windows).some((window) => window.metric === name);
    // Of readings rules alone are worth a word; of records that is what a rule is for.
    if (!isWindowed && !(isWatched && metric.from.records !== undefined)) {
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
    checkWindowRule(reader, path, rule, file);
    if (rule.when.distinct === undefined) checkRecordRule(reader, path, rule, file);
    else checkDistinct(reader, path, rule, file);
    if (rule.metric !== undefined) checkMetricName(reader, [...path, "metric"], rule.metric, metricNames);
    checkRuleInput(reader, path, rule, { file, windowNames: names.windows });
    checkRule(reader, path, rule, { labels: ruleLabels(rule, file), topic: ruleTopic(rule, file) });
  }
  checkMaintenance(reader, file);
  checkZones(reader, file);
  for (const [name, evidence] of Object.entries(file.evidence)) checkEvidence(reader, name, evidence);
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
    const asked = typeof entry === "string" ? entry : Object.keys(entry)[0];
    const kind = asked === "distinctMany" ? "distinct" : asked;
    if (seen.has(kind)) {
      reader.problem(
        ["metrics", name, "accumulate", index],
        `${name} accumulates ${kind} twice, and their results would have the same names; keep one, or make a metric of its own for the other`,
      );
    }
    seen.add(kind);
  }
}

/** What is accumulated of identities and positions, whose values are no quantities. */
function checkAccumulated(reader: ConfigReader, name: string, { from, unit, accumulate }: MetricFile): void {
  const { json } = from;
  const isOfPositions = from.records !== undefined && isOnlyPosition(json);
  const isOfIdentities = from.records !== undefined && json?.identity !== undefined;
  const names = accumulate.map((entry) => (typeof entry === "string" ? entry : Object.keys(entry)[0]));
  const path = ["metrics", name, "accumulate"];
  const place = reader.source.has(path) ? path : ["metrics", name];
  const allowed = isOfPositions
    ? ["count", "distance"]
    : isOfIdentities
      ? ["count", "distinct", "distinctMany"]
      : null;
  const others = names.filter((each) => (allowed === null ? each === "distance" : !allowed.includes(each)));
  if (allowed === null && others.length > 0)
    reader.problem(place, "distance is of positions; give json: { position: … } of records, and no value");
  else if (allowed !== null && others.length > 0)
    reader.problem(
      place,
      `${name} is of ${isOfPositions ? "positions" : "identities"}, of which there is no ${others.join(", ")}; accumulate some of ${allowed.join(", ")}`,
      "key",
    );
  if (isOfPositions && names.includes("distance") && unit !== "km")
    reader.problem(
      ["metrics", name, "unit"],
      `${name} accumulates distance, which is in km; unit must be km`,
    );
}

function isOnlyPosition(json: MetricFile["from"]["json"]): boolean {
  if (json?.position === undefined) return false;
  return json.value === undefined && json.identity === undefined && json.since === undefined;
}

function checkZones(reader: ConfigReader, { zones, metrics }: PipelineFile): void {
  const names = Object.keys(zones);
  for (const [name, { circle, polygon, corridor }] of Object.entries(zones)) {
    const areas = [circle, polygon, corridor].filter((area) => area !== undefined);
    if (areas.length !== 1)
      reader.problem(
        ["zones", name],
        `the zone has ${areas.length === 0 ? "no area" : "two areas"}; give one of circle, polygon and corridor`,
        "key",
      );
    if (name === OUTSIDE)
      reader.problem(["zones", name], `${OUTSIDE} is where no zone is; give the zone another name`, "key");
  }
  if (names.length > ZONES_MAX)
    reader.problem(
      ["zones"],
      `${names.length} zones are more than each record can be asked for; keep ${ZONES_MAX}`,
      "key",
    );
  for (const [metric, { from }] of Object.entries(metrics)) {
    const place = ["metrics", metric, "from", "json"];
    if (from.json?.zoneLabel !== undefined && names.length === 0)
      reader.problem(
        [...place, "zoneLabel"],
        "the file has no zones; give zones: { … }, or remove zoneLabel",
        "key",
      );
    for (const [index, name] of (from.json?.zones ?? []).entries())
      if (!names.includes(name))
        reader.problem([...place, "zones", index], `there is no zone ${name}; ${orNearest(name, names)}`);
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
const SERIES_ACCUMULATORS = ["increase", "timeMean", "distance"];

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
      warnOfParameter(reader, [...path, "by", index], label);
    }
  }
}

function warnOfParameter(reader: ConfigReader, path: KeyPath, label: string): void {
  const taken = Object.entries(QUERY_PARAMETERS)
    .filter(([, names]) => names.some((name) => name === label))
    .map(([query]) => query);
  if (taken.length === 0) return;
  reader.warning(
    path,
    `${label} is a parameter of central's ${taken.join(" and ")}: groups cannot be asked for by it there; give the label another name`,
  );
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
