import { PASSWORD_HASH_PATTERN } from "@millrace/runtime";
import { z } from "zod";
import { kafkaUplinkSchema } from "./agent-schema.ts";
import {
  allowedHosts,
  bytes,
  duration,
  filePath,
  flag,
  host,
  identifier,
  kafkaTls,
  kafkaTopic,
  listenerCertificate,
  logLevel,
  mqttUrl,
  oneOf,
  passwordFile,
  port,
  streamName,
  takes,
  text,
  version,
  wholeNumber,
} from "./schema-types.ts";
import {
  fileSinkSchema,
  kafkaSinkSchema,
  prometheusSinkSchema,
  redisSinkSchema,
  webhookSinkSchema,
} from "./sink-schemas.ts";

/** `records.<name>.kafka` as people write it. */
export const kafkaRecordsSchema = z.strictObject({
  brokers: kafkaUplinkSchema().shape.brokers,
  topic: kafkaTopic().describe("The topic; central waits until it exists."),
  group: identifier()
    .optional()
    .describe(
      "Consumer group under which its positions are shown; its alone: no other program or stream may be in it. Default: `millrace-`, the stream's name and an id of central's store.",
    ),
  tls: kafkaTls("central"),
  sasl: kafkaUplinkSchema().shape.sasl,
});

/** `records.<name>.debezium` as people write it. */
const debeziumSchema = z.strictObject({
  decimals: z
    .record(text(), wholeNumber(0, 1_000))
    .prefault({})
    .describe(
      "Columns that come as a decimal's bytes (decimal.handling.mode precise), and their digits behind the point; where events have a schema it says so. Not for columns in texts (mode string): what cannot be bytes as Debezium writes them, such as 27, is the number that it says, but 1200 can, and is read as bytes.",
    ),
  dates: z
    .array(text())
    .prefault([])
    .describe("Columns that come as days since 1970; where events have a schema it says so."),
  timeZone: takes(z.string().min(1), "an IANA time zone such as Asia/Shanghai")
    .optional()
    .describe(
      "The zone of columns of time without one (timestamp, datetime); default: the metric's, or UTC.",
    ),
  rowsMax: wholeNumber(1_000, 1_000_000_000)
    .prefault(10_000_000)
    .describe(
      "Most rows kept on disk, about 300 bytes each, until their windows are final; beyond it the oldest are forgotten, and what changes of their time is set aside.",
    ),
});

/** How much of a level of the history is kept. */
function historyLevel(retain: string, bytesMax: string) {
  return z
    .strictObject({
      retain: duration({ min: "1h", max: "36500d" }).prefault(retain).describe("How long they are kept."),
      bytesMax: bytes({ min: "1MiB", max: "100TiB" })
        .prefault(bytesMax)
        .describe("Disk space for them; beyond it the oldest go, counted."),
    })
    .prefault({});
}

const role = () =>
  oneOf(["read", "operate"])
    .prefault("read")
    .describe("`read`: may look at everything. `operate`: may change, too.");
const passwordHash = () =>
  takes(z.string().regex(PASSWORD_HASH_PATTERN), "what `millrace-central user` prints").describe(
    "Salted hash of the password: `millrace-central user NAME` makes both.",
  );
const tokenHash = () =>
  takes(z.string().regex(/^sha256:[0-9a-f]{64}$/), "what `millrace-central token` prints").describe(
    "SHA-256 of the token: `millrace-central token NAME` makes both.",
  );

/** One of `records` as people write it. */
const records = z.strictObject({
  http: takes(z.strictObject({}), "{}")
    .optional()
    .describe("They are posted to /api/v1/records/<name>: JSON lines, or an array."),
  kafka: kafkaRecordsSchema.optional().describe("They are read from a Kafka topic, all of its partitions."),
  debezium: debeziumSchema
    .optional()
    .describe("They are Debezium's change events in JSON: windows follow the table's rows as they change."),
  outOfOrderness: duration({ min: "0s", max: "1d" })
    .prefault("5s")
    .describe(
      "How much a partition's records may be out of order in event time; its watermark is so much behind.",
    ),
  idleTimeout: duration({ min: "1s", max: "1d" })
    .prefault("30s")
    .describe(
      "A partition read to its end that stays without records for so long holds no window open any more.",
    ),
  maxFuture: duration({ min: "0s", max: "1h" })
    .prefault("1m")
    .describe("A record further ahead of central's clock is rejected (future)."),
  recordBytesMax: bytes({ min: "1KiB", max: "16MiB" })
    .prefault("1MiB")
    .describe("A greater record is rejected (oversized)."),
  dedupe: z
    .strictObject({
      horizon: duration({ min: "1s", max: "31d" })
        .prefault("10m")
        .describe(
          "How long in event time ids are remembered; an older record is set aside, counted, never added.",
        ),
      idsMax: wholeNumber(1_000, 100_000_000)
        .prefault(10_000_000)
        .describe("Most ids remembered, 34 bytes of memory each; beyond it the horizon is shorter."),
    })
    .prefault({})
    .describe("A record that comes again counts once."),
});

export type RecordsFile = z.output<typeof records>;

/** central.yaml as people write it. */
export const centralSchema = z.strictObject({
  version: version(),
  data: filePath().prefault("./data").describe("Folder of its store; central's alone."),
  pipeline: filePath().prefault("./pipeline.yaml").describe("The pipeline file, the same as the agents'."),
  intake: z
    .strictObject({
      mqtt: z
        .strictObject({
          host: host()
            .prefault("127.0.0.1")
            .describe("Address that agents reach it at; 0.0.0.0 for other machines: then use tls."),
          port: port().prefault(1884).describe("Port that agents send to."),
          tls: z
            .strictObject({
              ...listenerCertificate(),
              ca: filePath()
                .optional()
                .describe("Authority (PEM) that signs agents' certificates; agents must then show one."),
            })
            .optional()
            .describe("Encrypts the uplinks."),
        })
        .prefault({})
        .describe("MQTT listener for uplinks."),
      broker: z
        .strictObject({
          url: mqttUrl().describe("The broker; its rights say who may publish as which agent."),
          group: identifier()
            .prefault("millrace")
            .describe(
              "Name of the shared subscription ($share). Of one central alone: of several in it each would get some of an agent's messages.",
            ),
          clientId: identifier()
            .prefault("millrace-central")
            .describe(
              "Fixed, so that the broker keeps the session; of two with the same one the broker ends one.",
            ),
          username: text().optional().describe("User name at the broker."),
          password: text().optional().describe("Its password."),
          passwordFile: passwordFile(),
          ca: filePath()
            .optional()
            .describe("Certificate (PEM) of the authority that signed the broker's; default: the system's."),
          cert: filePath().optional().describe("Certificate (PEM) that central shows, with `key`."),
          key: filePath().optional().describe("Its key (PEM)."),
        })
        .optional()
        .describe("A broker of others (MQTT 5) that agents' uplinks connect to, beside the listener."),
      kafka: z
        .strictObject({
          brokers: kafkaUplinkSchema().shape.brokers,
          topic: kafkaTopic()
            .prefault("millrace.panes.v1")
            .describe(
              "The topic; central waits until it exists. Agents with `uplink.kafka` write to the same.",
            ),
          clientId: identifier().prefault("millrace-central").describe("Name at the brokers."),
          patience: duration({ min: "1s", max: "365d" })
            .prefault("10m")
            .describe(
              "While a central without its store reads the topic anew: how long a partition that gives nothing holds the others back. Then they go on, and windows stay provisional until it is read.",
            ),
          tls: kafkaTls("central"),
          sasl: kafkaUplinkSchema().shape.sasl,
        })
        .optional()
        .describe(
          "A Kafka topic as the log: what agents send is written there before it is acknowledged, and read from there. Default: central's own store holds it.",
        ),
    })
    .prefault({})
    .describe("Where agents' data arrives."),
  agents: z
    .array(
      z.strictObject({
        id: identifier().describe("The agent's name, `agent` in its agent.yaml."),
        site: identifier().describe("The site that it stands at."),
        password: text().optional().describe("What it must give."),
        passwordFile: passwordFile(),
      }),
    )
    .prefault([])
    .describe("The agents enrolled: the ones expected in every window."),
  http: z
    .strictObject({
      host: host()
        .prefault("127.0.0.1")
        .describe(
          "Address of dashboard and API; 0.0.0.0 opens them to the whole network: then list users or tokens.",
        ),
      port: port().prefault(8080).describe("Port of dashboard and API."),
      allowedHosts: allowedHosts(),
      allowControl: flag()
        .prefault(true)
        .describe(
          "Where there are neither users nor tokens: whether whoever reaches it may change anything (reset alarms, retire sites, post records); the commands of millrace-central on its machine always may.",
        ),
      users: z
        .array(
          z.strictObject({
            user: identifier().describe("User name."),
            passwordHash: passwordHash(),
            role: role(),
          }),
        )
        .prefault([])
        .describe("People who log in at the page; with users or tokens nobody else sees anything."),
      tokens: z
        .array(
          z.strictObject({
            name: identifier().describe("Whose it is; for the log."),
            tokenHash: tokenHash(),
            role: role(),
          }),
        )
        .prefault([])
        .describe("Programs, with `Authorization: Bearer <token>`: Prometheus, whoever posts records."),
      tls: z
        .strictObject(listenerCertificate())
        .optional()
        .describe("Encrypts dashboard and API: https only. The files are read again when they change."),
    })
    .prefault({})
    .describe("Dashboard, API, health and Prometheus metrics."),
  windows: z
    .strictObject({
      grace: duration({ min: "0s", max: "1h" })
        .prefault("2s")
        .describe("After the first agent has passed a window, how long the others are waited for."),
      retain: duration({ min: "1h", max: "3650d" })
        .prefault("30d")
        .describe("How long final windows are kept."),
    })
    .prefault({})
    .describe("How windows end."),
  history: z
    .strictObject({
      "1s": historyLevel("1d", "2GiB").describe("Buckets of a second."),
      "10s": historyLevel("7d", "4GiB").describe("Of ten seconds."),
      "1m": historyLevel("60d", "8GiB").describe("Of a minute."),
      "1h": historyLevel("1500d", "4GiB").describe("Of an hour."),
      "1d": historyLevel("3650d", "1GiB").describe("Of a day, UTC."),
    })
    .prefault({})
    .describe(
      "What is kept of windows' panes at each zoom; a coarser level is kept no shorter than a finer one.",
    ),
  evidence: z
    .strictObject({
      bytesMax: bytes({ min: "1MiB", max: "100TiB" })
        .prefault("10GiB")
        .describe("Disk space for evidence; beyond it the longest unchanged is given up, counted."),
      retain: duration({ min: "1h", max: "3650d" }).prefault("30d").describe("How long it is kept."),
      unfinishedAfter: duration({ min: "1m", max: "365d" })
        .prefault("7d")
        .describe("What no part has come of for so long is given up unfinished, counted."),
    })
    .prefault({})
    .describe("Payloads and recordings that came as a whole."),
  quarantine: z
    .strictObject({
      bytesMax: bytes({ min: "1MiB", max: "1GiB" })
        .prefault("64MiB")
        .describe(
          "Disk space for it; beyond it the oldest of the source and reason that has most go, counted. 64MiB are 16,000 entries at least, and 150,000 where many come at once.",
        ),
      retain: duration({ min: "1h", max: "3650d" }).prefault("30d").describe("How long an entry is kept."),
    })
    .prefault({})
    .describe("How messages and records that were not taken begin, and why."),
  records: z
    .record(streamName(), records)
    .prefault({})
    .describe("Streams of business records, by the name that metrics call them by."),
  sinks: z
    .strictObject({
      redis: redisSinkSchema.optional().describe("Redis: the latest revision of each window."),
      kafka: kafkaSinkSchema.optional().describe("Kafka: topics of windows and alarms."),
      file: fileSinkSchema.optional().describe("Files of JSON lines: windows and alarms."),
      prometheus: prometheusSinkSchema.optional().describe("Gauges of the latest windows at `/metrics`."),
      webhook: webhookSinkSchema
        .optional()
        .describe("Alarms posted as Alertmanager's webhooks are, version 4."),
    })
    .prefault({})
    .describe("Where windows and alarms go beside page and API."),
  limits: z
    .strictObject({
      ruleGroupsMax: wholeNumber(100, 1_000_000)
        .prefault(20_000)
        .describe(
          "Most groups of windows that all rules on windows at central watch together, up to 60 KB each where windows are many and long kept; one rule at most 10,000. Half is shared out evenly, so that no rule takes all. Windows of further groups are not judged, counted by rule.",
        ),
    })
    .prefault({})
    .describe("Bounds; what is beyond them is counted and told."),
  silentAfter: duration({ min: "1s", max: "1h" })
    .prefault("3s")
    .describe(
      "An agent unheard for longer is shown as silent. After central's own start or pause it has 10 s to connect.",
    ),
  log: z.strictObject({ level: logLevel() }).prefault({}).describe("What central writes about itself."),
});
