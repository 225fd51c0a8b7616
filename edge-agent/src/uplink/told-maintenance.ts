import type { Maintenance } from "@millrace/detect";
import { type Heartbeat, MAINTENANCES_TOLD_MAX } from "@millrace/wire";

/** Of all that is told, as JSON in UTF-8: a heartbeat has room for more than this. */
const BYTES_MAX = 16 * 1024;
const BY_LENGTH_MAX = 200;

/** What a heartbeat tells of what is in maintenance: the newest first, as much as there is room for. */
export function toldMaintenance(maintenances: readonly Maintenance[]): Pick<Heartbeat, "maintenance"> {
  if (maintenances.length === 0) return {};
  const told: NonNullable<Heartbeat["maintenance"]>[number][] = [];
  let bytesLeft = BYTES_MAX;
  for (const { labels, sinceMs, untilMs, by } of maintenances.toSorted((a, b) => b.sinceMs - a.sinceMs)) {
    if (told.length === MAINTENANCES_TOLD_MAX) break;
    const shortBy = by.length <= BY_LENGTH_MAX ? by : `${by.slice(0, BY_LENGTH_MAX)}…`;
    const one = { labels, sinceMs, untilMs, by: shortBy };
    const bytes = Buffer.byteLength(JSON.stringify(one));
    if (bytes > bytesLeft) continue;
    bytesLeft -= bytes;
    told.push(one);
  }
  return { maintenance: told };
}
