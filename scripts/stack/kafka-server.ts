import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { poll } from "../start/poll.ts";
import { jarFolder } from "./jar-folder.ts";

const VERSION = "4.2.0";
const START_MS_MAX = 60_000;

export interface KafkaServerOptions {
  /** Of the jars; shared by all servers of this machine. */
  readonly cacheFolder: string;
  /** Its log segments, configuration and output. */
  readonly dataFolder: string;
  readonly port: number;
  readonly controllerPort: number;
  /** A second listener, with TLS and a user who has to log in (SASL PLAIN). */
  readonly guarded?: GuardedListener;
}

export interface GuardedListener {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

/** Apache Kafka, one broker that is its own controller (KRaft), on the loopback interface. */
export class KafkaServer {
  readonly #options: KafkaServerOptions;
  readonly #jars: string;
  #child: ChildProcess | undefined;

  /** Fetches the jars where they are missing. Throws `StackUnavailable`. */
  constructor(options: KafkaServerOptions) {
    this.#options = options;
    this.#jars = jarFolder({
      folder: join(options.cacheFolder, "kafka"),
      artifacts: [`org.apache.kafka:kafka_2.13:${VERSION}`, `org.apache.kafka:kafka-tools:${VERSION}`],
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#options.port}`;
  }

  get logPath(): string {
    return join(this.#options.dataFolder, "server.log");
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it takes connections. What it held before is there again. */
  async start(): Promise<void> {
    const { dataFolder, port } = this.#options;
    mkdirSync(dataFolder, { recursive: true });
    const properties = join(dataFolder, "kraft.properties");
    writeFileSync(properties, this.#properties());
    if (!existsSync(join(dataFolder, "log/meta.properties"))) this.#format(properties);
    const log = openSync(this.logPath, "a");
    const child = spawn(
      "java",
      ["-Xmx512m", "-Xms128m", "-cp", join(this.#jars, "*"), "kafka.Kafka", properties],
      { cwd: dataFolder, stdio: ["ignore", log, log], detached: true },
    );
    closeSync(log);
    this.#child = child;
    const isDone = async () => child.exitCode !== null || (await takesConnections(port)) || undefined;
    const signal = new AbortController().signal;
    const isUp = await poll(isDone, { everyMs: 100, limitMs: START_MS_MAX, signal });
    if (isUp === undefined || child.exitCode !== null) {
      await this.kill();
      throw new Error(`Kafka does not start:\n${readFileSync(this.logPath, "utf8").slice(-2_000)}`);
    }
  }

  /** In order; resolves when it is gone. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** It outlives this process. */
  detach(): void {
    this.#child?.unref();
  }

  #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  }

  #format(properties: string): void {
    const tool = (...args: readonly string[]) =>
      execFileSync("java", ["-cp", join(this.#jars, "*"), "kafka.tools.StorageTool", ...args], {
        cwd: this.#options.dataFolder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    const id = tool("random-uuid").trim().split("\n").at(-1) ?? "";
    tool("format", "-t", id, "-c", properties);
  }

  #properties(): string {
    const { dataFolder, port, controllerPort, guarded } = this.#options;
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
${guarded === undefined ? "" : guardedProperties(guarded)}`;
  }
}

function guardedProperties({ username, password, certificate, key }: GuardedListener): string {
  const inOneLine = (pem: string) => pem.trim().replaceAll("\n", "\\n");
  // Java reads no other form of a key.
  const pkcs8 = createPrivateKey(key).export({ type: "pkcs8", format: "pem" }).toString();
  return `listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";
ssl.keystore.type=PEM
ssl.keystore.certificate.chain=${inOneLine(certificate)}
ssl.keystore.key=${inOneLine(pkcs8)}
`;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
