import type { AlarmView } from "../feed/live-frames.ts";

/** Limits that belong on the chart of a metric: those that its values are compared with, not counts, rates or seconds of silence. */
export function alarmLimits(alarms: readonly AlarmView[], metric: string): readonly number[] {
  const own = alarms.filter(
    (alarm) => alarm.metric === metric && !alarm.isHistorical && alarm.unit === undefined,
  );
  return [...new Set(own.map(({ limit }) => limit))];
}
