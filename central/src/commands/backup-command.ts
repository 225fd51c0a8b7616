import { existsSync, realpathSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { loadCentralConfig } from "@millrace/config";
import { LevelStore } from "@millrace/queue";
import { isWithin, MillraceError, reasonOf, systemClock } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { checkBackup } from "../backup/restored-store.ts";
import type { CheckedBackup } from "../backup/restored-store.ts";
import { storeBackup } from "../backup/store-backup.ts";
import { CENTRAL_STORE_FORMAT } from "../state/central-state.ts";
import { ApiClient } from "./api-client.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

export const BACKUP_COMMAND: Command = {
  summary: "write a backup of central's store to a file, while central runs or while it does not",
  details:
    "The backup is the store at one moment, between two commits; it is read back and checked before FILE is there. Configuration, pipeline and certificates are not in it.",
  words: ["FILE"],
  flags: { config: CONFIG_FLAG },
  async run({ flags, output, words: [file = ""] }) {
    const { config } = loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true });
    const path = resolve(file);
    if (existsSync(path))
      throw new MillraceError("file_in_the_way", { path, advice: "name another file, or remove it" });
    const folder = dirname(path);
    if (!existsSync(folder)) throw new MillraceError("backup_folder_missing", { path, folder });
    if (isIn(folder, config.dataFolder))
      throw new MillraceError("backup_in_data_folder", { path, folder: config.dataFolder });
    const running = await new ApiClient(config).stream("/api/v1/backup");
    const { head, tail } =
      running === null
        ? await writeFromFolder(join(config.dataFolder, "store"), path)
        : await write(running, path);
    const lacks = tail.damaged === 0 ? "" : `; ${tail.damaged} values were damaged and are not in it`;
    output.out(`${path}: ${tail.entries} entries of ${new Date(head.atMs).toISOString()}${lacks}\n`);
  },
};

/** By whatever name either is known. */
function isIn(folder: string, dataFolder: string): boolean {
  return existsSync(dataFolder) && isWithin(realpathSync(folder), realpathSync(dataFolder));
}

/** Of a central that does not run. */
async function writeFromFolder(storePath: string, path: string): Promise<CheckedBackup> {
  if (!existsSync(join(storePath, "CURRENT")))
    throw new MillraceError("backup_failed", { path, reason: `there is no store in ${storePath}` });
  const options = {
    path: storePath,
    kind: "central",
    version: CENTRAL_STORE_FORMAT,
    pid: process.pid,
  } as const;
  const store = await LevelStore.open(options);
  try {
    return await write(storeBackup(store, systemClock.nowMs()), path);
  } finally {
    await store.close();
  }
}

/** Written beside, checked, durable, and only then there. */
async function write(bytes: AsyncIterable<Uint8Array>, path: string): Promise<CheckedBackup> {
  const partialPath = `${path}.partial`;
  try {
    const file = await open(partialPath, "w", 0o600);
    try {
      for await (const each of bytes) await file.writeFile(each);
      await file.sync();
    } finally {
      await file.close();
    }
    const checked = await checkBackup(partialPath);
    await rename(partialPath, path);
    return checked;
  } catch (error) {
    await rm(partialPath, { force: true });
    throw new MillraceError("backup_failed", { path, reason: reasonOf(error) }, { cause: error });
  }
}
