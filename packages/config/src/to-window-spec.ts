import type { WindowSpec } from "@millrace/stream";
import type { WindowFile } from "./pipeline-schema.ts";

/** A window as the file has it, resolved; the file has been checked. */
export function toWindowSpec(name: string, window: WindowFile): WindowSpec {
  const base = { name, metric: window.metric, by: window.by, latenessMs: window.late.allowed };
  if (window.session !== undefined)
    return { ...base, kind: "session", gapMs: window.session.gap, lengthMsMax: window.session.longest };
  if (window.timeZone !== undefined) return { ...base, kind: "day", timeZone: window.timeZone };
  const sizeMs = window.size ?? 0;
  return {
    ...base,
    kind: "aligned",
    sizeMs,
    slideMs: window.slide ?? sizeMs,
    offsetMs: window.offset ?? 0,
  };
}
