import { stateRange, windowKeyName } from "./engine/state-key.ts";
import type { StateRange } from "./engine/state-key.ts";
import type { EventTimeMs } from "./event-time.ts";

/** The keys of the stored results of a window that start in `[fromMs, toMs)`, ascending by start; read with `decodeWindow`. */
export function windowKeyRange(window: string, fromMs: EventTimeMs, toMs: EventTimeMs): StateRange {
  return stateRange("w", windowKeyName(window), fromMs, toMs);
}
