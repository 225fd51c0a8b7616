import type { AlarmView } from "../../alarms/alarm-view.ts";

/** Alarms of one rule at one site: what one post is about, and what a receiver may take for one incident. */
export function alertGroupOf({ rule, site }: Pick<AlarmView, "rule" | "site">): {
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
} {
  const labels = { alertname: rule, ...(site === "" ? {} : { site }) };
  const text = Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ");
  return { key: `{}:{${text}}`, labels };
}
