import { execFileSync } from "node:child_process";
import { createPrivateKey, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import { jarFolder } from "./jar-folder.ts";
import { ServerProcess } from "./server-process.ts";

export const KAFKA_VERSIONS = ["4.2.0", "3.9.2"] as const;
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number];

export interface KafkaServerOptions {
  /** Of the jars; shared by all servers of this machine. */
  readonly cacheFolder: string;
  /** Its log segments, configuration and output. */
  readonly dataFolder: string;
  readonly port: number;
  readonly controllerPort: number;
  /** Default: the first of `KAFKA_VERSIONS`. A data folder stays with the version that made it, or a later one. */
  readonly version?: KafkaVersion;
  /** A second listener, with TLS and a user who has to log in (SASL PLAIN, or SCRAM). */
  readonly guarded?: GuardedListener;
  /** Further lines of its properties. */
  readonly settings?: readonly string[];
}

export interface GuardedListener {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

/** After a kill it may come back once its own controller has given it up, which is 9 seconds later unless told. */
const QUICK_RETURN = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500";
const READY_MS_MAX = 2_000;

/** Apache Kafka, one broker that is its own controller (KRaft), on the loopback interface. */
export class KafkaServer extends ServerProcess {
  readonly #options: KafkaServerOptions;
  readonly #jars: string;
  readonly version: KafkaVersion;

  /** Fetches the jars where they are missing. Throws `StackUnavailable`. */
  constructor(options: KafkaServerOptions) {
    const { cacheFolder, dataFolder, port, version = KAFKA_VERSIONS[0] } = options;
    const jars = jarFolder({
      folder: join(cacheFolder, "kafka"),
      artifacts: [`org.apache.kafka:kafka_2.13:${version}`, `org.apache.kafka:kafka-tools:${version}`],
    });
    const properties = join(dataFolder, "kraft.properties");
    super({
      name: "Kafka",
      program: "java",
      args: ["-Xmx512m", "-Xms128m", "-cp", join(jars, "*"), "kafka.Kafka", properties],
      dataFolder,
      port,
      isReady: () => hasBroker(port),
    });
    this.#options = options;
    this.#jars = jars;
    this.version = version;
  }

  /** Resolves when its broker takes requests. What it held before is there again. */
  override async start(): Promise<void> {
    const { dataFolder } = this.#options;
    mkdirSync(dataFolder, { recursive: true });
    const properties = join(dataFolder, "kraft.properties");
    writeFileSync(properties, this.#properties());
    if (!existsSync(join(dataFolder, "log/meta.properties"))) this.#format(properties);
    await super.start();
  }

  #format(properties: string): void {
    const { dataFolder, guarded } = this.#options;
    const tool = ["-cp", join(this.#jars, "*"), "kafka.tools.StorageTool"];
    const format = ["format", "-t", clusterId(), "-c", properties, ...scramUsers(guarded)];
    execFileSync("java", [...tool, ...format], { cwd: dataFolder, stdio: ["ignore", "pipe", "pipe"] });
  }

  #properties(): string {
    const { dataFolder, port, controllerPort, guarded, settings = [] } = this.#options;
    const more = guarded === undefined ? "" : `,SASL_SSL://127.0.0.1:${guarded.port}`;
    return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${more}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${more}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(dataFolder, "log")}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
${QUICK_RETURN}
${guarded === undefined ? "" : guardedProperties(guarded)}${settings.map((line) => `${line}\n`).join("")}`;
  }
}

/** A UUID as Kafka writes it. Its tools take one that begins with "-" for an option. */
function clusterId(): string {
  return Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url").replace(/^-/, "A");
}

const SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

function scramUsers(guarded: GuardedListener | undefined): string[] {
  if (guarded === undefined) return [];
  const { username, password } = guarded;
  return SCRAM.flatMap((mechanism) => ["-S", `${mechanism}=[name=${username},password=${password}]`]);
}

function guardedProperties({ username, password, certificate, key }: GuardedListener): string {
  const inOneLine = (pem: string) => pem.trim().replaceAll("\n", "\\n");
  // Java reads no other form of a key.
  const pkcs8 = createPrivateKey(key).export({ type: "pkcs8", format: "pem" }).toString();
  const login = "org.apache.kafka.common.security";
  const scram = SCRAM.map(
    (mechanism) =>
      `listener.name.sasl_ssl.${mechanism.toLowerCase()}.sasl.jaas.config=${login}.scram.ScramLoginModule required;\n`,
  );
  return `listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN,${SCRAM.join(",")}
listener.name.sasl_ssl.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required user_${username}="${password}";
${scram.join("")}ssl.keystore.type=PEM
ssl.keystore.certificate.chain=${inOneLine(certificate)}
ssl.keystore.key=${inOneLine(pkcs8)}
`;
}

/** A broker whose port is open may still be on its way into the cluster: it is there when the cluster names it. */
async function hasBroker(port: number): Promise<boolean> {
  const admin = new Admin({
    clientId: "millrace-stack",
    bootstrapBrokers: [`127.0.0.1:${port}`],
    timeout: READY_MS_MAX,
    connectTimeout: READY_MS_MAX,
    retries: 0,
  });
  admin.on("error", () => undefined);
  try {
    const { brokers } = await admin.metadata({ topics: [], forceUpdate: true, retries: 0 });
    return brokers.size > 0;
  } finally {
    await admin.close().catch(() => undefined);
  }
}
