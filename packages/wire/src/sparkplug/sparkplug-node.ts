import { RebirthPace } from "./rebirth-pace.ts";
import { SparkplugDefinitions, type StaleSeries } from "./sparkplug-definitions.ts";
import type { SparkplugMetric } from "./sparkplug-payload.ts";
import { SparkplugSequence } from "./sparkplug-sequence.ts";
import type { SparkplugSource } from "./sparkplug-topic.ts";

export interface SparkplugDevice<Binding> {
  readonly source: SparkplugSource;
  readonly definitions: SparkplugDefinitions<Binding>;
  /** After a birth of its node, until its own: what is stale if that does not come in time. */
  awaited: { readonly untilMs: number; readonly series: readonly StaleSeries<Binding>[] } | null;
}

/** A metric that waits for the birth that names it. */
export interface HeldMetric {
  readonly device: string | null;
  readonly metric: SparkplugMetric;
  readonly payloadTimestamp: number | bigint | undefined;
}

/** What is known of one edge node. */
export class SparkplugNode<Binding> {
  readonly source: SparkplugSource;
  readonly own = new SparkplugDefinitions<Binding>();
  readonly devices = new Map<string, SparkplugDevice<Binding>>();
  readonly sequence = new SparkplugSequence();
  readonly pace: RebirthPace;
  /** Where its last message came from. */
  via = "";
  /** Of its last birth; null before the first. */
  bdSeq: number | bigint | null = null;
  /** Since it is born, or dead, or known at all; monotonic clock, ms. */
  sinceMs: number;
  held: HeldMetric[] = [];

  constructor(source: SparkplugSource, rebirthIntervalMs: number, nowMs: number) {
    this.source = source;
    this.pace = new RebirthPace(rebirthIntervalMs);
    this.sinceMs = nowMs;
  }

  get isBorn(): boolean {
    return this.own.isBorn;
  }
}
