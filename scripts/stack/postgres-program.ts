import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { aptInstall } from "./apt-install.ts";
import { StackUnavailable } from "./stack-unavailable.ts";

/** Where Debian keeps the servers of each version: none of them is on the path. */
const VERSIONS = "/usr/lib/postgresql";

/** The folder of `postgres` and `initdb`, the newest there is; installed with apt where it is missing and this user may. */
export function postgresFolder(): string {
  const folder = findFolder() ?? (aptInstall("postgresql") ? findFolder() : undefined);
  if (folder !== undefined) return folder;
  throw new StackUnavailable(
    "PostgreSQL is not on this machine, and cannot be installed from here (as root: apt install postgresql)",
  );
}

function findFolder(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  return readdirSync(VERSIONS)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(VERSIONS, version, "bin"))
    .find((folder) => spawnSync(join(folder, "postgres"), ["--version"]).status === 0);
}
