import { systemClock, systemRandom, type CommandInput, type Flags, type Logger } from "@millrace/runtime";
import { isChangedTable } from "../business/debezium/changed-table.ts";
import { FileReceiver } from "../business/live/file-receiver.ts";
import { HttpReceiver } from "../business/live/http-receiver.ts";
import { KafkaReceiver } from "../business/live/kafka-receiver.ts";
import { MqttReceiver } from "../business/live/mqtt-receiver.ts";
import type { PostgresReceiverOptions } from "../business/live/postgres-receiver.ts";
import type { RecordReceiver } from "../business/live/record-receiver.ts";
import type { BusinessPlan } from "../business/plan/business-plan.ts";
import { recordStreams } from "../business/plan/record-streams.ts";
import { recordTable } from "../business/postgres/record-table.ts";
import { RecordFiles } from "../business/record-files.ts";
import type { RecordStreamName } from "../business/business-record.ts";
import { type Login, readSecret } from "../publish/login.ts";
import { ReceiverWatch } from "../publish/receiver-watch.ts";
import { kafkaConnection } from "./kafka-connection.ts";
import { passwordLogin } from "./password-login.ts";
import { textOfFile } from "./text-of-file.ts";
import { tokenLogin } from "./token-login.ts";
import { wrongUsage } from "./wrong-usage.ts";

/** Where a plan's records go, live: one of `RECEIVERS`. */
export const RECEIVER_FLAGS = {
  into: {
    type: "text",
    placeholder: "FOLDER",
    summary: "the plan's records go into files, JSON lines, one for each stream",
  },
  http: {
    type: "text",
    placeholder: "URL",
    summary: "they are posted to URL/<stream>, JSON lines; of a central http://HOST:PORT/api/v1/records",
  },
  "http-token-file": {
    type: "text",
    placeholder: "FILE",
    summary: "holds the token that they are posted with; without: MILLRACE_TOKEN",
  },
  "http-user": { type: "text", summary: "name at --http, with a password instead of a token" },
  "http-password-file": { type: "text", placeholder: "FILE", summary: "holds the password" },
  kafka: {
    type: "text",
    placeholder: "HOST:PORT,…",
    summary: "they go to these brokers, a topic for each stream",
  },
  mqtt: {
    type: "text",
    placeholder: "URL",
    summary: "they are published to this broker at QoS 1, a topic for each stream; like mqtt://HOST:PORT",
  },
  "mqtt-user": { type: "text", summary: "name at --mqtt" },
  "mqtt-password-file": { type: "text", placeholder: "FILE", summary: "holds the password" },
  postgres: {
    type: "text",
    placeholder: "URL",
    summary: "they are rows of this database, a table for each stream, like postgres://user@HOST:PORT/shop",
  },
  streams: {
    type: "text",
    placeholder: "NAME,…",
    summary: "only these streams' records are sent, like orders; without: all that the plan makes",
  },
  "topic-prefix": { type: "text", summary: "of the records' topics", default: "" },
  "kafka-tls": { type: "switch", summary: "the brokers' connections are encrypted" },
  "kafka-ca": { type: "text", placeholder: "FILE", summary: "PEM of the authority, instead of the system's" },
  "kafka-cert": { type: "text", placeholder: "FILE", summary: "PEM of the simulator's own certificate" },
  "kafka-key": { type: "text", placeholder: "FILE", summary: "PEM of its key" },
  "kafka-user": { type: "text", summary: "name at the brokers (SASL)" },
  "kafka-password-file": { type: "text", placeholder: "FILE", summary: "holds the password" },
  "kafka-sasl": {
    type: "text",
    placeholder: "MECHANISM",
    summary: "SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
    default: "SCRAM-SHA-512",
  },
  "postgres-password-file": {
    type: "text",
    placeholder: "FILE",
    summary: "holds the password; without: PGPASSWORD, or the user's password file",
  },
  "postgres-tls": { type: "switch", summary: "the database's connection is encrypted" },
  "postgres-ca": {
    type: "text",
    placeholder: "FILE",
    summary: "PEM of the authority, instead of the system's",
  },
} as const satisfies Flags;

/** Of which a run names one. */
export const RECEIVERS = ["into", "http", "kafka", "mqtt", "postgres"] as const;

export interface OpenReceiverOptions {
  readonly business: BusinessPlan;
  readonly streams: readonly RecordStreamName[];
  /** The run's plan, seed and start in a few letters. */
  readonly run: string;
  /** The run was begun by an earlier process. */
  readonly isResumed: boolean;
  readonly log: Logger;
}

/** Throws wrong_usage where none is named, or more than one, or what is named cannot be. */
export async function openReceiver(
  input: CommandInput,
  { business, streams, run, isResumed, log }: OpenReceiverOptions,
): Promise<RecordReceiver> {
  const { flags } = input;
  const ways = RECEIVERS.filter((flag) => flags.text(flag) !== undefined);
  if (ways.length !== 1)
    throw wrongUsage(
      input.name,
      "the plan makes records: say where they go by one of --kafka HOST:PORT, --http URL, --mqtt URL, --postgres URL and --into FOLDER",
    );
  const [http, kafka, into] = [flags.text("http"), flags.text("kafka"), flags.text("into")];
  const watchOf = (receiver: string): ReceiverWatch =>
    new ReceiverWatch({ receiver, clock: systemClock, log });
  if (into !== undefined)
    return new FileReceiver(new RecordFiles(into, { hasKeys: business.debezium !== null, isResumed }));
  if (http !== undefined) {
    if (!/^https?:\/\/[^\s]+$/.test(http))
      throw wrongUsage(input.name, `--http ${http} is not http://HOST:PORT/PATH`);
    const world = { clock: systemClock, random: systemRandom };
    return new HttpReceiver({ url: http, login: httpLogin(input), ...world, watch: watchOf(http) });
  }
  const prefix = flags.text("topic-prefix") ?? "";
  const topicOf = (stream: RecordStreamName): string => prefix + topicName(business, stream);
  const mqtt = flags.text("mqtt");
  if (mqtt !== undefined) {
    if (!/^mqtts?:\/\/[^\s/]+$/.test(mqtt))
      throw wrongUsage(input.name, `--mqtt ${mqtt} is not mqtt://HOST:PORT`);
    const world = { clock: systemClock, random: systemRandom };
    const login = passwordLogin(input, "mqtt");
    return new MqttReceiver({ broker: mqtt, login, topicOf, ...world, watch: watchOf(mqtt) });
  }
  const postgres = flags.text("postgres");
  if (postgres !== undefined) {
    const connection = toPostgresConnection(input, postgres);
    const { delivery } = business;
    if (delivery !== null && (delivery.duplicates.probability > 0 || delivery.malformed.probability > 0))
      throw wrongUsage(
        input.name,
        "--postgres: a table takes each row once, and whole; leave out delivery.duplicates and delivery.malformed",
      );
    const { PostgresReceiver } = await import("../business/live/postgres-receiver.ts");
    return new PostgresReceiver({
      connection,
      tables: new Map(streams.map((stream) => [stream, recordTable(business, stream)])),
      run,
      isResumed,
      clock: systemClock,
      random: systemRandom,
      watch: watchOf("PostgreSQL"),
    });
  }
  const brokers = (kafka ?? "").split(",");
  for (const broker of brokers)
    if (!/^[^\s:]+:\d{1,5}$/.test(broker))
      throw wrongUsage(input.name, `--kafka: ${broker} is not HOST:PORT`);
  const connection = kafkaConnection(input, brokers);
  const { PlatformaticClient } = await import("@millrace/kafka");
  return new KafkaReceiver({
    producer: (options) => new PlatformaticClient(connection).bulkProducer(options),
    streams,
    topicOf,
    watch: watchOf("Kafka"),
  });
}

function httpLogin(input: CommandInput): Login | null {
  const named = passwordLogin(input, "http");
  const tokenFile = input.flags.text("http-token-file");
  if (tokenFile !== undefined && named !== null)
    throw wrongUsage(input.name, "--http-token-file and --http-user: name one of the two");
  return named ?? tokenLogin(tokenFile);
}

/** Null: all. */
export function chosenStreams(
  input: CommandInput,
  business: BusinessPlan,
): readonly RecordStreamName[] | null {
  const given = input.flags.text("streams");
  if (given === undefined) return null;
  const made = recordStreams(business);
  return given.split(",").map((name) => {
    const stream = made.find((each) => each === name);
    if (stream === undefined)
      throw wrongUsage(input.name, `--streams: the plan makes ${made.join(", ")}, not ${name}`);
    return stream;
  });
}

function toPostgresConnection(input: CommandInput, text: string): PostgresReceiverOptions["connection"] {
  const { flags } = input;
  const url = /^postgres(ql)?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  const [, database, ...rest] = url?.pathname.split("/") ?? [];
  if (url === null || !database || rest.length > 0 || url.search !== "" || url.password !== "")
    throw wrongUsage(
      input.name,
      "--postgres is not postgres://USER@HOST:PORT/DATABASE; the password is in --postgres-password-file",
    );
  const ca = textOfFile(flags.text("postgres-ca"));
  const passwordFile = flags.text("postgres-password-file");
  const isEncrypted = flags.isOn("postgres-tls") || ca !== null;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(url.username === "" ? {} : { user: decodeURIComponent(url.username) }),
    ...(passwordFile === undefined ? {} : { password: readSecret(passwordFile) }),
    database: decodeURIComponent(database),
    ssl: isEncrypted ? (ca === null ? {} : { ca }) : false,
  };
}

/** Change events come on the topics that Debezium would choose. */
function topicName({ debezium }: BusinessPlan, stream: RecordStreamName): string {
  return debezium !== null && isChangedTable(stream) ? `${debezium.name}.public.${stream}` : stream;
}
