import { createHash } from "node:crypto";
import type { CentralConfig } from "@millrace/config";
import type { Store } from "@millrace/queue";
import { systemClock, systemRandom } from "@millrace/runtime";
import type { GaugeFamily, Logger } from "@millrace/runtime";
import type { MetricSpec, WindowResult, WindowSpec } from "@millrace/stream";
import type { CentralReader } from "../api/central-reader.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { AlarmStream } from "./alarm-stream.ts";
import type { PrometheusSinkView } from "./prometheus/prometheus-sink.ts";
import { SinkRunner } from "./sink-runner.ts";
import { StoreMark } from "./store-mark.ts";
import { WindowStream } from "./window-stream.ts";

export interface SinksOptions {
  readonly config: Pick<CentralConfig, "sinks" | "windows">;
  readonly windows: readonly WindowSpec[];
  readonly metrics: readonly MetricSpec[];
  readonly central: Pick<CentralReader, "alarms" | "subscribe" | "windows">;
  /** Central's; marks are kept there. */
  readonly store: Store;
  readonly generation: number;
  readonly log: Logger;
}

/** An alarm that ended longer ago is no news. */
const WEBHOOK_RETENTION_MS = 86_400_000;

/** One sink, or one side of it, with its own queue and pace. */
export type Sink = Pick<SinkRunner<never>, "start" | "stop" | "view">;

export interface OpenSinks {
  readonly sinks: readonly Sink[];
  /** What is scraped; null: windows are not. */
  readonly scraped: { readonly view: PrometheusSinkView; families(): GaugeFamily[] } | null;
}

/** The sinks of the configuration, told of all that central publishes from now on; to be started once central is open. */
export async function openSinks(options: SinksOptions): Promise<OpenSinks> {
  const { config, central, log } = options;
  const { redis, kafka, file, prometheus, webhook } = config.sinks;
  const world = { clock: systemClock, random: systemRandom, log };
  const windowRunners: SinkRunner<WindowResult>[] = [];
  const alarmRunners: SinkRunner<AlarmView>[] = [];
  let scraped: OpenSinks["scraped"] = null;
  // What a sink needs is loaded where the sink is.
  if (redis !== null) {
    const { RedisSink } = await import("./redis/redis-sink.ts");
    const windows = chosen(options.windows, redis.windows);
    windowRunners.push(
      new SinkRunner({
        ...world,
        target: new RedisSink({ config: redis, windows, generation: options.generation, log }),
        stream: windowStream(options, redis.windows, true),
        mark: null,
        retentionMs: redis.retentionMs,
      }),
    );
  }
  if (kafka !== null) {
    const { openKafkaSink } = await import("./kafka/open-kafka-sink.ts");
    const targets = openKafkaSink({ config: kafka, generation: options.generation, log });
    const { retentionMs, hasProvisional, connection } = kafka;
    const brokers = connection.brokers.join(",");
    windowRunners.push(
      new SinkRunner({
        ...world,
        target: targets.windows,
        stream: windowStream(options, kafka.windows, hasProvisional),
        mark: markOf(options, "kafka", [
          brokers,
          kafka.windowsTopic,
          hasProvisional,
          windowNames(options, kafka.windows),
        ]),
        retentionMs,
      }),
    );
    if (kafka.hasAlarms)
      alarmRunners.push(
        new SinkRunner({
          ...world,
          target: targets.alarms,
          stream: new AlarmStream(() => central.alarms(), { isNotified: false }),
          mark: markOf(options, "kafka_alarms", [brokers, kafka.alarmsTopic]),
          retentionMs,
        }),
      );
  }
  if (file !== null) {
    const { openFileSink } = await import("./file/open-file-sink.ts");
    const targets = openFileSink({ config: file, generation: options.generation, log });
    const { folder, hasProvisional } = file;
    windowRunners.push(
      new SinkRunner({
        ...world,
        target: targets.windows,
        stream: windowStream(options, file.windows, hasProvisional),
        mark: markOf(options, "file", [folder, hasProvisional, windowNames(options, file.windows)]),
        retentionMs: config.windows.retainMs,
      }),
    );
    if (file.hasAlarms)
      alarmRunners.push(
        new SinkRunner({
          ...world,
          target: targets.alarms,
          stream: new AlarmStream(() => central.alarms(), { isNotified: false }),
          mark: markOf(options, "file_alarms", [folder]),
          retentionMs: config.windows.retainMs,
        }),
      );
  }
  if (prometheus !== null) {
    const { PrometheusSink } = await import("./prometheus/prometheus-sink.ts");
    const windows = chosen(options.windows, prometheus.windows);
    const { graceMs } = config.windows;
    const target = new PrometheusSink({
      config: prometheus,
      windows,
      metrics: options.metrics,
      graceMs,
      clock: systemClock,
    });
    scraped = target;
    windowRunners.push(
      new SinkRunner({
        ...world,
        target,
        stream: new WindowStream({
          windows,
          hasProvisional: true,
          isLatestWanted: true,
          readHistory: (query) => central.windows(query),
        }),
        mark: null,
        retentionMs: prometheus.retentionMs,
      }),
    );
  }
  if (webhook !== null) {
    const { WebhookSink } = await import("./webhook/webhook-sink.ts");
    const alarms = () => central.alarms();
    alarmRunners.push(
      new SinkRunner({
        ...world,
        target: new WebhookSink({ config: webhook, alarms, clock: systemClock, log }),
        stream: new AlarmStream(alarms, { isNotified: true }),
        mark: markOf(options, "webhook", [webhook.url]),
        retentionMs: WEBHOOK_RETENTION_MS,
      }),
    );
  }
  central.subscribe(({ windows, alarms }) => {
    for (const runner of windowRunners) runner.offer(windows);
    for (const runner of alarmRunners) runner.offer(alarms);
  });
  return { sinks: [...windowRunners, ...alarmRunners], scraped };
}

function windowStream(
  { windows, central }: SinksOptions,
  names: readonly string[] | null,
  hasProvisional: boolean,
): WindowStream {
  return new WindowStream({
    windows: chosen(windows, names),
    hasProvisional,
    readHistory: (query) => central.windows(query),
  });
}

function chosen(windows: readonly WindowSpec[], names: readonly string[] | null): readonly WindowSpec[] {
  return windows.filter(({ name }) => names === null || names.includes(name));
}

function windowNames({ windows }: SinksOptions, names: readonly string[] | null): readonly string[] {
  return chosen(windows, names)
    .map(({ name }) => name)
    .toSorted();
}

function markOf({ store }: SinksOptions, sink: string, place: readonly unknown[]): StoreMark {
  // An address may have a secret in it.
  return new StoreMark(store, sink, createHash("sha256").update(JSON.stringify(place)).digest("hex"));
}
