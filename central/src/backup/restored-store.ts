import { createReadStream, existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { LevelStore, refuseHeldStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { CENTRAL_STORE_FORMAT } from "../state/central-state.ts";
import { readBackup } from "./backup-file.ts";
import type { BackupHead, BackupTail } from "./backup-file.ts";

export interface CheckedBackup {
  readonly head: BackupHead;
  readonly tail: BackupTail;
}

/**
 * Reads a backup to its end. Rejects with `file_unreadable` where no file can be read there, with `backup_unreadable`, or with
 * `store_newer` where it is of a newer program.
 */
export async function checkBackup(path: string): Promise<CheckedBackup> {
  let head: BackupHead | undefined;
  let tail: BackupTail | undefined;
  try {
    for await (const part of readBackup(createReadStream(path))) {
      if (part.kind === "head") head = part.head;
      else if (part.kind === "tail") tail = part.tail;
    }
  } catch (error) {
    const isOfFile = error instanceof Error && "syscall" in error;
    const isMissing = isOfFile && "code" in error && error.code === "ENOENT";
    const reason = isMissing ? "there is no such file" : reasonOf(error);
    throw new MillraceError(
      isOfFile ? "file_unreadable" : "backup_unreadable",
      { path, reason },
      { cause: error },
    );
  }
  if (head === undefined || tail === undefined)
    throw new MillraceError("backup_unreadable", { path, reason: "it has no head or no tail" });
  const { storeVersion, program } = head;
  if (storeVersion > CENTRAL_STORE_FORMAT) {
    const values = { path, found: storeVersion, supported: CENTRAL_STORE_FORMAT, needed: program };
    throw new MillraceError("store_newer", values);
  }
  return { head, tail };
}

/**
 * Puts a checked backup where a store is to be. What is there is set aside as `asidePath`; without it, it is in the way.
 * A crash leaves either what was there or the whole backup, or nothing, and then `<store>.restoring`, which the next restore
 * removes and a start is refused for.
 */
export async function restoreStore(options: {
  readonly backupPath: string;
  readonly storePath: string;
  readonly asidePath: string | null;
  readonly pid: number;
}): Promise<void> {
  const { backupPath, storePath, asidePath, pid } = options;
  if (existsSync(storePath)) {
    await refuseHeldStore(storePath);
    if (asidePath === null) {
      const advice = "give --replace to set the store aside, or name another `data` folder";
      throw new MillraceError("file_in_the_way", { path: storePath, advice });
    }
  }
  const newPath = restoringPath(storePath);
  await rm(newPath, { recursive: true, force: true });
  const store = await LevelStore.open({ path: newPath, kind: "central", version: CENTRAL_STORE_FORMAT, pid });
  try {
    let changes: Change[] = [];
    for await (const part of readBackup(createReadStream(backupPath))) {
      if (part.kind !== "entries") continue;
      await store.commit(changes, { isSync: false });
      changes = part.entries.map(({ key, value }) => ({ type: "put", key, value }));
    }
    // What was written before is durable with the last.
    await store.commit(changes, { isSync: true });
  } finally {
    await store.close();
  }
  if (asidePath !== null && existsSync(storePath)) await rename(storePath, asidePath);
  await rename(newPath, storePath);
  await syncFolder(dirname(storePath));
}

/** A start would put an empty store there. Throws `restore_unfinished`. */
export function refuseUnfinishedRestore(storePath: string): void {
  const restoring = restoringPath(storePath);
  if (!existsSync(storePath) && existsSync(restoring))
    throw new MillraceError("restore_unfinished", { path: storePath, restoring });
}

function restoringPath(storePath: string): string {
  return `${storePath}.restoring`;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
