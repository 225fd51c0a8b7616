// `npm run stack -- up|down|status [kafka]`: real servers on this machine, from the package registries, for trying and testing.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { KafkaServer } from "./stack/kafka-server.ts";

const USAGE = `npm run stack -- up|down|status [kafka] [--kafka-port N] [--folder FOLDER]

Real servers from the package registries, on the loopback interface; what they hold is kept over down and up.
  up        fetches what is missing (Java and Maven must be there), starts it, prints where it is
  down      stops it in order
  status    says what runs

  --kafka-port N   default 19092; N + 1 is its controller's
  --folder FOLDER  default .cache/stack, which git does not see`;

const SERVERS: readonly string[] = ["kafka"];
const STOP_MS_MAX = 30_000;

interface Running {
  readonly pid: number;
  readonly address: string;
}

class Stack {
  readonly #folder: string;
  readonly #port: number;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  async up(): Promise<void> {
    const running = this.#running();
    if (running !== undefined)
      return this.#say(`kafka runs already at ${running.address}, process ${running.pid}`);
    const server = new KafkaServer({
      cacheFolder: this.#folder,
      dataFolder: this.#data,
      port: this.#port,
      controllerPort: this.#port + 1,
    });
    await server.start();
    server.detach();
    mkdirSync(this.#data, { recursive: true });
    writeFileSync(this.#pidPath, JSON.stringify({ pid: server.pid, address: server.address }));
    this.#say(`kafka is up at ${server.address}, process ${server.pid}; its log: ${server.logPath}`);
  }

  async down(): Promise<void> {
    const running = this.#running();
    if (running === undefined) return this.#say("kafka does not run");
    process.kill(running.pid, "SIGTERM");
    const deadlineMs = performance.now() + STOP_MS_MAX;
    while (this.#running() !== undefined && performance.now() < deadlineMs)
      await new Promise<void>((wake) => setTimeout(wake, 100));
    if (this.#running() !== undefined) throw new Error(`kafka, process ${running.pid}, does not stop`);
    rmSync(this.#pidPath, { force: true });
    this.#say("kafka is down");
  }

  status(): void {
    const running = this.#running();
    this.#say(
      running === undefined
        ? "kafka does not run"
        : `kafka runs at ${running.address}, process ${running.pid}`,
    );
  }

  get #data(): string {
    return join(this.#folder, "kafka/data");
  }

  get #pidPath(): string {
    return join(this.#data, "running.json");
  }

  /** A process of another program may have its number by now: its command line tells. */
  #running(): Running | undefined {
    if (!existsSync(this.#pidPath)) return undefined;
    const running: Running = JSON.parse(readFileSync(this.#pidPath, "utf8"));
    try {
      process.kill(running.pid, 0);
      const commandLine = readFileSync(`/proc/${running.pid}/cmdline`, "utf8");
      return commandLine.includes(this.#data) ? running : undefined;
    } catch {
      return undefined;
    }
  }

  #say(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      "kafka-port": { type: "string", default: "19092" },
      folder: { type: "string", default: join(import.meta.dirname, "../.cache/stack") },
      help: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const [verb, ...servers] = positionals;
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const unknown = servers.find((server) => !SERVERS.includes(server));
  if (unknown !== undefined)
    throw new TypeError(`there is no server ${unknown}; there is ${SERVERS.join(", ")}`);
  const port = Number(values["kafka-port"]);
  if (!Number.isInteger(port) || port < 1 || port > 65_534) throw new TypeError("--kafka-port is no port");
  const stack = new Stack(resolve(values.folder), port);
  switch (verb) {
    case "up":
      await stack.up();
      return 0;
    case "down":
      await stack.down();
      return 0;
    case "status":
      stack.status();
      return 0;
    default:
      throw new TypeError(verb === undefined ? "up, down or status is missing" : `${verb} is no command`);
  }
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
