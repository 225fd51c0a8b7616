import { LABEL_LENGTH_MAX, NamePattern, parseTopicTemplate, sparkplugPath } from "@millrace/wire";
import type { HeardSource } from "./sparkplug-census.ts";
import type { Suggestion } from "./suggest-metrics.ts";
import { suggestedLabel } from "./suggested-label.ts";
import type { SuggestedNames } from "./suggested-names.ts";
import { suggestedUnit } from "./suggested-unit.ts";

/** A metric that would read some of the Sparkplug metrics that were heard of. */
export interface SuggestedSparkplugMetric {
  readonly name: string;
  readonly unit: string;
  readonly sparkplug: {
    readonly group: string;
    readonly node: string;
    /** Null: it is of edge nodes themselves. */
    readonly device: string | null;
    /** The metrics' name, with captures where several differ in a number. */
    readonly metric: string;
  };
  /** Of its ids, those first that are worth a window. */
  readonly labels: readonly string[];
  /** Names that it reads. */
  readonly nameCount: number;
}

/** What is read of edge nodes, or of devices. */
interface Scope {
  readonly group: string;
  readonly device: string | null;
  readonly labels: readonly string[];
}

interface Pattern {
  readonly text: string;
  readonly parsed: NamePattern;
}

/** Those of the most names: each is held against every name. */
const PATTERNS_MAX = 200;

/** Metrics for everything that births tell; `check` accepts them, and none is read by two. */
export function suggestSparkplugMetrics(
  heard: readonly HeardSource[],
  { site, names }: { readonly site: string; readonly names: SuggestedNames },
): Suggestion<SuggestedSparkplugMetric> {
  const unread: { topic: string; why: string }[] = [];
  const isSitesGroup = heard.some(({ source }) => source.group === site);
  const sources: HeardSource[] = [];
  for (const one of heard) {
    const why = whySourceUnread(one, isSitesGroup ? site : null);
    if (why === null) sources.push(one);
    else unread.push({ topic: sparkplugPath(one.source), why });
  }
  const group = groupTemplate(sources, site);
  const metrics: SuggestedSparkplugMetric[] = [];
  for (const isOfDevices of [false, true]) {
    const what = isOfDevices ? "device" : "edge node";
    const scope: Scope = {
      group,
      device: isOfDevices ? "{device}" : null,
      labels: ["node", ...(isOfDevices ? ["device"] : []), ...(group === "{group}" ? ["group"] : [])],
    };
    const known = namesOf(sources.filter(({ source }) => (source.device !== null) === isOfDevices));
    const readable = [...known].flatMap(([name, why]) => (why === null ? [name] : []));
    for (const [name, why] of known) if (why !== null) unread.push({ topic: `${what} metric ${name}`, why });
    const left = new Set(readable);
    for (const pattern of patternsOf(readable, scope.labels)) {
      const matched = [...known.keys()].filter((name) => pattern.parsed.match(name) !== undefined);
      // What another reads, or is no number, must not be read with it.
      if (!matched.every((name) => left.has(name))) continue;
      for (const name of matched) left.delete(name);
      metrics.push(metricOf(pattern, scope, names, matched.length));
    }
    for (const name of left) {
      const parsed = NamePattern.parse(name);
      if (parsed === undefined || parsed.captures.length > 0)
        unread.push({ topic: `${what} metric ${name}`, why: "its name cannot be in a pattern" });
      else metrics.push(metricOf({ text: name, parsed }, scope, names, 1));
    }
  }
  return { metrics, unread };
}

function whySourceUnread({ source, isBorn, metrics }: HeardSource, site: string | null): string | null {
  const { group, node, device } = source;
  if ([group, node, device ?? ""].some((id) => id.length > LABEL_LENGTH_MAX || id.includes("\0")))
    return "its ids cannot be labels";
  if (group.startsWith("$")) return "its group begins with $";
  if (site !== null && group !== site) return `its group is another than the site, ${site}`;
  return isBorn || metrics.size > 0 ? null : "no birth was heard";
}

function groupTemplate(sources: readonly HeardSource[], site: string): string {
  const groups = new Set(sources.map(({ source }) => source.group));
  if (groups.has(site)) return "{site}";
  const [only] = groups;
  const isName = groups.size === 1 && parseTopicTemplate(only).ok && !only.includes("{");
  return isName ? only : "{group}";
}

/** A name that is a number anywhere can be read. */
function namesOf(sources: readonly HeardSource[]): ReadonlyMap<string, string | null> {
  const names = new Map<string, string | null>();
  for (const { metrics } of sources)
    for (const [name, why] of metrics) if (names.get(name) !== null) names.set(name, why);
  return names;
}

/** For names that differ in levels with a number only: `Motor/1/Temperature`, `Motor/2/Temperature`. */
function patternsOf(names: readonly string[], taken: readonly string[]): readonly Pattern[] {
  const alike = new Map<string, string[]>();
  for (const name of names) {
    if (/[{}]/.test(name)) continue;
    const key = name
      .split("/")
      .map((level) => (isNumbered(level) ? "\0" : level))
      .join("/");
    if (!key.includes("\0")) continue;
    const others = alike.get(key);
    if (others === undefined) alike.set(key, [name]);
    else others.push(name);
  }
  return [...alike.values()]
    .filter((group) => group.length > 1)
    .toSorted((one, other) => other.length - one.length)
    .slice(0, PATTERNS_MAX)
    .flatMap((group) => {
      const text = patternText(
        group.map((name) => name.split("/")),
        taken,
      );
      const parsed = NamePattern.parse(text);
      return parsed === undefined ? [] : [{ text, parsed }];
    });
}

/** A capture takes no colon. */
function isNumbered(level: string): boolean {
  return /\d/.test(level) && !level.includes(":");
}

function patternText(names: readonly (readonly string[])[], taken: readonly string[]): string {
  const labels = [...taken];
  return names[0]
    .map((level, at) => {
      if (!isNumbered(level)) return level;
      const before = names[0][at - 1]?.toLowerCase() ?? "";
      const values = names.map((levels) => levels[at]);
      const label = suggestedLabel(values, labels, [before, `level${at + 1}`]);
      labels.push(label);
      return `{${label}}`;
    })
    .join("/");
}

function metricOf(
  { text, parsed }: Pattern,
  { group, device, labels }: Scope,
  names: SuggestedNames,
  nameCount: number,
): SuggestedSparkplugMetric {
  const last = text.split("/").findLast((level) => !level.startsWith("{")) ?? "value";
  const name = names.free(last);
  return {
    name,
    unit: suggestedUnit(name),
    sparkplug: { group, node: "{node}", device, metric: text },
    labels: [...labels, ...parsed.captures],
    nameCount,
  };
}
