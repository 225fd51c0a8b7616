import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { redisProgram } from "./redis-program.ts";
import { ServerProcess } from "./server-process.ts";

export interface RedisServerOptions {
  /** Its append-only file, configuration and output. */
  readonly dataFolder: string;
  readonly port: number;
  /** What it held is there again after a stop or `kill -9`; without, it comes back empty. */
  readonly isPersistent: boolean;
  /** Further lines of redis.conf. */
  readonly settings?: readonly string[];
}

/** Redis on the loopback interface. */
export class RedisServer extends ServerProcess {
  readonly #options: RedisServerOptions;
  readonly version: string;

  /** Installs it where it is missing and can be. Throws `StackUnavailable`. */
  constructor(options: RedisServerOptions) {
    const program = redisProgram();
    super({
      name: "Redis",
      program,
      argv0: "redis-server",
      args: [join(options.dataFolder, "redis.conf")],
      dataFolder: options.dataFolder,
      port: options.port,
      isReady: () => answersPing(options.port),
    });
    const said = spawnSync(program, ["--version"], { argv0: "redis-server", encoding: "utf8" }).stdout;
    this.version = /v=(\S+)/.exec(said)?.[1] ?? "unknown";
    this.#options = options;
  }

  override async start(): Promise<void> {
    const { dataFolder, port, isPersistent, settings = [] } = this.#options;
    mkdirSync(dataFolder, { recursive: true });
    const lines = [
      "bind 127.0.0.1",
      `port ${port}`,
      `dir ${JSON.stringify(dataFolder)}`,
      'save ""',
      `appendonly ${isPersistent ? "yes" : "no"}`,
      ...settings,
    ];
    writeFileSync(join(dataFolder, "redis.conf"), `${lines.join("\n")}\n`);
    await super.start();
  }
}

const PING_MS_MAX = 1_000;

/** Not while it still loads what it holds. A refusal without a login is an answer. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.setTimeout(PING_MS_MAX, () => end(false));
    socket.once("error", () => end(false));
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (bytes) => end(!bytes.toString().startsWith("-LOADING")));
  });
}
