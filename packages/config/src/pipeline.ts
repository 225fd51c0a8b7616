import type { DistinctRuleSpec, RecordRuleSpec, RuleSpec, WindowRuleSpec } from "@millrace/detect";
import type { MetricSpec, WindowSpec } from "@millrace/stream";
import type {
  JsonPath,
  NamePattern,
  PayloadSpec,
  RecordLabel,
  RecordMeasure,
  RecordTimeSpec,
  TimeUnit,
  TopicTemplate,
  ValueAdjustment,
} from "@millrace/wire";

/** pipeline.yaml, resolved: what is measured, aggregated and watched; the same for every agent and central. */
export interface Pipeline {
  /** The file itself. */
  readonly path: string;
  readonly metrics: readonly PipelineMetric[];
  readonly windows: readonly WindowSpec[];
  /** Those that agents judge. */
  readonly rules: readonly RuleSpec[];
  /** Those on single records, which central judges. */
  readonly recordRules: readonly RecordRule[];
  /** Those that count new values of a key, likewise. */
  readonly distinctRules: readonly DistinctRule[];
  /** Those on windows of all sites and of records, which central judges. */
  readonly windowRules: readonly WindowRuleSpec[];
  readonly evidence: readonly EvidenceSource[];
  readonly maintenance: MaintenanceTopic | null;
  /** Labels that readings can have, but for those of the gateway's own sensors. */
  readonly labelNames: readonly string[];
}

/** A rule on the records of a stream. */
export interface RecordRule {
  /** As central.yaml names it. */
  readonly stream: string;
  readonly spec: RecordRuleSpec;
  /** The label that tells where a series is, and no other series; null: its metric has no zones. */
  readonly zoneLabel: string | null;
}

/** A rule on the records of a stream that counts new values of a key. */
export interface DistinctRule {
  /** As central.yaml names it. */
  readonly stream: string;
  readonly spec: DistinctRuleSpec;
  /** Where what it is counted for, and what is counted, stand in a record. */
  readonly key: readonly RecordLabel[];
  readonly value: RecordLabel;
  /** Pairs of the two that are remembered. */
  readonly knownMax: number;
}

/** A topic whose messages are kept whole. */
export interface EvidenceSource {
  readonly name: string;
  /** Its captures are the labels, but for the one that is the time. */
  readonly topic: TopicTemplate;
  /** Null: it has no time of its own. */
  readonly time: { readonly capture: string; readonly unit: TimeUnit } | null;
  readonly contentType: string;
  readonly bytesMax: number;
}

/** A topic that says what is in maintenance. */
export interface MaintenanceTopic {
  /** Its captures are the labels. */
  readonly topic: TopicTemplate;
  /** The payload that begins it; any other one ends it. */
  readonly equals: string;
  readonly longestMs: number;
}

export interface PipelineMetric extends MetricSpec {
  readonly source: MetricSource;
  /** The greatest length that divides all boundaries and gaps of its windows, at least 100; null: in no window, its readings only meet rules. */
  readonly paneMs: number | null;
}

export type MetricSource =
  | {
      readonly kind: "topic";
      /** Its captures are the labels. */
      readonly topic: TopicTemplate;
      readonly payload: PayloadSpec;
      /** Whether readings can bring their own event time; without it they are counted at least once. */
      readonly hasOwnTime: boolean;
      readonly adjustment?: ValueAdjustment;
    }
  | {
      readonly kind: "sparkplug";
      /** Of `group/node`, or of `group/node/device`; its captures are labels, and so are those of `metric`. */
      readonly source: TopicTemplate;
      readonly isOfDevice: boolean;
      readonly metric: NamePattern;
      readonly adjustment?: ValueAdjustment;
    }
  | {
      readonly kind: "records";
      /** As central.yaml names it. */
      readonly stream: string;
      readonly id: JsonPath;
      readonly time: RecordTimeSpec;
      readonly measure: RecordMeasure;
    }
  | { readonly kind: "host"; readonly sensor: HostSensor; readonly adjustment?: ValueAdjustment };

/** What a gateway can say of itself; a host that lacks one says so. */
export const HOST_SENSORS = ["cpu", "memory", "load", "disk", "network", "temperature"] as const;
export type HostSensor = (typeof HOST_SENSORS)[number];
