import { PANE_MS_MIN } from "./pane-size.ts";
import type { WindowSpec } from "./window-spec.ts";

/** A session is at most this many of its gaps long: what is kept of a group's sessions stays bounded. */
export const SESSION_GAPS_MAX = 100_000;

/** A reading is in at most this many windows of one definition: each is kept, merged and shown. */
export const OVERLAPS_MAX = 3_600;

/** Why a window cannot be computed; null where it can. */
export function windowProblem(window: WindowSpec): string | null {
  if (!(window.latenessMs >= 0)) return `lateness ${window.latenessMs} ms must not be negative`;
  if (new Set(window.by).size < window.by.length) return "a label stands twice in by";
  switch (window.kind) {
    case "aligned":
      return alignedProblem(window);
    case "day":
      return isTimeZone(window.timeZone) ? null : `there is no time zone ${window.timeZone}`;
    case "session":
      return sessionProblem(window);
  }
}

/** Whether this is an IANA time zone that the runtime knows. */
export function isTimeZone(name: string): boolean {
  // A bare offset such as +02:00 is no zone: it knows nothing of summer time.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function alignedProblem({ sizeMs, slideMs, offsetMs }: WindowSpec & { kind: "aligned" }): string | null {
  if (!isLength(sizeMs)) return `size ${sizeMs} ms must be whole positive milliseconds`;
  if (!isLength(slideMs)) return `slide ${slideMs} ms must be whole positive milliseconds`;
  if (slideMs > sizeMs) return `slide ${slideMs} ms must be at most the size, ${sizeMs} ms`;
  if (sizeMs > OVERLAPS_MAX * slideMs)
    return `slide ${slideMs} ms must be at least a ${OVERLAPS_MAX}th of the size, ${Math.ceil(sizeMs / OVERLAPS_MAX)} ms: each reading would be in ${Math.ceil(sizeMs / slideMs)} windows`;
  if (!Number.isSafeInteger(offsetMs) || offsetMs < 0 || offsetMs >= slideMs)
    return `offset ${offsetMs} ms must be whole milliseconds from 0 to below the slide, ${slideMs} ms`;
  return null;
}

function sessionProblem({ gapMs, lengthMsMax }: WindowSpec & { kind: "session" }): string | null {
  if (!isLength(gapMs) || gapMs < PANE_MS_MIN)
    return `gap ${gapMs} ms must be whole milliseconds, at least ${PANE_MS_MIN}`;
  if (!isLength(lengthMsMax) || lengthMsMax < 2 * gapMs || lengthMsMax > SESSION_GAPS_MAX * gapMs)
    return `the greatest length ${lengthMsMax} ms must be whole milliseconds, 2 to ${SESSION_GAPS_MAX} times the gap of ${gapMs} ms`;
  return null;
}

function isLength(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms > 0;
}
