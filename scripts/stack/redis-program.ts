import { spawnSync } from "node:child_process";
import { aptInstall } from "./apt-install.ts";
import { StackUnavailable } from "./stack-unavailable.ts";

/** Debian's `redis-tools` holds the server too, under its other name, and starts no service when it is installed. */
const PROGRAMS = ["redis-server", "redis-check-rdb"];
const PACKAGE = "redis-tools";

/** The program that is Redis when it is called `redis-server`; installed with apt where it is missing and this user may. */
export function redisProgram(): string {
  const found = findProgram() ?? (aptInstall(PACKAGE) ? findProgram() : undefined);
  if (found !== undefined) return found;
  throw new StackUnavailable(
    `redis-server is not on this machine, and cannot be installed from here (as root: apt install ${PACKAGE})`,
  );
}

function findProgram(): string | undefined {
  return PROGRAMS.find(
    (program) => spawnSync(program, ["--version"], { argv0: "redis-server" }).status === 0,
  );
}
