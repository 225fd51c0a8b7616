/** How a source writes its event time: numbers since the epoch, or ISO 8601; without a time zone it is UTC. */
export const TIME_UNITS = ["s", "ms", "us", "ns", "iso"] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

export interface SourceTime {
  /** Whole milliseconds since the epoch, UTC, rounded down. */
  readonly timeMs: number;
  /** What was rounded off, ns, 0 … 999,999: the source's full resolution, for telling duplicates. */
  readonly subMsNs: number;
}

/** Bound of a JavaScript Date; far beyond any sensor. */
const TIME_MS_MAX = 8.64e15;
const DECIMAL = /^(-?)(\d{1,24})(?:\.(\d{1,24}))?$/;
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,24}))?)?([Zz]|[+-]\d\d(?::?\d\d)?)?)?$/;
const NS_PER_UNIT = { s: 1_000_000_000n, ms: 1_000_000n, us: 1_000n, ns: 1n } as const;

/** Undefined when `value` is not a time of that unit. A JSON number beyond 2^53 has lost its last digits before. */
export function parseSourceTime(value: unknown, unit: TimeUnit): SourceTime | undefined {
  if (unit === "iso") return typeof value === "string" ? parseIso(value) : undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    if (unit === "ms") return toSourceTime(value, 0);
    if (unit === "s") return toSourceTime(value * 1000, 0);
  }
  const text = typeof value === "number" ? decimalText(value) : value;
  if (typeof text !== "string") return undefined;
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ""] = match;
  const nsPerUnit = NS_PER_UNIT[unit];
  const ns = BigInt(whole) * nsPerUnit + (BigInt(fraction.padEnd(24, "0")) * nsPerUnit) / 10n ** 24n;
  return fromNs(sign === "-" ? -ns : ns);
}

function parseIso(text: string): SourceTime | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((group) =>
    Number(match[group] ?? 0),
  );
  // A leap second reads as the first of the next minute, as POSIX time has it.
  if (hour > 24 || minute > 59 || second > 60) return undefined;
  // The end of a day is the midnight that begins the next (ISO 8601-1:2019/Amd 1:2022).
  if (hour === 24 && (minute > 0 || second > 0 || /[1-9]/.test(match[7] ?? ""))) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offsetMinutes = parseOffset(match[8]);
  if (offsetMinutes === undefined) return undefined;
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - offsetMinutes) * 60 + second;
  const ns = (match[7] ?? "").padEnd(9, "0").slice(0, 9);
  return toSourceTime(seconds * 1000 + Number(ns.slice(0, 3)), Number(ns.slice(3)));
}

function parseOffset(text: string | undefined): number | undefined {
  if (text === undefined || text === "Z" || text === "z") return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(3).replace(":", ""));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function fromNs(ns: bigint): SourceTime | undefined {
  let ms = ns / 1_000_000n;
  let rest = ns % 1_000_000n;
  if (rest < 0n) {
    ms -= 1n;
    rest += 1_000_000n;
  }
  return toSourceTime(Number(ms), Number(rest));
}

function toSourceTime(timeMs: number, subMsNs: number): SourceTime | undefined {
  return Number.isSafeInteger(timeMs) && Math.abs(timeMs) <= TIME_MS_MAX ? { timeMs, subMsNs } : undefined;
}

/** A number without exponent; undefined when it is too great or too small to be a time. */
function decimalText(value: number): string | undefined {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) return undefined;
  const text = String(value);
  return text.includes("e") ? "0" : text;
}
