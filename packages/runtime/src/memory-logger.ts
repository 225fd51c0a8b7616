import type { LogFields, Logger, LogLevel } from "./log.ts";

/** A log that a test can read. Children write to the same lines. */
export class MemoryLogger implements Logger {
  readonly lines: LogLine[];
  readonly #component: string;

  constructor(lines: LogLine[] = [], component = "") {
    this.lines = lines;
    this.#component = component;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write("error", message, fields);
  }

  /** Every one is kept. */
  repeated(_cause: string, message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }

  ended(): void {}

  child(component: string): MemoryLogger {
    return new MemoryLogger(
      this.lines,
      this.#component === "" ? component : `${this.#component}.${component}`,
    );
  }

  flush(): void {}

  messages(level: LogLevel): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    this.lines.push({ level, component: this.#component, message, fields });
  }
}

export interface LogLine {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  repeated() {},
  ended() {},
  child: () => silentLogger,
  flush() {},
};
