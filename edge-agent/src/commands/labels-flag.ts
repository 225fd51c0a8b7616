import type { Flag } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";

/** `--labels machine=press-1 --labels line=2` */
export const LABELS_FLAG: Flag = {
  type: "text",
  isMany: true,
  placeholder: "NAME=VALUE",
  summary: "a label of the series; several: all of them",
};

/** `{ machine: "press-1" }` as text; what it is of without labels. */
export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "everything at this agent" : pairs.join(" ");
}

/** Undefined where one is not `NAME=VALUE`. */
export function parseLabels(texts: readonly string[]): Labels | undefined {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1) return undefined;
    labels[text.slice(0, at)] = text.slice(at + 1);
  }
  return labels;
}
