import type { EventTimeMs } from "./event-time.ts";

/** How far a time zone's clocks are ahead of UTC, by the rules of the running Node. */
export class ZoneOffset {
  readonly #format: Intl.DateTimeFormat;

  /** Throws a RangeError where there is no such zone. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** In ms, at a time of UTC. */
  atMs(timeMs: EventTimeMs): number {
    const parts: Record<string, number> = {};
    let isBeforeChrist = false;
    for (const { type, value } of this.#format.formatToParts(timeMs)) {
      parts[type] = Number(value);
      if (type === "era") isBeforeChrist = value.startsWith("B");
    }
    const { year, month, day, hour, minute, second } = parts;
    const local = new Date(0);
    local.setUTCFullYear(isBeforeChrist ? 1 - year : year, month - 1, day);
    local.setUTCHours(hour, minute, second);
    return local.getTime() - Math.floor(timeMs / 1_000) * 1_000;
  }
}
