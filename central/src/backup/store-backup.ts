import type { Store } from "@millrace/queue";
import { CENTRAL_STORE_FORMAT } from "../state/central-state.ts";
import { centralVersion } from "../central-version.ts";
import { writeBackup } from "./backup-file.ts";

/** LevelStore's own record stands below these. */
const FIRST_KEY = Uint8Array.of(0x01);
const BEHIND_KEYS = new Uint8Array(64).fill(0xff);

/**
 * The bytes of a backup of a store as it is at the call: whatever is committed meanwhile is not in it, and each commit is in it as a
 * whole or not at all.
 */
export function storeBackup(store: Store, nowMs: number): AsyncIterable<Uint8Array> {
  const { version } = centralVersion();
  const head = {
    kind: "central",
    storeVersion: CENTRAL_STORE_FORMAT,
    program: version,
    atMs: nowMs,
  } as const;
  return writeBackup(head, store.range({ from: FIRST_KEY, to: BEHIND_KEYS }));
}
