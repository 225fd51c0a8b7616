import { isDeepStrictEqual } from "node:util";
import type { AgentConfig } from "@millrace/config";

/** Keys of agent.yaml whose values differ, and that a running agent does not take over. */
export interface FixedSettings {
  /** Each as the path of its key: they are refused. */
  readonly refused: readonly (readonly string[])[];
  /** Of the uplink, used by its next connection. */
  readonly later: readonly string[];
}

export function changedFixedSettings(before: AgentConfig, after: AgentConfig): FixedSettings {
  const refused: (readonly string[])[] = SINGLE.filter(
    ([name]) => !isDeepStrictEqual(before[name], after[name]),
  ).map(([, path]) => path);
  for (const section of SECTIONS) {
    const old = new Map(Object.entries(before[section]));
    for (const [key, value] of Object.entries(after[section])) {
      if (isDeepStrictEqual(old.get(key), value) || isCredential(section, key) || key === CHANGING) continue;
      // Durations are resolved to milliseconds; in the file they carry their unit themselves.
      refused.push([section, key.replace(/Ms$/, "")]);
    }
  }
  const later = CREDENTIALS.filter((key) => before.uplink[key] !== after.uplink[key]);
  return { refused, later: later.map((key) => `uplink.${key}`) };
}

function isCredential(section: string, key: string): boolean {
  return section === "uplink" && (key === "paths" || CREDENTIALS.some((name) => name === key));
}

const SINGLE = [
  ["agent", ["agent"]],
  ["site", ["site"]],
  ["dataFolder", ["data"]],
  ["logLevel", ["log", "level"]],
  ["recorder", ["recorder"]],
  ["sparkplug", ["sparkplug"]],
] as const;
const SECTIONS = ["uplink", "outbox", "limits", "commit", "http"] as const;
/** Of the limits: whoever has filled it must not cost a restart. */
const CHANGING = "seriesPerMetricMax";
const CREDENTIALS = ["password", "ca", "cert", "key"] as const;
