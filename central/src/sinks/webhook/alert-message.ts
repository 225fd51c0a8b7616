import { createHash } from "node:crypto";
import type { AlarmView } from "../../alarms/alarm-view.ts";
import { alertGroupOf } from "./alert-group.ts";

/** Alertmanager's word for an alert that has not ended. */
const NO_END = "0001-01-01T00:00:00Z";
const RECEIVER = "millrace";
const SEVERE_FROM = 700;
const WARNING_FROM = 400;
/** The end of what a `Date` can be. */
const TIME_MS_MAX = 8.64e15;

interface Alert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

/**
 * Alertmanager's webhook, version 4, as of its documentation (Configuration, `webhook_config`).
 * @param alarms of one group, at least one
 * @param dashboardUrl null: no links
 */
export function alertMessage(
  alarms: readonly AlarmView[],
  { truncated, dashboardUrl }: { readonly truncated: number; readonly dashboardUrl: string | null },
): Readonly<Record<string, unknown>> {
  const alerts = alarms.map((alarm) => alertOf(alarm, dashboardUrl));
  const group = alertGroupOf(alarms[0]);
  return {
    version: "4",
    groupKey: group.key,
    truncatedAlerts: truncated,
    status: alerts.some(({ status }) => status === "firing") ? "firing" : "resolved",
    receiver: RECEIVER,
    groupLabels: group.labels,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL: dashboardUrl ?? "",
    alerts,
  };
}

/** Which window has raised it, and whose data it lacked. */
function windowAnnotations(window: NonNullable<AlarmView["window"]>): Readonly<Record<string, string>> {
  const { name, startMs, endMs, isComplete, agentsExpected, agentsReporting, agentsMissing } = window;
  return {
    window: `${name} ${timeText(startMs)}/${timeText(endMs)}`,
    reporting: `${agentsReporting} of ${agentsExpected}`,
    ...(isComplete || agentsMissing.length === 0 ? {} : { missing: agentsMissing.join(", ") }),
  };
}

function alertOf(alarm: AlarmView, dashboardUrl: string | null): Alert {
  const { agent, id, rule, site, metric, severity, message, isActive, activeAtMs, clearedAtMs, timeMs } =
    alarm;
  const labels: Record<string, string> = {
    ...Object.fromEntries(Object.entries(alarm.labels).map(([name, value]) => [labelName(name), value])),
    alertname: rule,
    severity: severity >= SEVERE_FROM ? "critical" : severity >= WARNING_FROM ? "warning" : "info",
    ...(site === "" ? {} : { site }),
    ...(agent === "" ? {} : { agent }),
    ...(metric === "" ? {} : { metric }),
  };
  const annotations: Record<string, string> = {
    summary: message,
    alarm: id,
    priority: String(severity),
    value: String(alarm.value),
    limit: String(alarm.limit),
    action: alarm.action,
    ...(alarm.unit === undefined ? {} : { unit: alarm.unit }),
    ...(alarm.level === undefined ? {} : { level: alarm.level }),
    ...(isActive && alarm.isLatched ? { latched: "true" } : {}),
    ...(alarm.endReason === undefined ? {} : { endReason: alarm.endReason }),
    ...(alarm.window === undefined ? {} : windowAnnotations(alarm.window)),
  };
  return {
    status: isActive ? "firing" : "resolved",
    labels,
    annotations,
    startsAt: timeText(activeAtMs),
    endsAt: isActive ? NO_END : timeText(clearedAtMs ?? timeMs),
    generatorURL: dashboardUrl ?? "",
    // Of the alarm, not of its labels: a severity that rises makes no other alert of it.
    fingerprint: createHash("sha256").update(`${agent}\0${id}`).digest("hex").slice(0, 16),
  };
}

/** Whatever an agent took for a time. */
function timeText(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, 0), TIME_MS_MAX) || 0).toISOString();
}

/** Prometheus's label names are ASCII. */
function labelName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_");
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const common = Object.entries(all[0]).filter(([name, value]) => all.every((each) => each[name] === value));
  return Object.fromEntries(common);
}
