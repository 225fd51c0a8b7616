import type { AlarmEvent, EndReason } from "./alarm-event.ts";

/**
 * The last step of an alarm: it is over, latched or not, since `endMs` (event time).
 * `value`: what was compared with the limit when it ended, where that is another than before.
 */
export function endedAlarm(
  alarm: AlarmEvent,
  endMs: number,
  {
    value = alarm.value,
    endReason,
  }: { readonly value?: number; readonly endReason?: EndReason | undefined } = {},
): AlarmEvent {
  return {
    ...alarm,
    step: alarm.step + 1,
    isActive: false,
    isLatched: false,
    clearedAtMs: endMs,
    timeMs: endMs,
    value,
    ...(endReason === undefined ? {} : { endReason }),
  };
}
