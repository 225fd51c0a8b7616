import type { AlarmView } from "../feed/live-frames.ts";

/** Active before cleared; then the gravest; then the newest. */
export function compareAlarms(a: AlarmView, b: AlarmView): number {
  if (a.isActive !== b.isActive) return a.isActive ? -1 : 1;
  if (!a.isActive) return (b.clearedAtMs ?? b.timeMs) - (a.clearedAtMs ?? a.timeMs);
  return b.severity - a.severity || b.activeAtMs - a.activeAtMs;
}
