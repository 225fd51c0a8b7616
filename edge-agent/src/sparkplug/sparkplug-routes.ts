import { isDeepStrictEqual } from "node:util";
import type { PipelineMetric } from "@millrace/config";
import { LABEL_LENGTH_MAX, parseTopicTemplate, type PayloadDecoder, sparkplugPath } from "@millrace/wire";
import { SPARKPLUG_NAMESPACE, type SparkplugSource, type TopicTemplate } from "@millrace/wire";
import type { Route } from "../intake/topic-routes.ts";

interface SparkplugMetricRoute {
  /** The same where the same is read in the same way. */
  readonly key: string;
  readonly metric: PipelineMetric;
  readonly source: Extract<PipelineMetric["source"], { kind: "sparkplug" }>;
  /** Of the edge node alone. */
  readonly node: TopicTemplate;
}

/** Whether any metric is read of an edge node or its devices; otherwise why not. */
export type NodeVerdict = "read" | "unknown_topic" | "wrong_site" | "unfit_name";

/** Nodes remembered with their verdict; a sensor that invents names must not fill the memory. */
const CACHED_NODES_MAX = 10_000;

/** Births have decoded what it stands for: there are no labels left in the payload. */
const DECODER: PayloadDecoder = { labelNames: [], timeUnit: "ms", decode: () => [] };

/** From Sparkplug's group, edge node, device and metric name to the metrics that read it. */
export class SparkplugRoutes {
  readonly #metrics: readonly SparkplugMetricRoute[];
  readonly #site: string;
  readonly #verdicts = new Map<string, NodeVerdict>();

  constructor({ metrics, site }: { readonly metrics: readonly PipelineMetric[]; readonly site: string }) {
    this.#metrics = metrics.flatMap((metric) =>
      metric.source.kind === "sparkplug"
        ? [
            {
              key: JSON.stringify([metric.name, metric.source]),
              metric,
              source: metric.source,
              node: nodeTemplate(metric.source.source),
            },
          ]
        : [],
    );
    this.#site = site;
  }

  get isEmpty(): boolean {
    return this.#metrics.length === 0;
  }

  /** The subscriptions that feed the metrics: a node's sequence runs over all that it sends. */
  filters(): readonly string[] {
    return [
      ...new Set(
        this.#metrics.map(({ node }) => {
          const [group, name] = node.filter.split("/");
          return `${SPARKPLUG_NAMESPACE}/${group}/+/${name}/#`;
        }),
      ),
    ];
  }

  judge(source: SparkplugSource): NodeVerdict {
    const path = sparkplugPath({ ...source, device: null });
    const cached = this.#verdicts.get(path);
    if (cached !== undefined) return cached;
    let verdict: NodeVerdict = "unknown_topic";
    for (const { node } of this.#metrics) {
      const captures = node.match(path);
      if (captures === undefined) continue;
      verdict = !areFit(captures) ? "unfit_name" : this.#isOwn(captures) ? "read" : "wrong_site";
      if (verdict === "read") break;
    }
    if (this.#verdicts.size >= CACHED_NODES_MAX) this.#verdicts.clear();
    this.#verdicts.set(path, verdict);
    return verdict;
  }

  /** Whether a metric is read of the node, or of its devices, that others did not read. */
  hasMoreThan(others: SparkplugRoutes, node: SparkplugSource): boolean {
    const path = sparkplugPath({ ...node, device: null });
    const keys = new Set(others.#metrics.map(({ key }) => key));
    return this.#metrics.some((route) => !keys.has(route.key) && route.node.match(path) !== undefined);
  }

  /** Whether any metric of the node itself, or of this device, is read. */
  reads(source: SparkplugSource): boolean {
    const path = sparkplugPath(source);
    return this.#metrics.some((route) => this.#captures(route, source, path) !== undefined);
  }

  /** The routes of one metric of a node or device; without labels that no topic could have. They go on with the series of former ones. */
  bind(source: SparkplugSource, name: string, former: readonly Route[] = []): readonly Route[] {
    const path = sparkplugPath(source);
    const routes: Route[] = [];
    for (const route of this.#metrics) {
      const values = route.source.metric.match(name);
      if (values === undefined) continue;
      const captures = this.#captures(route, source, path);
      if (captures === undefined) continue;
      const named = Object.fromEntries(
        route.source.metric.captures.map((label, index) => [label, values[index]]),
      );
      if (!this.#isOwn(named)) continue;
      const labels = { ...captures, ...named, site: this.#site };
      const isOfSeries = (other: Route) =>
        other.metric.name === route.metric.name && isDeepStrictEqual(other.labels, labels);
      routes.push({
        metric: route.metric,
        decoder: DECODER,
        adjustment: route.source.adjustment,
        labels,
        series: former.find(isOfSeries)?.series,
      });
    }
    return routes;
  }

  #captures(
    { source: { source: template, isOfDevice } }: SparkplugMetricRoute,
    { device }: SparkplugSource,
    path: string,
  ): Readonly<Record<string, string>> | undefined {
    if (isOfDevice !== (device !== null)) return undefined;
    const captures = template.match(path);
    return captures !== undefined && this.#isOwn(captures) ? captures : undefined;
  }

  /** Of the own site, and such as series may have. */
  #isOwn(captures: Readonly<Record<string, string>>): boolean {
    return (captures["site"] ?? this.#site) === this.#site && areFit(captures);
  }
}

function areFit(captures: Readonly<Record<string, string>>): boolean {
  return Object.values(captures).every((label) => label.length <= LABEL_LENGTH_MAX && !label.includes("\0"));
}

function nodeTemplate({ text }: TopicTemplate): TopicTemplate {
  const parsed = parseTopicTemplate(text.split("/", 2).join("/"));
  if (!parsed.ok) throw new Error("invariant: levels of a template are one");
  return parsed.template;
}
