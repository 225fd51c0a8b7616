import type { AlarmView } from "../feed/live-frames.ts";
import { alarmKey } from "./live-state.ts";

export interface AlarmTransition {
  readonly kind: "activated" | "cleared" | "unconfirmed";
  readonly alarm: AlarmView;
}

/** What a listener must hear: conditions that began or ended, and commands that nobody confirmed. Nothing else. */
export function alarmTransitions(
  before: readonly AlarmView[],
  after: readonly AlarmView[],
): readonly AlarmTransition[] {
  if (before === after) return [];
  const held = new Map(before.map((alarm) => [alarmKey(alarm), alarm]));
  const transitions: AlarmTransition[] = [];
  for (const alarm of after) {
    const was = held.get(alarmKey(alarm));
    if (was === alarm) continue;
    if (alarm.isActive && was?.isActive !== true) transitions.push({ kind: "activated", alarm });
    else if (!alarm.isActive && was?.isActive === true) transitions.push({ kind: "cleared", alarm });
    else if (alarm.action === "unconfirmed" && was?.action !== "unconfirmed")
      transitions.push({ kind: "unconfirmed", alarm });
  }
  return transitions;
}
