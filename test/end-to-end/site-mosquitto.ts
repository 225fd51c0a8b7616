import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { connect } from "node:net";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

const PATHS = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];

/** A site's existing broker: a real Mosquitto that keeps sessions over an orderly restart. */
export class SiteMosquitto {
  static readonly program = PATHS.find((path) => existsSync(path));
  readonly port: number;
  readonly #configPath: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, configPath: string) {
    this.port = port;
    this.#configPath = configPath;
  }

  /** @param rights lines of its configuration that say who may do what; default: everybody everything. */
  static async start(
    works: Works,
    rights: readonly string[] = ["allow_anonymous true"],
  ): Promise<SiteMosquitto> {
    const port = await works.freePort();
    const data = works.path("mosquitto");
    mkdirSync(data);
    const config = [
      `listener ${port} 127.0.0.1`,
      ...rights,
      "user root",
      "persistence true",
      `persistence_location ${data}/`,
      "max_inflight_messages 1000",
      "max_queued_messages 0",
      "set_tcp_nodelay true",
      "log_type error",
      "",
    ];
    const broker = new SiteMosquitto(port, works.write("mosquitto.conf", config.join("\n")));
    works.atEnd(() => broker.stop());
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    const child = spawn(SiteMosquitto.program ?? "", ["-c", this.#configPath], { stdio: "ignore" });
    this.#child = child;
    await until("Mosquitto listens", () => listens(this.port));
  }

  /** In order: it writes its sessions, with what is queued for them, to disk. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** It writes nothing: what it had in memory only is gone. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
