import type { AlarmView } from "../feed/live-frames.ts";
import { isLevel } from "./measure.ts";

/** What a chart shows. */
interface ChartSubject {
  readonly metric: string;
  readonly window: string;
  /** The value of the windows. */
  readonly measure: string;
}

/** Limits that belong on a chart: those that what it shows is compared with, not those of other values, rates or seconds of silence. */
export function alarmLimits(alarms: readonly AlarmView[], subject: ChartSubject): readonly number[] {
  const own = alarms.filter(
    (alarm) => alarm.metric === subject.metric && !alarm.isHistorical && isComparedWith(alarm, subject),
  );
  return [...new Set(own.map(({ limit }) => limit))];
}

function isComparedWith({ window, unit }: AlarmView, subject: ChartSubject): boolean {
  if (window === undefined) return unit === undefined && isLevel(subject.measure);
  // A count or sum over another length of time is another number.
  const isSameSpan = window.name === subject.window || isLevel(subject.measure);
  // A value without a unit has "", a change of it "/1m".
  return window.value === subject.measure && isSameSpan && (unit ?? "") === "";
}
