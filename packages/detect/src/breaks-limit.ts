import type { Condition } from "./rule-spec.ts";

/** Whether a value by itself breaks a limit of the condition. What goes by more than one reading, or by silence, has none. */
export function breaksLimit(condition: Condition, value: number): boolean {
  switch (condition.kind) {
    case "above":
      return value > condition.limit;
    case "below":
      return value < condition.limit;
    case "levels": {
      const { highHigh, high, low, lowLow } = condition.levels;
      const isHigh = [high, highHigh].some((level) => level !== undefined && value > level.limit);
      return isHigh || [low, lowLow].some((level) => level !== undefined && value < level.limit);
    }
    default:
      return false;
  }
}
