import { z } from "zod";
import { kafkaUplinkSchema } from "./agent-schema.ts";
import {
  bytes,
  clientTls,
  duration,
  filePath,
  flag,
  identifier,
  kafkaTls,
  kafkaTopic,
  name,
  passwordFile,
  takes,
  text,
  wholeNumber,
} from "./schema-types.ts";

const windows = () =>
  z
    .array(name())
    .min(1)
    .optional()
    .describe("Names of the windows that go there; default: all of the pipeline.");
const provisional = () =>
  flag()
    .prefault(true)
    .describe("Whether revisions of windows that are still open go there, up to four a second of each.");
const alarms = () => flag().prefault(true).describe("Whether alarms go there.");

/** `sinks.redis` as people write it. */
export const redisSinkSchema = z.strictObject({
  url: takes(
    z.string().regex(/^rediss?:\/\/([^\s:/@]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(\/\d{1,4})?\/?$/),
    "redis://host:port or rediss://host:port (TLS), with /number for another database than 0",
  ).describe("The server; a primary, not a cluster."),
  username: text().optional().describe("User of its ACL; default: Redis's own."),
  password: text().optional().describe("Its password."),
  passwordFile: passwordFile(),
  tls: clientTls("central", "the server's").describe("With `rediss://`."),
  prefix: takes(
    z
      .string()
      .regex(/^[^\s{}]*(\{window\}[^\s{}]*)?$/)
      .min(1),
    "text without spaces; {window} in it becomes the window's name",
  )
    .prefault("order_monitor")
    .describe("What its keys begin with; with several windows it has `{window}` in it."),
  retention: duration({ min: "1m", max: "3650d" })
    .prefault("24h")
    .describe("After its end, how long a window is kept there."),
  windows: windows(),
});

/** `sinks.kafka` as people write it. */
export const kafkaSinkSchema = z.strictObject({
  brokers: kafkaUplinkSchema().shape.brokers,
  clientId: identifier().prefault("millrace-central").describe("Name at the brokers."),
  tls: kafkaTls("central"),
  sasl: kafkaUplinkSchema().shape.sasl,
  windows: windows(),
  provisional: provisional(),
  alarms: alarms(),
  windowsTopic: kafkaTopic()
    .prefault("millrace.windows.v1")
    .describe("Topic of windows; made where it is missing."),
  alarmsTopic: kafkaTopic()
    .prefault("millrace.alarms.v1")
    .describe("Topic of alarms; made where it is missing."),
  partitions: wholeNumber(1, 10_000).prefault(4).describe("Partitions of a topic that is made."),
  replicas: wholeNumber(1, 100)
    .optional()
    .describe("Replicas of a topic that is made; default: the brokers' own."),
  retention: duration({ min: "1m", max: "3650d" })
    .prefault("7d")
    .describe(
      "After its end, how long revisions of a window are still written; and `retention.ms` of a topic that is made.",
    ),
});

/** `sinks.file` as people write it. */
export const fileSinkSchema = z.strictObject({
  folder: filePath().describe("Folder of `windows.jsonl` and `alarms.jsonl`; a sink's alone."),
  windows: windows(),
  provisional: provisional(),
  alarms: alarms(),
  rotate: z
    .strictObject({
      bytes: bytes({ min: "64KiB", max: "1TiB" })
        .prefault("100MiB")
        .describe("A file that would be larger is put aside, and a new one begun."),
      daily: flag().prefault(true).describe("Whether a new one is begun with each day (UTC), too."),
      keep: wholeNumber(1, 100_000)
        .prefault(30)
        .describe("Files put aside that are kept, of windows and of alarms each; the oldest are deleted."),
    })
    .prefault({})
    .describe("When a file ends."),
});

/** `sinks.prometheus` as people write it. */
export const prometheusSinkSchema = z.strictObject({
  windows: windows(),
  provisional: flag()
    .prefault(true)
    .describe("Whether windows that are still open are shown too, under names of their own."),
  retention: duration({ min: "10s", max: "31d" })
    .prefault("5m")
    .describe("How long a window is shown after the next one should have ended."),
  seriesMax: wholeNumber(10, 1_000_000)
    .prefault(10_000)
    .describe("Most series of windows at `/metrics`; groups that find no room are left out, counted."),
});

/** `sinks.webhook` as people write it. */
export const webhookSinkSchema = z.strictObject({
  url: takes(
    z.string().regex(/^https?:\/\/[^\s/@]+(\/\S*)?$/),
    "http://host:port/path or https://host:port/path, without user and password",
  ).describe("Where alarms are posted."),
  header: z
    .strictObject({
      name: takes(
        z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/),
        "the name of an HTTP header",
      ).describe("Its name, such as `Authorization`."),
      value: text().optional().describe("Its value, such as `Bearer …`."),
      valueFile: filePath().optional().describe("File that holds the value, instead of `value`."),
    })
    .optional()
    .describe("A header by which the receiver knows central."),
  tls: clientTls("central", "the receiver's").describe("With `https://`."),
  timeout: duration({ min: "100ms", max: "5m" })
    .prefault("10s")
    .describe("How long an answer is waited for, before the same is posted again."),
  dashboardUrl: takes(z.string().regex(/^https?:\/\/\S+$/), "http://… or https://…")
    .optional()
    .describe("Address at which people reach central's dashboard, for links in what is posted."),
});
