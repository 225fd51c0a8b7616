import { isatty } from "node:tty";
import { pino } from "pino";
import type { Clock, Timer } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { formatLogLine } from "./log-line.ts";
import type { Logger, LogFields, LogLevel } from "./log.ts";
import { Repetition } from "./repetition.ts";
import type { LeftOut } from "./repetition.ts";

/**
 * The log of a process, on pino: JSON lines, or readable ones on a terminal. Writes synchronously and without worker
 * threads, so that it works in a single binary and the last line before a crash is there.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const fd = options.fd ?? 1;
  const clock = options.clock ?? systemClock;
  const format = options.format ?? (isatty(fd) ? "text" : "json");
  const file = options.write === undefined ? pino.destination({ fd, sync: true }) : null;
  const write = options.write ?? ((line: string) => void file?.write(line));
  const hasColor = (options.hasColor ?? options.write === undefined) && process.env["NO_COLOR"] === undefined;
  const destination =
    format === "json" ? { write } : { write: (line: string) => write(formatLogLine(line, { hasColor })) };
  const lines = pino(
    {
      base: null,
      level: options.level ?? "info",
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const repetition = new Repetition({ periodMs: REPEAT_PERIOD_MS, causesMax: REPEAT_CAUSES_MAX });
  return new PinoLogger({ root: lines, lines, repetition, summary: { timer: null }, clock, component: "" });
}

export interface LoggerOptions {
  /** Default: info. */
  readonly level?: LogLevel;
  /** 1: a service's log, the default. 2: a command whose result goes to 1. */
  readonly fd?: 1 | 2;
  /** Default: text on a terminal, JSON otherwise. */
  readonly format?: "text" | "json";
  readonly clock?: Clock;
  /** Instead of `fd`: gets whole lines, with their line end. */
  readonly write?: (line: string) => void;
  /** Of text, unless NO_COLOR forbids it. Default: without `write`. */
  readonly hasColor?: boolean;
}

const REPEAT_PERIOD_MS = 60_000;
const REPEAT_CAUSES_MAX = 256;

interface PinoLoggerOptions {
  /** Without a component: pino's child of a child would write the key twice. */
  readonly root: pino.Logger;
  readonly lines: pino.Logger;
  readonly repetition: Repetition;
  /** What ends the periods when no line does; one for all components. */
  readonly summary: { timer: Timer | null };
  readonly clock: Clock;
  readonly component: string;
}

class PinoLogger implements Logger {
  readonly #options: PinoLoggerOptions;

  constructor(options: PinoLoggerOptions) {
    this.#options = options;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#options.lines.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#options.lines.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#options.lines.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#options.lines.error(fields, message);
  }

  repeated(cause: string, message: string, fields: LogFields = {}): void {
    const { clock, repetition } = this.#options;
    const nowMs = clock.nowMs();
    this.#writeLeftOut(repetition.takeDue(nowMs));
    const line = { key: this.#keyOf(cause), cause, message, reason: fields["reason"], log: this };
    if (repetition.mayWrite(line, nowMs)) this.warn(message, fields);
    else this.#summarizeLater();
  }

  ended(cause: string): void {
    const { clock, repetition } = this.#options;
    this.#writeLeftOut(repetition.takeEnded(this.#keyOf(cause), clock.nowMs()));
  }

  child(component: string): Logger {
    const name = this.#options.component === "" ? component : `${this.#options.component}.${component}`;
    return new PinoLogger({
      ...this.#options,
      lines: this.#options.root.child({ component: name }),
      component: name,
    });
  }

  flush(): void {
    this.#options.summary.timer?.cancel();
    this.#options.summary.timer = null;
    this.#writeLeftOut(this.#options.repetition.takeDue(this.#options.clock.nowMs(), true));
  }

  /** Components share the counts' bound, not the counts. */
  #keyOf(cause: string): string {
    return `${this.#options.component} ${cause}`;
  }

  #writeLeftOut(all: readonly LeftOut[]): void {
    for (const { log, cause, message, leftOutCount, lastAgeMs } of all) {
      // It comes late: what it says may have ended since.
      const ago = `the last ${Math.round(lastAgeMs / 1000)} s ago`;
      log.warn(`${message} (and ${leftOutCount} more like it, ${ago})`, { cause, leftOutCount });
    }
  }

  /** A line was left out: its count is written when the period ends, also if nothing more comes. */
  #summarizeLater(): void {
    const { clock, repetition, summary } = this.#options;
    if (summary.timer !== null) return;
    summary.timer = clock.after(REPEAT_PERIOD_MS, () => {
      summary.timer = null;
      this.#writeLeftOut(repetition.takeDue(clock.nowMs()));
      if (repetition.hasLeftOut) this.#summarizeLater();
    });
    summary.timer.unref?.();
  }
}
