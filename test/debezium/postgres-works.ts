import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "@millrace/testkit";

/** A real PostgreSQL, made for one test file, that writes its log for logical decoding. */
export class PostgresWorks {
  readonly port: number;
  readonly #folder: string;
  readonly #programs: string;

  private constructor(folder: string, programs: string, port: number) {
    this.#folder = folder;
    this.#programs = programs;
    this.port = port;
  }

  /** Undefined where its programs, or a user whom it runs under, are not on this machine. */
  static async start(): Promise<PostgresWorks | undefined> {
    const [initdb] = globSync("/usr/lib/postgresql/*/bin/initdb").sort().reverse();
    const user = serverUser();
    if (initdb === undefined || user === undefined) return undefined;
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "millrace-postgres-"));
    chmodSync(folder, 0o700);
    if ("uid" in user) chownSync(folder, user.uid, user.gid);
    const works = new PostgresWorks(folder, dirname(initdb), port);
    works.#run("initdb", [
      "-D",
      works.#data,
      "-A",
      "trust",
      "-U",
      "postgres",
      "-E",
      "UTF8",
      "--locale=C",
      "-N",
    ]);
    const options = `-p ${port} -k ${folder} -c wal_level=logical -c fsync=off -c listen_addresses=127.0.0.1`;
    works.#run("pg_ctl", ["-D", works.#data, "-o", options, "-l", join(folder, "log"), "-w", "start"]);
    return works;
  }

  /** What the statements say, without heads: a line a row, its columns with tabs between them. */
  sql(statements: string, database = "postgres"): string[][] {
    const connection = ["-h", "127.0.0.1", "-p", String(this.port), "-U", "postgres", "-d", database];
    const said = execFileSync(
      join(this.#programs, "psql"),
      ["-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", ...connection],
      { input: statements, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] },
    );
    return said
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  }

  end(): void {
    this.#run("pg_ctl", ["-D", this.#data, "-m", "immediate", "-w", "stop"]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  #run(program: string, args: readonly string[]): void {
    execFileSync(join(this.#programs, program), args, {
      cwd: this.#folder,
      stdio: "ignore",
      ...serverUser(),
    });
  }
}

/** It refuses to run as root. Undefined: there is nobody else. */
function serverUser(): { readonly uid: number; readonly gid: number } | Record<string, never> | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const idOf = (flag: string) =>
      Number(execFileSync("id", [flag, "postgres"], { stdio: ["ignore", "pipe", "ignore"] }));
    return { uid: idOf("-u"), gid: idOf("-g") };
  } catch {
    return undefined;
  }
}
