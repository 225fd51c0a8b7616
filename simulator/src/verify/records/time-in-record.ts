import { WallClock } from "../../business/wall-clock.ts";

export interface TimeMeaning {
  readonly unit: "s" | "ms" | "us" | "ns" | "iso";
  /** Whose clock shows what is written without a zone; null: UTC. */
  readonly timeZone: string | null;
}

const MS_PER_UNIT = { s: 1_000, ms: 1, us: 1e-3, ns: 1e-6 } as const;
const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?$/;

const clocks = new Map<string, WallClock>();

/** A time as it stands in a record, ms; undefined: there is none of that unit. */
export function timeInRecord(found: unknown, { unit, timeZone }: TimeMeaning): number | undefined {
  if (unit !== "iso")
    return typeof found === "number" ? toUtcMs(Math.floor(found * MS_PER_UNIT[unit]), timeZone) : undefined;
  const [, date, time, zone] = (typeof found === "string" ? ISO.exec(found) : null) ?? [];
  if (date === undefined) return undefined;
  const timeMs = Date.parse(`${date}T${time}${zone ?? "Z"}`);
  if (Number.isNaN(timeMs)) return undefined;
  return zone === undefined ? toUtcMs(timeMs, timeZone) : timeMs;
}

function toUtcMs(timeMs: number, timeZone: string | null): number {
  if (timeZone === null) return timeMs;
  let clock = clocks.get(timeZone);
  if (clock === undefined) clocks.set(timeZone, (clock = new WallClock(timeZone)));
  return clock.midnightMs(timeMs);
}
