import type { KafkaSinkConfig } from "@millrace/config";
import { PlatformaticClient } from "@millrace/kafka";
import { systemClock } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { WindowResult } from "@millrace/stream";
import type { AlarmView } from "../../alarms/alarm-view.ts";
import { alarmRecord } from "../alarm-record.ts";
import { windowRecord } from "../window-record.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { recordKey } from "./record-key.ts";

/** The brokers' own number of replicas, as Kafka's protocol has it. */
const BROKERS_OWN = -1;

export interface KafkaSinkParts {
  readonly config: KafkaSinkConfig;
  readonly generation: number;
  readonly log: Logger;
}

/** Both topics, each with connections of its own: alarms do not wait behind windows. */
export function openKafkaSink({ config, generation, log }: KafkaSinkParts): {
  readonly windows: KafkaSink<WindowResult>;
  readonly alarms: KafkaSink<AlarmView>;
} {
  const { connection, partitions, replicas, retentionMs } = config;
  const common = {
    client: new PlatformaticClient(connection),
    brokers: connection.brokers.join(","),
    retentionMs,
    wait: (delayMs: number) => new Promise<void>((resolve) => systemClock.after(delayMs, resolve)),
    log,
  };
  const made = { partitions, replicas: replicas ?? BROKERS_OWN };
  return {
    windows: new KafkaSink({
      ...common,
      name: "kafka",
      topic: { topic: config.windowsTopic, ...made },
      recordOf: (result) => ({
        key: recordKey({ window: result.window, group: result.group, startMs: result.startMs }),
        value: windowRecord(result, generation),
      }),
    }),
    alarms: new KafkaSink({
      ...common,
      name: "kafka_alarms",
      topic: { topic: config.alarmsTopic, ...made },
      recordOf: (alarm) => ({
        key: recordKey({ agent: alarm.agent, id: alarm.id }),
        value: alarmRecord(alarm, generation),
      }),
    }),
  };
}
