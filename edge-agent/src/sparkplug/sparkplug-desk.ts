import type { Pipeline, SparkplugConfig } from "@millrace/config";
import type { Clock, Logger } from "@millrace/runtime";
import {
  LABEL_LENGTH_MAX,
  parseSparkplugTopic,
  rebirthCommand,
  SPARKPLUG_NAMESPACE,
  type SparkplugEvent,
  type SparkplugHearing,
  SparkplugSessions,
  sparkplugPath,
} from "@millrace/wire";
import { readState } from "../inputs/sparkplug-presence.ts";
import type { Arrival, ArrivalRejection } from "../inputs/input.ts";
import type { Route } from "../intake/topic-routes.ts";
import { SparkplugRoutes } from "./sparkplug-routes.ts";

/** The way to edge nodes. */
export interface SparkplugLink {
  /** A command, QoS 0, not retained; nobody waits for it. */
  command(topic: string, payload: Uint8Array): void;
  /** Publishes again that this host is online, not as of before somebody said otherwise. */
  sayOnline(contradictedAtMs: number): void;
}

/** What the status shows of Sparkplug. */
export interface SparkplugStatus {
  readonly hostId: string;
  readonly nodesOnline: number;
  readonly nodesOffline: number;
  /** Since the start. */
  readonly events: Readonly<Record<SparkplugEvent, number>>;
  /** At most NODES_SHOWN_MAX, those that are offline first. */
  readonly nodes: readonly {
    readonly group: string;
    readonly node: string;
    readonly isOnline: boolean;
    /** For how long, ms. */
    readonly sinceMs: number;
    readonly devicesOnline: number;
    readonly devicesOffline: number;
  }[];
}

export interface SparkplugDeskOptions {
  readonly config: SparkplugConfig;
  readonly pipeline: Pick<Pipeline, "metrics">;
  readonly site: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: SparkplugLink;
}

const NODES_SHOWN_MAX = 100;
const UNFIT_NAME = `its group, edge node or device has over ${LABEL_LENGTH_MAX} characters, or a NUL, and cannot be a label`;
const NOTHING: SparkplugHearing<Route> = { readings: [], failures: [], stale: [] };

/**
 * The agent as a Sparkplug B host application: follows edge nodes' sessions, asks for births, and answers whoever says
 * that it is offline.
 */
export class SparkplugDesk {
  readonly #options: SparkplugDeskOptions;
  #routes: SparkplugRoutes;
  readonly #sessions: SparkplugSessions<Route>;
  readonly #stateTopic: string;

  constructor(options: SparkplugDeskOptions) {
    this.#options = options;
    const { config, pipeline, site } = options;
    this.#routes = new SparkplugRoutes({ metrics: pipeline.metrics, site });
    this.#sessions = new SparkplugSessions<Route>({
      reads: (source) => this.#routes.reads(source),
      bind: (source, name, former) => this.#routes.bind(source, name, former),
      reorderTimeoutMs: config.reorderTimeoutMs,
      rebirthIntervalMs: config.rebirthIntervalMs,
    });
    this.#stateTopic = `${SPARKPLUG_NAMESPACE}/STATE/${config.hostId}`;
  }

  /** Other metrics from now on: nodes that have some which were not read before are asked for their births. */
  setPipeline({ metrics }: Pick<Pipeline, "metrics">): void {
    const former = this.#routes;
    const routes = new SparkplugRoutes({ metrics, site: this.#options.site });
    this.#routes = routes;
    this.#sessions.rebind({
      hears: (node) => routes.judge(node) === "read",
      gains: (node) => routes.hasMoreThan(former, node),
    });
    this.#askForBirths();
  }

  /** Of all that it needs to hear; empty where no metric is of Sparkplug. */
  filters({ metrics }: Pick<Pipeline, "metrics">): readonly string[] {
    const routes = new SparkplugRoutes({ metrics, site: this.#options.site });
    return routes.isEmpty ? [] : [...routes.filters(), this.#stateTopic];
  }

  takes(topic: string): boolean {
    return !this.#routes.isEmpty && topic.startsWith(`${SPARKPLUG_NAMESPACE}/`);
  }

  /** What came of it, or why none of it was taken; undefined where it is for others. */
  hear(arrival: Arrival): SparkplugHearing<Route> | ArrivalRejection | undefined {
    const topic = parseSparkplugTopic(arrival.topic);
    if (topic === undefined) return { reason: "unknown_topic", detail: "no topic of Sparkplug" };
    if (topic.type === "STATE") {
      if (arrival.topic !== this.#stateTopic) return undefined;
      const { isOnline, timestampMs } = readState(arrival.payload);
      if (!isOnline) this.#options.link.sayOnline(timestampMs);
      return undefined;
    }
    if (topic.type === "NCMD" || topic.type === "DCMD") return undefined;
    const { payloadBytesMax } = this.#options.config;
    if (arrival.payload.length > payloadBytesMax)
      return {
        reason: "oversized",
        detail: `${arrival.payload.length} bytes are more than sparkplug.payloadBytesMax`,
      };
    const verdict = this.#routes.judge(topic.source);
    if (verdict === "wrong_site") return { reason: verdict, detail: "its ids name another site" };
    if (verdict === "unfit_name") return { reason: "oversized", detail: UNFIT_NAME };
    if (verdict === "unknown_topic") return { reason: verdict, detail: "no metric reads this edge node" };
    const hearing = this.#sessions.hear({
      topic,
      payload: arrival.payload,
      via: arrival.client,
      // What waits is not durable, so nobody must wait for it.
      mayWait: arrival.qos === 0,
      nowMs: this.#options.clock.monotonicMs(),
    });
    this.#askForBirths();
    return hearing;
  }

  /** To be called several times a second. */
  tick(): SparkplugHearing<Route> {
    if (this.#routes.isEmpty) return NOTHING;
    const hearing = this.#sessions.tick(this.#options.clock.monotonicMs());
    this.#askForBirths();
    return hearing;
  }

  /** The connection to a site's broker is gone, and with it what was known of the nodes behind it. */
  lost(via: string): SparkplugHearing<Route> {
    return this.#sessions.lost(via, this.#options.clock.monotonicMs());
  }

  /** Null where no metric is of Sparkplug. */
  status(): SparkplugStatus | null {
    if (this.#routes.isEmpty) return null;
    const nowMs = this.#options.clock.monotonicMs();
    const nodes = [...this.#sessions.nodes()].map(({ source, isBorn, sinceMs, devices }) => {
      const devicesOnline = [...devices.values()].filter(({ definitions }) => definitions.isBorn).length;
      return {
        group: source.group,
        node: source.node,
        isOnline: isBorn,
        sinceMs: nowMs - sinceMs,
        devicesOnline,
        devicesOffline: devices.size - devicesOnline,
      };
    });
    const nodesOnline = nodes.filter(({ isOnline }) => isOnline).length;
    return {
      hostId: this.#options.config.hostId,
      nodesOnline,
      nodesOffline: nodes.length - nodesOnline,
      events: { ...this.#sessions.counts },
      nodes: nodes
        .toSorted((one, other) => Number(one.isOnline) - Number(other.isOnline))
        .slice(0, NODES_SHOWN_MAX),
    };
  }

  #askForBirths(): void {
    const { clock, link, log } = this.#options;
    for (const source of this.#sessions.takeRebirths(clock.monotonicMs())) {
      const { topic, payload } = rebirthCommand(source, clock.nowMs());
      log.repeated("rebirth", "asked an edge node for its births", { node: sparkplugPath(source) });
      link.command(topic, payload);
    }
  }
}
