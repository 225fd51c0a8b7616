import { parseSourceTime, type TimeUnit } from "@millrace/wire";

/** Greatest of each unit that is before the year 5138, so that every number from 1973 on is told by its size. */
const SECONDS_MAX = 1e11;
/** mosquitto_sub writes `2026-01-05T10:00:00.123456Z+0100`: the offset is right, the Z is not. */
const MOSQUITTO_ZONE = /Z(?=[+-]\d{4}$)/;

/**
 * A recorded time: a number (or its digits) since the epoch, in s, ms, µs or ns by its size, or ISO 8601 as a
 * metric's own time may be. Whole ms; undefined when it is none.
 */
export function recordedTime(value: unknown): number | undefined {
  if (typeof value === "string" && !/^-?\d+(?:\.\d+)?$/.test(value.trim())) {
    return parseSourceTime(value.trim().replace(MOSQUITTO_ZONE, ""), "iso")?.timeMs;
  }
  const number = Number(value);
  if ((typeof value !== "number" && typeof value !== "string") || !Number.isFinite(number)) return undefined;
  return parseSourceTime(typeof value === "string" ? value.trim() : value, unitOf(Math.abs(number)))?.timeMs;
}

function unitOf(size: number): TimeUnit {
  if (size < SECONDS_MAX) return "s";
  if (size < SECONDS_MAX * 1e3) return "ms";
  return size < SECONDS_MAX * 1e6 ? "us" : "ns";
}
