import type { AlarmView } from "../alarms/alarm-view.ts";

/** An alarm's step as other programs read it: docs/schema/millrace.alarms.v1.json. */
export function alarmRecord(alarm: AlarmView, generation: number): Readonly<Record<string, unknown>> {
  return { ...alarm, generation };
}
