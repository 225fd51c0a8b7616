import type { z } from "zod";
import type { CentralConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { isOpenUrl } from "./open-host.ts";
import { resolveClientTls } from "./resolve-client-tls.ts";
import { resolveKafka } from "./resolve-kafka.ts";
import { resolveRedisSink } from "./resolve-redis-sink.ts";
import type {
  FileSinkConfig,
  KafkaSinkConfig,
  PrometheusSinkConfig,
  WebhookSinkConfig,
} from "./sink-config.ts";
import type {
  fileSinkSchema,
  kafkaSinkSchema,
  prometheusSinkSchema,
  webhookSinkSchema,
} from "./sink-schemas.ts";

/** `sinks` with secrets and certificates read. */
export function resolveSinks(
  reader: ConfigReader,
  { redis, kafka, file, prometheus, webhook }: z.output<typeof centralSchema>["sinks"],
): CentralConfig["sinks"] {
  return {
    redis: redis === undefined ? null : resolveRedisSink(reader, redis),
    kafka: kafka === undefined ? null : resolveKafkaSink(reader, kafka),
    file: file === undefined ? null : resolveFileSink(reader, file),
    prometheus: prometheus === undefined ? null : resolvePrometheusSink(prometheus),
    webhook: webhook === undefined ? null : resolveWebhookSink(reader, webhook),
  };
}

function resolveKafkaSink(reader: ConfigReader, kafka: z.output<typeof kafkaSinkSchema>): KafkaSinkConfig {
  const { windows, provisional, alarms, windowsTopic, alarmsTopic, partitions, replicas, retention } = kafka;
  return {
    connection: resolveKafka(reader, ["sinks", "kafka"], kafka),
    windows: windows ?? null,
    hasProvisional: provisional,
    hasAlarms: alarms,
    windowsTopic,
    alarmsTopic,
    partitions,
    replicas: replicas ?? null,
    retentionMs: retention,
  };
}

function resolveFileSink(reader: ConfigReader, file: z.output<typeof fileSinkSchema>): FileSinkConfig {
  const { folder, windows, provisional, alarms, rotate } = file;
  return {
    folder: reader.resolveFolder(["sinks", "file", "folder"], folder),
    windows: windows ?? null,
    hasProvisional: provisional,
    hasAlarms: alarms,
    rotation: { bytesMax: rotate.bytes, isDaily: rotate.daily, filesKept: rotate.keep },
  };
}

function resolvePrometheusSink({
  windows,
  provisional,
  retention,
  seriesMax,
}: z.output<typeof prometheusSinkSchema>): PrometheusSinkConfig {
  return { windows: windows ?? null, hasProvisional: provisional, retentionMs: retention, seriesMax };
}

function resolveWebhookSink(
  reader: ConfigReader,
  webhook: z.output<typeof webhookSinkSchema>,
): WebhookSinkConfig {
  const { url, header, tls, timeout, dashboardUrl } = webhook;
  const path = ["sinks", "webhook"];
  if (!URL.canParse(url)) reader.problem([...path, "url"], `sinks.webhook.url ${url} is no address`);
  const isEncrypted = url.startsWith("https:");
  if (tls !== undefined && !isEncrypted)
    reader.problem(
      [...path, "tls"],
      "sinks.webhook has tls and a url without it; let the url begin with https://",
    );
  const value =
    header === undefined
      ? null
      : reader.readSecret(
          [...path, "header"],
          { password: header.value, passwordFile: header.valueFile },
          "value",
        );
  if (header !== undefined && value === null)
    reader.problem([...path, "header"], "sinks.webhook.header has no value; give value or valueFile");
  if (value !== null && /[^\t\x20-\x7e\x80-\xff]/.test(value))
    reader.problem(
      [...path, "header"],
      "sinks.webhook.header has a value that no HTTP header can have; letters, digits and punctuation only",
    );
  if (header !== undefined && !isEncrypted && URL.canParse(url) && isOpenUrl(url))
    reader.warning(
      [...path, "url"],
      "the header's value and all alarms cross the network unencrypted; let sinks.webhook.url begin with https://",
    );
  return {
    url,
    header: header === undefined ? null : { name: header.name, value: value ?? "" },
    tls: resolveClientTls(reader, [...path, "tls"], tls),
    timeoutMs: timeout,
    dashboardUrl: dashboardUrl ?? null,
  };
}
