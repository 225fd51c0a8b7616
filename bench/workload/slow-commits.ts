// Preloaded into an agent: a disk on which every commit takes half a second longer, as a worn eMMC or a full cache may.
import { setTimeout as sleep } from "node:timers/promises";
import { LevelStore } from "@millrace/queue";

const SYNC_MS = 500;

const { commit } = LevelStore.prototype;
LevelStore.prototype.commit = async function (...options) {
  await sleep(SYNC_MS);
  return commit.apply(this, options);
};
