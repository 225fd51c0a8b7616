import type { AlarmTransition } from "../model/alarm-transitions.ts";
import type { TextKey } from "../text/dictionary.ts";
import type { Speaker } from "../text/speaker.ts";
import { systemAlarmText } from "../text/system-alarm.ts";
import type { PanelProps } from "./page.tsx";

const KEYS: Readonly<Record<AlarmTransition["kind"], TextKey>> = {
  activated: "alarms.announceActivated",
  cleared: "alarms.announceCleared",
  unconfirmed: "alarms.announceUnconfirmed",
};

/** The only live region: alarm transitions. Numbers that change every second are never read out. */
export function Announcer({ page, speaker }: PanelProps) {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {page.announcements.value.map((transition) => sentence(transition, speaker)).join(" ")}
    </div>
  );
}

function sentence({ kind, alarm }: AlarmTransition, speaker: Speaker): string {
  const labels = Object.values(alarm.labels).join(" ");
  const value = systemAlarmText(alarm, speaker) ?? speaker.value(alarm.value);
  return `${speaker.text(KEYS[kind], { rule: alarm.rule, labels, value })}.`;
}
