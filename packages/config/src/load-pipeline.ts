import { paneMsOf, SESSION_ACCUMULATORS } from "@millrace/stream";
import { parseTopicTemplate, type TopicTemplate } from "@millrace/wire";
import { accumulatorNames } from "./accumulator-names.ts";
import { ConfigReader } from "./config-reader.ts";
import type { Loaded, LoadOptions } from "./load.ts";
import { checkPipeline, labelNames, type NamesInFile } from "./pipeline-checks.ts";
import { type PipelineFile, pipelineSchema } from "./pipeline-schema.ts";
import type { Pipeline } from "./pipeline.ts";
import { Remade } from "./remade.ts";
import { toDistinctRule } from "./to-distinct-rule.ts";
import { toMetricSource } from "./to-metric-source.ts";
import { isOfCentral } from "./window-rule-checks.ts";
import { toRecordRule } from "./to-record-rule.ts";
import { toRule } from "./to-rule.ts";
import { toWindowRule } from "./to-window-rule.ts";
import { toWindowSpec } from "./to-window-spec.ts";
import { toZoneShape } from "./to-zone-shape.ts";

const schema = new Remade(pipelineSchema);

/** Reads pipeline.yaml. Throws `config_unreadable`, or `config_invalid` (a `ConfigError`) with everything that is wrong. */
export function loadPipeline(path: string, options: LoadOptions = {}): Loaded<Pipeline> {
  const reader = new ConfigReader(path, options);
  const value = reader.source.toValue();
  const file = reader.parse(schema.get(), value);
  if (file === undefined) {
    // The sound parts are checked all the same, so that all that is wrong is said at once.
    const sound = schema.get().safeParse(withoutBroken(value));
    if (sound.success) checkPipeline(reader, sound.data, namesOf(value));
    return reader.refuse();
  }
  checkPipeline(reader, file, namesOf(value));
  const warnings = reader.finish();
  return { config: toPipeline(reader.path, file), warnings, problemAt: reader.problemAt };
}

function toPipeline(path: string, file: PipelineFile): Pipeline {
  const zones = Object.entries(file.zones).map(([name, zone]) => ({ name, shape: toZoneShape(zone) }));
  const windows = Object.entries(file.windows).map(([name, window]) => toWindowSpec(name, window));
  const metrics = Object.entries(file.metrics).map(([name, metric]) => {
    const own = windows.filter((window) => window.metric === name);
    const size = paneMsOf(own);
    const accumulate = accumulatorNames(metric);
    // A session is as exact as the times of each pane's first and last reading.
    if (own.some(({ kind }) => kind === "session")) accumulate.push(...SESSION_ACCUMULATORS);
    const source = toMetricSource(name, metric, zones);
    return {
      name,
      unit: metric.unit,
      accumulate: [...new Set(accumulate)],
      isLive: metric.live,
      ...(source.kind === "records" ? { stream: source.stream } : {}),
      source,
      paneMs: size.isPossible ? size.paneMs : null,
    };
  });
  return {
    path,
    metrics,
    windows,
    rules: Object.entries(file.rules)
      .filter(([, rule]) => !isOfCentral(rule, file))
      .map(([name, rule]) => toRule(name, rule, file)),
    recordRules: Object.entries(file.rules)
      .filter(([, rule]) => isOfCentral(rule, file) && rule.window === undefined)
      .filter(([, { when }]) => when.distinct === undefined)
      .map(([name, rule]) => toRecordRule(name, rule, file)),
    windowRules: Object.entries(file.rules)
      .filter(([, rule]) => isOfCentral(rule, file) && rule.window !== undefined)
      .map(([name, rule]) => toWindowRule(name, rule, file)),
    distinctRules: Object.entries(file.rules)
      .filter(([, { when }]) => when.distinct !== undefined)
      .map(([name, rule]) => toDistinctRule(name, rule, file.metrics[rule.metric ?? ""]?.from.records ?? "")),
    evidence: Object.entries(file.evidence).map(([name, { topic, time, contentType, bytesMax }]) => ({
      name,
      topic: templateOf(topic),
      time: time ?? null,
      contentType,
      bytesMax,
    })),
    labelNames: labelNames(file.metrics),
    maintenance:
      file.maintenance === undefined
        ? null
        : {
            topic: templateOf(file.maintenance.topic),
            equals: file.maintenance.equals,
            longestMs: file.maintenance.longest,
          },
  };
}

function templateOf(topic: string): TopicTemplate {
  const parsed = parseTopicTemplate(topic);
  if (!parsed.ok) throw new Error("invariant: the schema takes only topics that parse");
  return parsed.template;
}

const SECTIONS = ["metrics", "windows", "rules", "zones"] as const;

/** The file without its broken entries and keys. */
function withoutBroken(value: unknown): unknown {
  const { shape } = schema.get();
  const parts: Record<string, Record<string, unknown>> = {};
  for (const section of SECTIONS) {
    parts[section] = {};
    for (const name of namesIn(value, section)) {
      const entry = entryOf(entryOf(value, section), name);
      if (shape[section].safeParse({ [name]: entry }).success) parts[section][name] = entry;
    }
  }
  return { version: 1, ...parts };
}

function namesOf(value: unknown): NamesInFile {
  return { metrics: namesIn(value, "metrics"), windows: namesIn(value, "windows") };
}

function namesIn(value: unknown, section: string): readonly string[] {
  const entries = entryOf(value, section);
  return typeof entries === "object" && entries !== null ? Object.keys(entries) : [];
}

function entryOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined;
}
