import type { AlarmEvent } from "@millrace/detect";
import type { Change } from "@millrace/queue";

/** What the store still had of rules that are gone, or judge something else now. */
export interface LeftRules {
  /** Last steps of their alarms. */
  readonly ended: readonly AlarmEvent[];
  /** Takes their state out of the store. */
  readonly changes: readonly Change[];
  /** Stored values of any rule that could not be read. */
  readonly unreadableCount: number;
}
