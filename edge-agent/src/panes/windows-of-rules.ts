import type { Pipeline } from "@millrace/config";
import type { AlignedWindowSpec } from "@millrace/stream";
import { CORRECTIONS_MS } from "./watched-windows.ts";

/** The windows that rules look at; the configuration lets them watch no others. */
export function windowsOfRules({ rules, windows }: Pipeline): AlignedWindowSpec[] {
  const names = new Set(rules.map(({ window }) => window?.name));
  return windows.filter((spec) => spec.kind === "aligned").filter(({ name }) => names.has(name));
}

/** For how long the redo log must keep their readings. */
export function windowsOfRulesMs(pipeline: Pipeline): number {
  const sizes = windowsOfRules(pipeline).map(({ sizeMs }) => sizeMs);
  return sizes.length === 0 ? 0 : Math.max(...sizes) + 2 * CORRECTIONS_MS;
}
