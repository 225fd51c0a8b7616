import { OVERLAPS_MAX, SESSION_GAPS_MAX } from "@millrace/stream";
import { formatDuration } from "@millrace/runtime";
import { checkTimeZone } from "./check-time-zone.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { WindowFile } from "./pipeline-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

const DAY_MS = 86_400_000;

/** What contradicts itself in how one window is described; whether nothing does. */
export function checkWindowKind(reader: ConfigReader, path: KeyPath, window: WindowFile): boolean {
  if (window.session !== undefined) return checkSession(reader, path, window, window.session);
  if (window.size === undefined) {
    reader.problem(path, "a window needs size, or session: { gap: … }", "key");
    return false;
  }
  if (window.timeZone !== undefined) return checkDay(reader, path, window, window.timeZone);
  return checkAligned(reader, path, { ...window, size: window.size });
}

function checkSession(
  reader: ConfigReader,
  path: KeyPath,
  window: WindowFile,
  { gap, longest }: NonNullable<WindowFile["session"]>,
): boolean {
  let isSound = checkAlone(reader, path, window, {
    keys: ["size", "slide", "offset", "timeZone"],
    reason: "a session is as long as its readings make it",
  });
  if (longest < 2 * gap || longest > SESSION_GAPS_MAX * gap) {
    isSound = false;
    reader.problem(
      [...path, "session", reader.source.has([...path, "session", "longest"]) ? "longest" : "gap"],
      `longest ${formatDuration(longest)} must be 2 to ${SESSION_GAPS_MAX} times gap ${formatDuration(gap)}`,
    );
  }
  return isSound;
}

function checkDay(reader: ConfigReader, path: KeyPath, window: WindowFile, timeZone: string): boolean {
  let isSound = checkAlone(reader, path, window, {
    keys: ["slide", "offset"],
    reason: "days of a time zone begin at midnight there",
  });
  if (window.size !== DAY_MS) {
    isSound = false;
    reader.problem(
      [...path, "timeZone"],
      `a time zone makes days of its own; size must be 1d, or without timeZone`,
      "key",
    );
  }
  return checkTimeZone(reader, [...path, "timeZone"], timeZone) && isSound;
}

function checkAligned(
  reader: ConfigReader,
  path: KeyPath,
  { size, slide = size, offset = 0 }: WindowFile & { readonly size: number },
): boolean {
  if (slide > size) {
    reader.problem(
      [...path, "slide"],
      `slide ${formatDuration(slide)} is longer than size ${formatDuration(size)}: readings between windows would be in none; it must be at most size`,
    );
    return false;
  }
  if (size > OVERLAPS_MAX * slide) {
    const leastMs = Math.ceil(size / OVERLAPS_MAX);
    reader.problem(
      [...path, "slide"],
      `each reading would be in ${Math.ceil(size / slide)} windows, and each of them is kept and shown; ${formatDuration(slide)} must be at least size / ${OVERLAPS_MAX}, ${formatDuration(leastMs)}`,
    );
    return false;
  }
  if (offset >= slide) {
    reader.problem(
      [...path, "offset"],
      `offset ${formatDuration(offset)} must be less than ${formatDuration(slide)}, the distance between starts`,
    );
    return false;
  }
  return true;
}

/** Keys that mean nothing beside the one that makes the window what it is. */
function checkAlone(
  reader: ConfigReader,
  path: KeyPath,
  window: WindowFile,
  { keys, reason }: { readonly keys: readonly (keyof WindowFile)[]; readonly reason: string },
): boolean {
  const extra = keys.filter((key) => window[key] !== undefined);
  for (const key of extra) reader.problem([...path, key], `${reason}; remove ${key}`, "key");
  return extra.length === 0;
}
