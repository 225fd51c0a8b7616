import type { AlarmView } from "../feed/live-frames.ts";

/** Active before cleared, historical ones of the active last; then the gravest; then the newest. */
export function compareAlarms(a: AlarmView, b: AlarmView): number {
  if (a.isActive !== b.isActive) return a.isActive ? -1 : 1;
  if (!a.isActive) return (b.clearedAtMs ?? b.timeMs) - (a.clearedAtMs ?? a.timeMs);
  if (a.isHistorical !== b.isHistorical) return a.isHistorical ? 1 : -1;
  return b.severity - a.severity || b.activeAtMs - a.activeAtMs;
}
