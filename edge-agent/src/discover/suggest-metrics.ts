import { NamePattern, parseTopicTemplate, type PayloadSpec } from "@millrace/wire";
import { type PayloadShape, payloadShape } from "./payload-shape.ts";
import { suggestedLabel } from "./suggested-label.ts";
import type { SuggestedNames } from "./suggested-names.ts";
import { suggestedUnit, usualUnit } from "./suggested-unit.ts";
import type { HeardTopic } from "./topic-log.ts";

/** A metric that would read some of the topics that were heard. */
export interface SuggestedMetric {
  readonly name: string;
  readonly unit: string;
  /** A template, and the MQTT filter of all its topics. */
  readonly topic: string;
  readonly filter: string;
  /** Captured from the topic, in order, then those of the payload. */
  readonly labels: readonly string[];
  readonly payload: PayloadSpec;
  /** The payload told the unit. */
  readonly isUnitTold: boolean;
  readonly topicCount: number;
}

export interface Suggestion<Metric = SuggestedMetric> {
  readonly metrics: readonly Metric[];
  readonly unread: readonly { readonly topic: string; readonly why: string }[];
}

type ReadShape = Extract<PayloadShape, { kind: "readable" }>;

/** Metrics for everything that was heard and can be read; `check` accepts them. */
export function suggestMetrics(
  heard: readonly HeardTopic[],
  { site, nowMs, names }: { readonly site: string; readonly nowMs: number; readonly names: SuggestedNames },
): Suggestion {
  const unread: { topic: string; why: string }[] = [];
  const groups = new Map<string, { readonly shape: ReadShape; readonly topics: (readonly string[])[] }>();
  for (const { topic, samples } of heard) {
    const shape = topic.startsWith("$")
      ? { kind: "unknown" as const, why: "of the broker itself" }
      : payloadShape(samples, nowMs);
    const levels = topic.split("/");
    if (shape.kind === "unknown" || levels.some((level) => !isLevel(level))) {
      unread.push({
        topic,
        why: shape.kind === "unknown" ? shape.why : "its levels cannot be in a template",
      });
      continue;
    }
    // What has no name of its own is named by its topic; a value with a name by that, whatever the topic.
    const last = levels.at(-1) ?? "";
    const isUnnamed = shape.values.some(({ name }) => name === null);
    const ending = isUnnamed && !/\d/.test(last) ? last : null;
    const key = JSON.stringify([levels.length, shape, ending]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { shape, topics: [levels] });
    else group.topics.push(levels);
  }
  const metrics: SuggestedMetric[] = [];
  for (const { shape, topics } of groups.values()) {
    const { topic, labels } = templateOf(topics, site);
    const last = topics[0].at(-1) ?? "";
    const filter = topic.replaceAll(/\{[^}]*\}/g, "+");
    const places = shape.values.map(({ payload }) => placeOf(payload));
    const rival = metrics.find(
      (metric) => metric.filter === filter && places.includes(placeOf(metric.payload)),
    );
    // No two metrics may read the same value of the same topics.
    if (rival !== undefined) {
      const why = `metric ${rival.name} reads these topics, whose payloads are others`;
      if (rival.payload.kind !== "number")
        for (const levels of topics) unread.push({ topic: levels.join("/"), why });
      continue;
    }
    for (const value of shape.values) {
      const ofTopic = labels.length > 0 && /\d/.test(last) ? "value" : last;
      const name = names.free(value.name ?? ofTopic);
      const { payload, own } = withoutLabels(value.payload, labels);
      metrics.push({
        name,
        unit: value.unit === null ? suggestedUnit(name) : usualUnit(value.unit),
        topic,
        filter,
        labels: [...labels, ...own],
        payload,
        isUnitTold: value.unit !== null,
        topicCount: topics.length,
      });
    }
  }
  return { metrics, unread };
}

/** The same text for what `check` holds to be the same value of a payload. */
function placeOf(payload: PayloadSpec): string {
  switch (payload.kind) {
    case "number":
      return "";
    case "json":
      return JSON.stringify([payload.each, payload.value]);
    case "csv":
      return JSON.stringify([payload.delimiter, payload.value]);
    case "senml":
      return JSON.stringify([payload.name, payload.read]);
    case "influx":
      return JSON.stringify([payload.measurement, payload.field, payload.where]);
  }
}

/** Without the labels that the topic gives already; and those that are left. */
function withoutLabels(
  payload: PayloadSpec,
  taken: readonly string[],
): { readonly payload: PayloadSpec; readonly own: readonly string[] } {
  if (payload.kind === "number") return { payload, own: [] };
  if (payload.kind === "senml") {
    let { name } = payload;
    for (const label of capturesOf(name))
      if (taken.includes(label)) name = name.replace(`{${label}}`, `{${label}_of_name}`);
    return { payload: { ...payload, name }, own: capturesOf(name) };
  }
  const { labels, ...others } = payload;
  const own = Object.entries(labels ?? {}).filter(([label]) => !taken.includes(label));
  return {
    payload: own.length === 0 ? others : { ...others, labels: Object.fromEntries(own) },
    own: own.map(([label]) => label),
  };
}

function capturesOf(name: string): readonly string[] {
  return NamePattern.parse(name)?.captures ?? [];
}

function isLevel(level: string): boolean {
  return level !== "" && parseTopicTemplate(level).ok && !level.includes("{");
}

/** Levels that differ, and those with a number in them, become labels. */
function templateOf(
  topics: readonly (readonly string[])[],
  site: string,
): { topic: string; labels: string[] } {
  const labels: string[] = [];
  const levels = topics[0].map((first, at) => {
    const values = new Set(topics.map((levels) => levels[at]));
    const isSite = values.has(site);
    if (values.size === 1 && !isSite && !/\d/.test(first)) return first;
    const label =
      isSite && !labels.includes("site") ? "site" : suggestedLabel([...values], labels, [`level${at + 1}`]);
    labels.push(label);
    return `{${label}}`;
  });
  return { topic: levels.join("/"), labels };
}
