import type { AlarmView } from "../feed/live-frames.ts";
import type { TextKey } from "./dictionary.ts";
import type { Speaker } from "./speaker.ts";

type SystemAlarm = Pick<AlarmView, "id" | "rule" | "agent" | "value" | "isActive">;

/** What central says of an agent, or of itself, in the reader's language; null for any other alarm, and for kinds unknown here. */
export function systemAlarmText(alarm: SystemAlarm, speaker: Speaker): string | null {
  const { id, rule, agent, value, isActive } = alarm;
  // A rule of the pipeline may have the same name.
  if (id !== `central:${rule}`) return null;
  const key = isActive ? raisedKey(alarm) : overKey(alarm);
  return key === null ? null : speaker.text(key, { agent, count: value, by: speaker.age(Math.abs(value)) });
}

function raisedKey({ rule, agent, value }: SystemAlarm): TextKey | null {
  switch (rule) {
    case "agent_silent":
      // The value is how long it was silent when that was found: nothing where there was nothing before.
      return value === 0 ? "system.agentNeverHeard" : "system.agentSilent";
    case "store_replaced":
      return "system.storeReplaced";
    case "store_rolled_back":
      return "system.storeRolledBack";
    case "store_held":
      return "system.storeHeld";
    case "sequence_gap":
      return "system.sequenceGap";
    case "data_loss":
      if (!agent.includes("/")) return "system.dataLoss";
      // No agent's name has a slash: it is a partition of a stream of records.
      return value > 0 ? "system.recordLoss" : "system.partitionAnew";
    case "clock_disagrees":
      if (agent === "") return "system.centralAhead";
      return value > 0 ? "system.clockAhead" : "system.clockBehind";
    case "disk_low":
      return "system.diskLow";
    case "store_damaged":
      return "system.storeDamaged";
    case "log_gap":
      return "system.logGap";
    default:
      return null;
  }
}

function overKey(alarm: SystemAlarm): TextKey | null {
  if (alarm.rule === "agent_silent") return "system.agentSilentOver";
  if (alarm.rule === "clock_disagrees") return "system.clockAgrees";
  if (alarm.rule === "disk_low") return "system.diskLowOver";
  return raisedKey(alarm) === null ? null : "system.notAgain";
}
