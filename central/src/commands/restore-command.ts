import { join, resolve } from "node:path";
import { loadCentralConfig } from "@millrace/config";
import { prepareDataFolder, systemClock } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { checkBackup, restoreStore } from "../backup/restored-store.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

export const RESTORE_COMMAND: Command = {
  summary: "put a backup where central's store is to be, while central does not run",
  details:
    "FILE is checked to its end first. A store that is there stays, unless --replace sets it aside as store.replaced-<time>. After the start agents send again what they still keep (outbox.retainAcked).",
  words: ["FILE"],
  flags: {
    config: CONFIG_FLAG,
    replace: { type: "switch", summary: "set a store that is there aside" },
  },
  async run({ flags, output, words: [file = ""] }) {
    const { config } = loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true });
    const backupPath = resolve(file);
    const { head, tail } = await checkBackup(backupPath);
    prepareDataFolder(config.dataFolder);
    const storePath = join(config.dataFolder, "store");
    const now = new Date(systemClock.nowMs()).toISOString().replaceAll(/[:.]/g, "-");
    const asidePath = flags.isOn("replace") ? `${storePath}.replaced-${now}` : null;
    await restoreStore({ backupPath, storePath, asidePath, pid: process.pid });
    const at = new Date(head.atMs).toISOString();
    output.out(`restored ${tail.entries} entries of ${at} to ${storePath}\n`);
  },
};
