import { parseTopicTemplate } from "@millrace/wire";
import { nameOf, type PayloadShape, payloadShape } from "./payload-shape.ts";
import { suggestedLabel } from "./suggested-label.ts";
import type { SuggestedNames } from "./suggested-names.ts";
import { suggestedUnit } from "./suggested-unit.ts";
import type { HeardTopic } from "./topic-log.ts";

/** A metric that would read some of the topics that were heard. */
export interface SuggestedMetric {
  readonly name: string;
  readonly unit: string;
  /** A template, and the MQTT filter of all its topics. */
  readonly topic: string;
  readonly filter: string;
  /** Captured from the topic, in order. */
  readonly labels: readonly string[];
  readonly value: string | null;
  readonly time: { readonly path: string; readonly unit: string } | null;
  readonly quality: string | null;
  readonly topicCount: number;
}

export interface Suggestion<Metric = SuggestedMetric> {
  readonly metrics: readonly Metric[];
  readonly unread: readonly { readonly topic: string; readonly why: string }[];
}

type ReadShape = Exclude<PayloadShape, { kind: "unknown" }>;

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
    // A plain number is named by its topic; that of a JSON object by its key, whatever the topic.
    const last = levels.at(-1) ?? "";
    const ending = shape.kind === "number" && !/\d/.test(last) ? last : null;
    const key = JSON.stringify([levels.length, shape, ending]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { shape, topics: [levels] });
    else group.topics.push(levels);
  }
  const metrics: SuggestedMetric[] = [];
  for (const { shape, topics } of groups.values()) {
    const { topic, labels } = templateOf(topics, site);
    const last = topics[0].at(-1) ?? "";
    const values: readonly (string | null)[] = shape.kind === "json" ? shape.values : [null];
    const { time = null, quality = null } = shape.kind === "json" ? shape : {};
    const filter = topic.replaceAll(/\{[^}]*\}/g, "+");
    const rival = metrics.find((metric) => metric.filter === filter && values.includes(metric.value));
    // No two metrics may read the same value of the same topics.
    if (rival !== undefined) {
      const why = `metric ${rival.name} reads these topics, whose payloads are others`;
      if (rival.value !== null) unread.push(...topics.map((levels) => ({ topic: levels.join("/"), why })));
      continue;
    }
    for (const value of values) {
      const own = value === null ? (labels.length > 0 && /\d/.test(last) ? "value" : last) : nameOf(value);
      const name = names.free(own);
      const common = { topic, filter, labels, time, quality, topicCount: topics.length };
      metrics.push({ ...common, name, unit: suggestedUnit(name), value });
    }
  }
  return { metrics, unread };
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
