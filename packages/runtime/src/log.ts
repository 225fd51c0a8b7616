/** What a program says while it runs. One line per call; fields are data, not prose. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /**
   * A warning that may come thousands of times: at most one line per cause and minute, with the count of those left
   * out; where its field `reason` is another one than the last line's, a few more. Keep `cause` to few values (a code, a
   * device), never a text with numbers in it.
   */
  repeated(cause: string, message: string, fields?: LogFields): void;
  /** What was repeated is over: the count of those left out is written now, and no more of it. Say so behind it. */
  ended(cause: string): void;
  /** The same log, lines marked with the component: `agent`, `agent.uplink`. */
  child(component: string): Logger;
  /** Writes the counts of repeated lines that still wait; for the orderly stop. */
  flush(): void;
}

export type LogFields = Readonly<Record<string, unknown>>;
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
