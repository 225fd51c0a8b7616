import { MillraceError } from "@millrace/runtime";

/** What C libraries call ENOSPC and EDQUOT, as LevelDB passes it on, and their names in Node's own errors. */
const FULL = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/i;

/** Whether a commit, or opening anew for one, has failed for want of room: it succeeds once there is some. */
export function isStoreFull(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === "store_write" && FULL.test(error.message);
}
