import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { postgresFolder } from "./postgres-program.ts";
import { ServerProcess } from "./server-process.ts";

export interface PostgresServerOptions {
  /** Its cluster and output. */
  readonly dataFolder: string;
  readonly port: number;
  /** Further settings, as `wal_level=logical`. */
  readonly settings?: readonly string[];
}

const USER = "postgres";
/** Debian's user of the server, which root may not be. */
const SYSTEM_USER = "postgres";

/** PostgreSQL on the loopback interface, its user `postgres` without a password. */
export class PostgresServer extends ServerProcess {
  readonly #folder: string;
  readonly #bin: string;
  readonly port: number;

  /** Installs it where it is missing and can be. Throws `StackUnavailable`. */
  constructor({ dataFolder, port, settings = [] }: PostgresServerOptions) {
    const bin = postgresFolder();
    const cluster = join(dataFolder, "cluster");
    const postgres = [join(bin, "postgres"), "-D", cluster, "-p", `${port}`, "-h", "127.0.0.1", "-k", ""];
    const [program, ...args] = asServerUser([...postgres, ...settings.flatMap((each) => ["-c", each])]);
    super({ name: "PostgreSQL", program, args, dataFolder, port, isReady: () => answers(port) });
    this.#folder = dataFolder;
    this.#bin = bin;
    this.port = port;
  }

  override async start(): Promise<void> {
    const cluster = join(this.#folder, "cluster");
    if (!existsSync(cluster)) {
      mkdirSync(cluster, { recursive: true });
      giveToServer(cluster);
      const init = [join(this.#bin, "initdb"), "-D", cluster, "-U", USER, "-A", "trust", "-E", "UTF8"];
      const [program, ...args] = asServerUser([...init, "--locale=C", "--no-sync"]);
      const { status, stderr } = spawnSync(program, args, { cwd: "/", encoding: "utf8" });
      if (status !== 0) throw new Error(`initdb fails:\n${stderr}`);
    }
    await super.start();
  }

  url(database: string): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/${database}`;
  }
}

async function answers(port: number): Promise<boolean> {
  const client = new Client({ host: "127.0.0.1", port, user: USER, database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  await client.end();
  return true;
}

/** `setpriv` becomes the program, so that a signal to it is one to the server. */
function asServerUser(command: readonly string[]): [program: string, ...args: string[]] {
  const [program, ...args] = command;
  if (process.getuid?.() !== 0) return [program, ...args];
  return ["setpriv", `--reuid=${SYSTEM_USER}`, `--regid=${SYSTEM_USER}`, "--init-groups", program, ...args];
}

function giveToServer(folder: string): void {
  if (process.getuid?.() !== 0) return;
  const idOf = (flag: string): number =>
    Number(spawnSync("id", [flag, SYSTEM_USER], { encoding: "utf8" }).stdout);
  chownSync(folder, idOf("-u"), idOf("-g"));
}
