import type { AlarmView } from "../feed/live-frames.ts";
import type { TextKey } from "./dictionary.ts";
import type { Speaker } from "./speaker.ts";

/** Central's own alarms, by rule: what is said while one is active, and once it is over. Others are told in central's words. */
const TEXTS: Readonly<Record<string, { readonly raised: TextKey; readonly over: TextKey }>> = {
  agent_silent: { raised: "system.agentSilent", over: "system.agentSilentOver" },
  store_replaced: { raised: "system.storeReplaced", over: "system.notAgain" },
  store_rolled_back: { raised: "system.storeRolledBack", over: "system.notAgain" },
  store_held: { raised: "system.storeHeld", over: "system.notAgain" },
  sequence_gap: { raised: "system.sequenceGap", over: "system.notAgain" },
  data_loss: { raised: "system.dataLoss", over: "system.notAgain" },
};

/** What central says of an agent, in the reader's language; null for any other alarm. */
export function systemAlarmText(
  alarm: Pick<AlarmView, "id" | "rule" | "agent" | "value" | "isActive">,
  speaker: Speaker,
): string | null {
  const { id, rule, agent, value, isActive } = alarm;
  // A rule of the pipeline may have the same name.
  const texts = id === `central:${rule}` && Object.hasOwn(TEXTS, rule) ? TEXTS[rule] : undefined;
  if (texts === undefined) return null;
  // The value of a silence is how long it lasted when it was found; none where there was nothing before it.
  const isNeverHeard = rule === "agent_silent" && isActive && value === 0;
  const key = isNeverHeard ? "system.agentNeverHeard" : isActive ? texts.raised : texts.over;
  return speaker.text(key, { agent, count: value });
}
