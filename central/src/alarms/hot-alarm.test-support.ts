import type { AlarmEvent } from "@millrace/wire";

/** A machine that is too hot, active since `timeMs`. */
export function hotAlarm(timeMs: number, { step }: { readonly step: number }): AlarmEvent {
  return {
    id: "1",
    step,
    rule: "overheating",
    metric: "t",
    labels: { site: "alpha" },
    severity: 900,
    isActive: true,
    isLatched: false,
    isHistorical: false,
    activeAtMs: timeMs,
    clearedAtMs: null,
    timeMs,
    value: 81,
    limit: 80,
    action: "none",
    command: null,
    message: "too hot",
  };
}
