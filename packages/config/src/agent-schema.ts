import { z } from "zod";
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
  labelName,
  listenerCertificate,
  logLevel,
  moment,
  mqttUrl,
  oneOf,
  passwordFile,
  port,
  takes,
  text,
  topicFilter,
  version,
  wholeNumber,
} from "./schema-types.ts";

const mustTakeCommands = () =>
  flag()
    .prefault(false)
    .describe(
      "true: a rule's command counts as sent only once this broker has it; where no input says so, any one broker is enough.",
    );

const broker = () =>
  z.strictObject({
    host: host()
      .prefault("127.0.0.1")
      .describe("Address that sensors reach it at; 0.0.0.0 opens it to the whole network: then list users."),
    port: port().prefault(1883).describe("Port that sensors publish to."),
    users: z
      .array(
        z.strictObject({
          user: text().describe("User name that sensors give, or common name of their certificate."),
          password: text()
            .optional()
            .describe("Its password; without one, with `tls.ca`, it is known by its certificate."),
          passwordFile: passwordFile(),
          publish: z
            .array(topicFilter())
            .prefault(["#"])
            .describe("Where it may publish; elsewhere what it sends is dropped and counted."),
          subscribe: z
            .array(topicFilter())
            .prefault(["#"])
            .describe("Where it may subscribe; elsewhere it is refused."),
        }),
      )
      .prefault([])
      .describe("Who may connect; empty: everyone who reaches the address, to everything."),
    tls: z
      .strictObject({
        ...listenerCertificate(),
        ca: filePath()
          .optional()
          .describe("Authority (PEM) that signs sensors' certificates; sensors must then show one."),
      })
      .optional()
      .describe("Encrypts the connections of sensors; the port then speaks TLS only."),
    connectsPerSecondMax: wholeNumber(1, 1_000_000)
      .prefault(500)
      .describe("New connections a second from one address; those beyond are closed at once and counted."),
    retainedMax: wholeNumber(0, 1_000_000)
      .prefault(10_000)
      .describe("Topics whose retained message is kept; those beyond are delivered, not kept, and counted."),
    sessionsMax: wholeNumber(0, 100_000)
      .prefault(1000)
      .describe(
        "Persistent sessions kept of clients that are away; beyond, the one longest away is forgotten and counted.",
      ),
    sessionExpiry: duration({ min: "1m", max: "365d" })
      .prefault("7d")
      .describe("A persistent session is forgotten when its client has been away for so long."),
    sessionQueueMax: wholeNumber(1, 100_000)
      .prefault(1000)
      .describe(
        "Messages that wait for one client with a persistent session, on disk too; beyond, its oldest is dropped and counted.",
      ),
    sessionQueueBytesMax: bytes({ min: "1KiB", max: "16MiB" })
      .prefault("1MiB")
      .describe("Bytes of them, for one client; of all clients together at most 16 MiB wait."),
    clientsMax: wholeNumber(1, 100_000)
      .prefault(1000)
      .describe("Connections at once; further ones are refused and counted."),
    mustTakeCommands: mustTakeCommands(),
    payloadBytesMax: bytes({ min: "1B", max: "16MiB" })
      .optional()
      .describe("Greatest payload taken; default: `limits.payloadBytesMax`."),
  });

const mqtt = () =>
  z.strictObject({
    url: mqttUrl().describe("The site's broker."),
    clientId: identifier()
      .optional()
      .describe("Fixed, so that the broker keeps the session; default: `millrace-` and the agent's name."),
    username: text().optional().describe("User name at the broker."),
    password: text().optional().describe("Its password."),
    passwordFile: passwordFile(),
    protocol: oneOf(["3.1.1", "5"]).prefault("3.1.1").describe("Version of MQTT."),
    ca: filePath()
      .optional()
      .describe("Certificate (PEM) of the authority that signed the broker's; default: the system's."),
    cert: filePath().optional().describe("Certificate (PEM) that the agent shows, with `key`."),
    key: filePath().optional().describe("Its key (PEM)."),
    mustTakeCommands: mustTakeCommands(),
    sharedGroup: identifier()
      .optional()
      .describe(
        "Shares the messages with the other clients of this group ($share); the broker must know shared subscriptions.",
      ),
  });

/** `inputs.http` as people write it. */
export const httpInputSchema = () =>
  z.strictObject({
    host: host()
      .prefault("127.0.0.1")
      .describe("Address that it is posted to; 0.0.0.0 opens it to the whole network: then list users."),
    port: port().prefault(8186).describe("Port of it."),
    users: z
      .array(
        z.strictObject({
          user: text().describe("User name."),
          password: text().optional().describe("Its password (Basic)."),
          passwordFile: passwordFile(),
          token: text().optional().describe("A token instead of a password (`Bearer` or `Token`)."),
          tokenFile: filePath().optional().describe("File that holds the token, instead of `token`."),
        }),
      )
      .prefault([])
      .describe("Who may post; empty: everyone who reaches the address."),
    tls: z.strictObject(listenerCertificate()).optional().describe("Encrypts it."),
    clientsMax: wholeNumber(1, 100_000)
      .prefault(256)
      .describe("Connections at once; further ones are refused and counted."),
    requestsMax: wholeNumber(1, 10_000)
      .prefault(32)
      .describe("Requests in work at once; further ones are answered with 429."),
    requestsPerClientMax: wholeNumber(1, 10_000)
      .prefault(8)
      .describe("Of them, of one user, or of one address where there are no users."),
    bodyBytesMax: bytes({ min: "1KiB", max: "64MiB" })
      .prefault("2MiB")
      .describe("Greatest body taken, also when unpacked; a greater one is answered with 413."),
  });

/** One of `inputs.files` as people write it. */
export const tailedFileSchema = () =>
  z.strictObject({
    path: filePath().describe(
      "The file; its last part may have `*` and `?`, then all files that it matches.",
    ),
    topic: text().describe(
      "Topic of its lines, for `from.topic` of the metrics; a level `{file}` is the file's name without its extension.",
    ),
    format: oneOf(["lines", "csv-with-header", "pattern"])
      .prefault("lines")
      .describe(
        "What becomes a payload: each line as it is; each row as a JSON object with the first line's names; what `pattern` finds in a line as a JSON object.",
      ),
    pattern: takes(z.string().min(1), "a regular expression with named groups")
      .optional()
      .describe("For format pattern: its named groups are the fields of the object; `(?<value>[0-9.]+)`."),
    delimiter: takes(z.string().length(1), "one character")
      .prefault(",")
      .describe("For format csv-with-header: what stands between two cells."),
    start: oneOf(["beginning", "end"])
      .prefault("beginning")
      .describe("Where a file is begun that is there at the start and was never read."),
    interval: duration({ min: "100ms", max: "1h" })
      .prefault("1s")
      .describe("How often it is looked at for more."),
  });

const hostInput = () =>
  z.strictObject({
    interval: duration({ min: "100ms", max: "1h" })
      .prefault("1s")
      .describe("How often the gateway's own sensors are read."),
    labels: z
      .record(labelName(), text())
      .prefault({})
      .describe("Labels added to every reading of the gateway."),
  });

/** `uplink.kafka` as people write it. */
export const kafkaUplinkSchema = () =>
  z.strictObject({
    brokers: z
      .array(
        takes(
          z
            .string()
            .regex(/^([^\s:/@]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/)
            .refine((text) => isPort(Number(text.slice(text.lastIndexOf(":") + 1)))),
          "host:port of a Kafka broker",
        ),
      )
      .min(1)
      .describe("Brokers that are asked first; they name the others."),
    topic: kafkaTopic()
      .prefault("millrace.panes.v1")
      .describe("Topic of batches and heartbeats; it must exist."),
    clientId: identifier()
      .optional()
      .describe("Name at the brokers; default: `millrace-` and the agent's name."),
    tls: kafkaTls("the agent"),
    sasl: z
      .strictObject({
        mechanism: oneOf(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]).describe("How it logs in."),
        username: text().describe("User name."),
        password: text().optional().describe("Its password."),
        passwordFile: passwordFile(),
      })
      .optional()
      .describe("Login at the brokers."),
  });

const limits = () =>
  z.strictObject({
    maxFuture: duration({ min: "0s", max: "1h" })
      .prefault("5s")
      .describe("A reading further ahead of the agent's clock is rejected (future)."),
    payloadBytesMax: bytes({ min: "1B", max: "16MiB" })
      .prefault("64KiB")
      .describe("A greater payload is rejected (oversized)."),
    seriesPerMetricMax: wholeNumber(1, 10_000_000)
      .prefault(10_000)
      .describe(
        "Series of one metric; readings of further ones are rejected (series_cap), unless they break a limit.",
      ),
    forgetSilentAfter: duration({ min: "1h", max: "365d" })
      .prefault("24h")
      .describe(
        "Where a metric has as many series as it may, one that has been silent for longer makes room for a new one.",
      ),
    outOfOrderness: duration({ min: "0s", max: "1h" })
      .prefault("5s")
      .describe("How late readings of one series usually are; the watermark stays this far behind."),
    idleTimeout: duration({ min: "1s", max: "7d" })
      .prefault("30s")
      .describe("A series silent for so long no longer holds the watermark back."),
    dedupeHorizon: duration({ min: "0s", max: "1d" })
      .prefault("10m")
      .describe("How far back in event time duplicates are recognised."),
    dedupeKeysMax: wholeNumber(0, 100_000_000)
      .prefault(1_000_000)
      .describe("Readings remembered to recognise duplicates."),
    heldReadingsMax: wholeNumber(0, 100_000_000)
      .prefault(1_000_000)
      .describe(
        "Readings ahead of the agent's clock that are kept until that is proven right or wrong; of one series no more than there is room for still. Beyond: rejected (future).",
      ),
    actionMaxAge: duration({ min: "10ms", max: "1h" })
      .prefault("5s")
      .describe("An older reading may raise an alarm but never acts."),
    clockFloor: moment().prefault("2024-01-01").describe("A reading before it is rejected (before_floor)."),
  });

/** agent.yaml as people write it. */
export const agentSchema = () =>
  z.strictObject({
    version: version(),
    agent: identifier().describe("This agent's name, unique at central."),
    site: identifier().describe("The site that it stands at."),
    data: filePath().prefault("./data").describe("Folder of its store; this agent's alone."),
    pipeline: filePath().prefault("./pipeline.yaml").describe("The pipeline file."),
    inputs: z
      .strictObject({
        broker: broker().optional().describe("Embedded MQTT broker that sensors publish to."),
        mqtt: mqtt().optional().describe("Client on a broker that the site already has."),
        http: httpInputSchema().optional().describe("HTTP: payloads by topic, and InfluxDB's line protocol."),
        files: z
          .array(tailedFileSchema())
          .prefault([])
          .describe("Files that grow: logs, CSV of a test bench."),
        host: hostInput().optional().describe("The gateway's own sensors."),
      })
      .describe("Where readings come from; at least one."),
    sparkplug: z
      .strictObject({
        hostId: takes(z.string().regex(/^[^+#/\0]{1,64}$/), "1 to 64 characters without +, # and /")
          .optional()
          .describe("Id of this host application, for nodes that wait for a primary host; default: `agent`."),
        reorderTimeout: duration({ min: "0s", max: "1m" })
          .prefault("2s")
          .describe(
            "How long a message that is missing may still come before its node is asked for its births.",
          ),
        rebirthInterval: duration({ min: "1s", max: "1h" })
          .prefault("10s")
          .describe("Least time between two such requests to one node; longer while it does not answer."),
        payloadBytesMax: bytes({ min: "1KiB", max: "16MiB" })
          .prefault("1MiB")
          .describe(
            "Greatest payload of Sparkplug taken, instead of `limits.payloadBytesMax`: births are large.",
          ),
      })
      .prefault({})
      .describe(
        "Sparkplug B, where the pipeline has metrics of it: on the broker of `inputs.broker` and that of `inputs.mqtt`.",
      ),
    uplink: z
      .strictObject({
        url: mqttUrl().optional().describe("Central's intake; instead of `kafka`."),
        kafka: kafkaUplinkSchema()
          .optional()
          .describe("Straight to a Kafka topic; instead of `url` and what belongs to it."),
        username: identifier().optional().describe("Identity at central; default: `agent`."),
        password: text().optional().describe("Its password."),
        passwordFile: passwordFile(),
        ca: filePath()
          .optional()
          .describe("Certificate (PEM) of the authority that signed central's; default: the system's."),
        cert: filePath()
          .optional()
          .describe("Certificate (PEM) that the agent shows, with `key`, where central wants one."),
        key: filePath().optional().describe("Its key (PEM)."),
        backfillBytesPerSecond: bytes({ min: "1KiB", max: "1GiB" })
          .prefault("1MB")
          .describe("Pace at which a backlog drains beside live data."),
        inFlightBatchesMax: wholeNumber(1, 4096)
          .prefault(128)
          .describe(
            "Batches sent and not yet acknowledged; those of a backlog do not count against alarms and live panes. Their bytes are bounded by what the link carries.",
          ),
      })
      .describe("The way to central."),
    outbox: z
      .strictObject({
        bytesMax: bytes({ min: "1MiB", max: "1TiB" })
          .prefault("1GiB")
          .describe(
            "Disk space for batches; beyond it the oldest backlog is made coarser first, and then given up, counted.",
          ),
        freeBytesMin: bytes({ min: "0", max: "1TiB" })
          .prefault("256MiB")
          .describe(
            "While less than this is free on the disk, the outbox takes no more of it, as at its cap.",
          ),
        retainAcked: duration({ min: "0s", max: "365d" })
          .prefault("24h")
          .describe("How long acknowledged batches are kept, for a central restored from a backup."),
      })
      .prefault({})
      .describe("What waits for central."),
    limits: limits().prefault({}).describe("Bounds; what is beyond them is counted by reason."),
    commit: z
      .strictObject({
        liveInterval: duration({ min: "20ms", max: "1m" })
          .prefault("250ms")
          .describe("How often open panes of live metrics are sent."),
        checkpointInterval: duration({ min: "100ms", max: "1m" })
          .prefault("1s")
          .describe("How often panes are checkpointed."),
        ackInterval: duration({ min: "3ms", max: "1s" })
          .prefault("30ms")
          .describe(
            "In a lasting stream of few readings, acknowledgements (QoS 1, HTTP) wait up to so long for company: flash wears.",
          ),
      })
      .prefault({})
      .describe("Rhythm of the durable commits."),
    recorder: z
      .strictObject({
        bytesMax: bytes({ min: "64KiB", max: "4GiB" })
          .prefault("16MiB")
          .describe("Memory for raw readings, 21 bytes each; beyond it the oldest go first."),
        before: duration({ min: "0s", max: "1h" })
          .prefault("10s")
          .describe("How much event time before an alarm is sent with it."),
        after: duration({ min: "0s", max: "10m" })
          .prefault("5s")
          .describe("How much after it; the recording is sealed when that has passed."),
        by: z
          .array(labelName())
          .min(1)
          .prefault(["site", "line", "machine"])
          .describe("Labels of a machine: series that agree in all of them are recorded together."),
      })
      .optional()
      .describe("Flight recorder: an alarm that is raised ships the raw readings around it, as evidence."),
    http: z
      .strictObject({
        host: host().prefault("127.0.0.1").describe("Address of health and metrics."),
        port: port().prefault(9464).describe("Port of health and metrics."),
        allowedHosts: allowedHosts(),
      })
      .prefault({})
      .describe("Health, status and Prometheus metrics."),
    log: z.strictObject({ level: logLevel() }).prefault({}).describe("What the agent writes about itself."),
  });

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
