import type { PipelineMetric } from "@millrace/config";
import type { Labels } from "@millrace/stream";
import { LABEL_LENGTH_MAX, type PayloadDecoder, payloadDecoder, type ValueAdjustment } from "@millrace/wire";
import type { Series } from "./series-registry.ts";
import { RememberedTopics } from "../inputs/remembered-topics.ts";
import { filterTakes } from "../inputs/topic-filter.ts";

/** A metric that a topic feeds, with the labels that the topic gives. */
export interface Route {
  readonly metric: PipelineMetric;
  readonly decoder: PayloadDecoder;
  readonly adjustment: ValueAdjustment | undefined;
  readonly labels: Labels;
  /** Remembered at the topic's first reading, where the payload gives no labels. */
  series?: Series | undefined;
}

/**
 * Routes: empty when no metric reads the topic. `confirmation`: machines answer commands there. `wrong_site`: the topic
 * names another site than the agent's own. `label_too_long`: one of its levels exceeds LABEL_LENGTH_MAX.
 */
export type Resolution = readonly Route[] | "confirmation" | "wrong_site" | "label_too_long";

/** Why nothing of a topic is taken in; `unread`: no metric reads it. */
export const TOPIC_REFUSALS = {
  label_too_long: {
    reason: "oversized",
    detail: `a level of the topic has over ${LABEL_LENGTH_MAX} characters`,
  },
  wrong_site: { reason: "wrong_site", detail: "the topic names another site" },
  unread: { reason: "unknown_topic", detail: "no metric reads this topic" },
} as const;

interface TopicMetric {
  readonly metric: PipelineMetric;
  readonly source: Extract<PipelineMetric["source"], { kind: "topic" }>;
  readonly decoder: PayloadDecoder;
}

/** From a topic to the metrics that it feeds. The templates are matched once per topic. */
export class TopicRoutes {
  readonly #metrics: readonly TopicMetric[];
  readonly #site: string;
  readonly #confirmationFilters: readonly string[];
  readonly #resolutions = new RememberedTopics((topic) => this.#match(topic));

  constructor(options: {
    readonly metrics: readonly PipelineMetric[];
    readonly site: string;
    readonly confirmationFilters: readonly string[];
  }) {
    this.#metrics = options.metrics.flatMap((metric) =>
      metric.source.kind === "topic"
        ? [{ metric, source: metric.source, decoder: payloadDecoder(metric.source.payload) }]
        : [],
    );
    this.#site = options.site;
    this.#confirmationFilters = options.confirmationFilters;
  }

  /** The subscriptions that feed the metrics. */
  filters(): readonly string[] {
    return [...new Set(this.#metrics.map(({ source }) => source.topic.filter))];
  }

  resolve(topic: string): Resolution {
    return this.#resolutions.find(topic);
  }

  #match(topic: string): Resolution {
    const routes: Route[] = [];
    for (const { metric, source, decoder } of this.#metrics) {
      const captures = source.topic.match(topic);
      if (captures === undefined) continue;
      if (captures["site"] !== undefined && captures["site"] !== this.#site) return "wrong_site";
      if (Object.values(captures).some((label) => label.length > LABEL_LENGTH_MAX)) return "label_too_long";
      routes.push({
        metric,
        decoder,
        adjustment: source.adjustment,
        labels: { ...captures, site: this.#site },
      });
    }
    const isConfirmation = this.#confirmationFilters.some((filter) => filterTakes(filter, topic));
    return routes.length === 0 && isConfirmation ? "confirmation" : routes;
  }
}
