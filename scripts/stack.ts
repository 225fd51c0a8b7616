// `npm run stack -- up|down|status [kafka] [redis]`: real servers on this machine, from the package registries, for trying and testing.
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { KAFKA_VERSIONS, KafkaServer, type KafkaVersion } from "./stack/kafka-server.ts";
import { RedisServer } from "./stack/redis-server.ts";
import { forgetRunning, recordRunning, type RunningServer, runningServer } from "./stack/running-server.ts";

const USAGE = `npm run stack -- up|down|status [kafka] [redis] [flags]

Real servers from the package registries, on the loopback interface; what they hold is kept over down and up.
Without a name: all of them.
  up        fetches what is missing (kafka: with Maven and Java, which must be there; redis: with apt, as root),
            starts it, waits until it serves, prints where it is
  down      stops in order what up has started, and nothing else
  status    says what runs

  --kafka-port N      default 19092; N + 1 is its controller's
  --kafka-version V   ${KAFKA_VERSIONS.join(" or ")}, default ${KAFKA_VERSIONS[0]}; each has data of its own
  --redis-port N      default 16379
  --folder FOLDER     default .cache/stack, which git does not see`;

const SERVERS = ["kafka", "redis"] as const;
type ServerName = (typeof SERVERS)[number];
const STOP_MS_MAX = 60_000;
const PROGRESS_MS = 2_000;

interface StackOptions {
  readonly folder: string;
  readonly kafkaPort: number;
  readonly kafkaVersion: KafkaVersion;
  readonly redisPort: number;
}

class Stack {
  readonly #options: StackOptions;

  constructor(options: StackOptions) {
    this.#options = options;
  }

  async up(name: ServerName): Promise<void> {
    const running = this.#running(name);
    if (running !== undefined)
      return say(`${name} ${running.version} runs already at ${running.address}, process ${running.pid}`);
    say(`${name}: fetching what is missing, starting`);
    const data = this.#dataOf(name, this.#options.kafkaVersion);
    mkdirSync(data, { recursive: true });
    const server = this.#server(name, data);
    const startedMs = performance.now();
    const progress = setInterval(
      () => say(`${name}: waiting until it serves, ${Math.round((performance.now() - startedMs) / 1000)} s`),
      PROGRESS_MS,
    );
    await server.start().finally(() => clearInterval(progress));
    server.detach();
    const { pid, address, version, logPath } = server;
    if (pid === undefined) throw new Error(`${name} has ended`);
    recordRunning(data, { pid, address, version });
    say(`${name} ${version} is up at ${address}, process ${pid}; its log: ${logPath}`);
  }

  async down(name: ServerName): Promise<void> {
    const running = this.#running(name);
    if (running === undefined) return say(`${name} does not run`);
    process.kill(running.pid, "SIGTERM");
    const deadlineMs = performance.now() + STOP_MS_MAX;
    while (runningServer(running.data) !== undefined) {
      if (performance.now() > deadlineMs) throw new Error(`${name}, process ${running.pid}, does not stop`);
      await new Promise<void>((wake) => setTimeout(wake, 100));
    }
    forgetRunning(running.data);
    say(`${name} is down`);
  }

  status(name: ServerName): void {
    const running = this.#running(name);
    say(
      running === undefined
        ? `${name} does not run`
        : `${name} ${running.version} runs at ${running.address}, process ${running.pid}`,
    );
  }

  #server(name: ServerName, dataFolder: string): KafkaServer | RedisServer {
    const { folder, kafkaPort, kafkaVersion, redisPort } = this.#options;
    switch (name) {
      case "kafka":
        return new KafkaServer({
          cacheFolder: folder,
          dataFolder,
          port: kafkaPort,
          controllerPort: kafkaPort + 1,
          version: kafkaVersion,
        });
      case "redis":
        return new RedisServer({ dataFolder, port: redisPort, isPersistent: true });
    }
  }

  /** Whatever version of it runs. */
  #running(name: ServerName): (RunningServer & { readonly data: string }) | undefined {
    for (const version of KAFKA_VERSIONS) {
      const data = this.#dataOf(name, version);
      const running = runningServer(data);
      if (running !== undefined) return { ...running, data };
    }
    return undefined;
  }

  /** A newer Kafka's data is not for an older one. */
  #dataOf(name: ServerName, version: KafkaVersion): string {
    const isOther = name === "kafka" && version !== KAFKA_VERSIONS[0];
    return join(this.#options.folder, name, isOther ? `data-${version}` : "data");
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function portOf(flag: string, text: string, max: number): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > max) throw new TypeError(`${flag} is no port`);
  return port;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      "kafka-port": { type: "string", default: "19092" },
      "kafka-version": { type: "string", default: KAFKA_VERSIONS[0] },
      "redis-port": { type: "string", default: "16379" },
      folder: { type: "string", default: join(import.meta.dirname, "../.cache/stack") },
      help: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const [verb, ...named] = positionals;
  const unknown = named.find((name) => !SERVERS.some((server) => server === name));
  if (unknown !== undefined)
    throw new TypeError(`there is no server ${unknown}; there is ${SERVERS.join(", ")}`);
  const kafkaVersion = KAFKA_VERSIONS.find((version) => version === values["kafka-version"]);
  if (kafkaVersion === undefined)
    throw new TypeError(`--kafka-version is none of ${KAFKA_VERSIONS.join(", ")}`);
  const stack = new Stack({
    folder: resolve(values.folder),
    kafkaPort: portOf("--kafka-port", values["kafka-port"], 65_534),
    kafkaVersion,
    redisPort: portOf("--redis-port", values["redis-port"], 65_535),
  });
  for (const name of SERVERS.filter((server) => named.length === 0 || named.includes(server))) {
    if (verb === "up") await stack.up(name);
    else if (verb === "down") await stack.down(name);
    else if (verb === "status") stack.status(name);
    else throw new TypeError(verb === undefined ? "up, down or status is missing" : `${verb} is no command`);
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof TypeError;
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\n${isUsage ? `\n${USAGE}\n` : ""}`,
  );
  process.exitCode = isUsage ? 2 : 1;
}
