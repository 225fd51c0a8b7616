import { spawnSync } from "node:child_process";
import { StackUnavailable } from "./stack-unavailable.ts";

/** Debian's `redis-tools` holds the server too, under its other name, and starts no service when it is installed. */
const PROGRAMS = ["redis-server", "redis-check-rdb"];
const PACKAGE = "redis-tools";
const INSTALL_MS_MAX = 300_000;

/** The program that is Redis when it is called `redis-server`; installed with apt where it is missing and this user may. */
export function redisProgram(): string {
  const found = findProgram();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && spawnSync("apt-get", ["--version"]).status === 0) {
    install();
    const installed = findProgram();
    if (installed !== undefined) return installed;
  }
  throw new StackUnavailable(
    `redis-server is not on this machine, and cannot be installed from here (as root: apt install ${PACKAGE})`,
  );
}

function findProgram(): string | undefined {
  return PROGRAMS.find(
    (program) => spawnSync(program, ["--version"], { argv0: "redis-server" }).status === 0,
  );
}

function install(): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    spawnSync("apt-get", args, { env, stdio: "ignore", timeout: INSTALL_MS_MAX }).status === 0;
  const isInstalled = () => apt("install", "-y", "--no-install-recommends", PACKAGE);
  if (!isInstalled() && apt("update")) isInstalled();
}
