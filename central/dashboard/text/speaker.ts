import type { Dictionary, TextKey } from "./dictionary.ts";
import { en } from "./en.ts";
import { zhCn } from "./zh-cn.ts";

export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

const DICTIONARIES: Readonly<Record<Language, Dictionary>> = { en, "zh-CN": zhCn };

/** The shortest day, where the clocks go forward; some zones do so by two hours. */
const DAY_MS_MIN = 22 * 3_600_000;

/** `?lang=` when it names one of ours, else the first of the browser's languages that we speak, else English. */
export function chooseLanguage(query: string, browserLanguages: readonly string[]): Language {
  const asked = new URLSearchParams(query).get("lang");
  for (const tag of asked === null ? browserLanguages : [asked, ...browserLanguages]) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "zh") return "zh-CN";
    if (primary === "en") return "en";
  }
  return "en";
}

/** Says texts, numbers, ages and times in one language and one time zone. */
export class Speaker {
  readonly language: Language;
  /** IANA name, and the offset that holds now: always printed beside times. */
  readonly zone: string;
  readonly #dictionary: Dictionary;
  readonly #numbers = new Map<number, Intl.NumberFormat>();
  readonly #time: Intl.DateTimeFormat;
  readonly #dateTime: Intl.DateTimeFormat;

  constructor(language: Language, timeZone?: string) {
    this.language = language;
    this.#dictionary = DICTIONARIES[language];
    const zone = timeZone === undefined ? {} : { timeZone };
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
    this.#time = new Intl.DateTimeFormat(language, { ...clock, ...zone });
    this.#dateTime = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", ...clock, ...zone });
    this.zone = this.#time.resolvedOptions().timeZone;
  }

  text(key: TextKey, parameters: Readonly<Record<string, string | number>> = {}): string {
    return this.#dictionary[key].replace(/\{(\w+)\}/g, (placeholder, name: string) => {
      const value = parameters[name];
      if (value === undefined) return placeholder;
      return typeof value === "number" ? this.count(value) : value;
    });
  }

  /** A measured value with as many decimals as its size bears. */
  value(value: number): string {
    const magnitude = Math.abs(value);
    const decimals = magnitude >= 1_000 || magnitude === 0 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
    return this.decimal(value, decimals);
  }

  /** A configured number as it was written: no digits added. */
  exact(value: number): string {
    return this.decimal(value, Math.min(6, String(value).split(".")[1]?.length ?? 0));
  }

  decimal(value: number, decimals: number): string {
    if (!Number.isFinite(value)) return "–";
    let format = this.#numbers.get(decimals);
    if (format === undefined) {
      format = new Intl.NumberFormat(this.language, {
        minimumFractionDigits: decimals,
        maximumFractionDigits: decimals,
      });
      this.#numbers.set(decimals, format);
    }
    return format.format(value).replace("-", "−");
  }

  count(value: number): string {
    return this.decimal(value, Number.isInteger(value) ? 0 : 1);
  }

  /** "512 B", "64.0 KiB", "19.1 MiB". */
  bytes(bytes: number): string {
    if (bytes < 1_024) return `${this.decimal(bytes, 0)} B`;
    return bytes < 2 ** 20
      ? `${this.decimal(bytes / 1_024, 1)} KiB`
      : `${this.decimal(bytes / 2 ** 20, 1)} MiB`;
  }

  /** "7 s", "3 min 20 s", "5 h", "2 d": never finer than a person needs. */
  age(ageMs: number): string {
    const seconds = Math.max(0, Math.floor(ageMs / 1_000));
    if (seconds < 60) return this.#amount(seconds, "unit.second");
    const minutes = Math.floor(seconds / 60);
    if (minutes < 10 && seconds % 60 > 0) {
      return `${this.#amount(minutes, "unit.minute")} ${this.#amount(seconds % 60, "unit.second")}`;
    }
    if (minutes < 60) return this.#amount(minutes, "unit.minute");
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? this.#amount(hours, "unit.hour") : this.#amount(Math.floor(hours / 24), "unit.day");
  }

  /** A short, exact duration: "3.2 ms", "412 ms", "1.5 s"; "< 0.1 ms" for what would read as nothing. */
  latency(latencyMs: number): string {
    if (latencyMs > 0 && latencyMs < 0.1) return `< ${this.decimal(0.1, 1)} ${this.text("unit.ms")}`;
    if (latencyMs >= 1_000) return `${this.decimal(latencyMs / 1_000, 1)} ${this.text("unit.second")}`;
    return `${this.decimal(latencyMs, latencyMs < 10 ? 1 : 0)} ${this.text("unit.ms")}`;
  }

  /** A window's size, exactly: "10 s", "1 min", "500 ms". */
  duration(durationMs: number): string {
    const units = [
      [86_400_000, "unit.day"],
      [3_600_000, "unit.hour"],
      [60_000, "unit.minute"],
      [1_000, "unit.second"],
    ] as const;
    for (const [unitMs, key] of units) {
      if (durationMs >= unitMs && durationMs % unitMs === 0) return this.#amount(durationMs / unitMs, key);
    }
    return this.#amount(durationMs, "unit.ms");
  }

  time(timeMs: number): string {
    return this.#time.format(timeMs);
  }

  /** With the day, when it is not today's. */
  moment(timeMs: number, nowMs: number): string {
    return Math.abs(nowMs - timeMs) < 12 * 3_600_000 ? this.time(timeMs) : this.#dateTime.format(timeMs);
  }

  /** Where something begins that lasts for so long: with the day, when it lasts for one. */
  begin(startMs: number, { lastsMs, nowMs }: { readonly lastsMs: number; readonly nowMs: number }): string {
    return lastsMs >= DAY_MS_MIN ? this.#dateTime.format(startMs) : this.moment(startMs, nowMs);
  }

  zoneWithOffset(atMs: number): string {
    const parts = new Intl.DateTimeFormat("en", {
      timeZone: this.zone,
      timeZoneName: "shortOffset",
    }).formatToParts(atMs);
    const offset = parts.find((part) => part.type === "timeZoneName")?.value.replace("GMT", "UTC") ?? "";
    return this.zone === "UTC" ? "UTC" : `${this.zone} (${offset})`;
  }

  #amount(amount: number, unit: TextKey): string {
    return `${this.decimal(amount, 0)} ${this.text(unit)}`;
  }
}
