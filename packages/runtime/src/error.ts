import { ERROR_TABLE, type ErrorCode, type ErrorRow } from "./error-table.ts";

/** An operating error with a code from the closed table; see docs/errors.md. */
export class MillraceError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly domain: ErrorRow["domain"];
  readonly retry: ErrorRow["retry"];
  readonly exitCode: 1 | 2;
  /** What the reader can do about it; not part of `message`. */
  readonly wayOut: string;

  constructor(code: Code, values: ErrorValues<Code>, options?: { readonly cause?: unknown }) {
    const row: ErrorRow = ERROR_TABLE[code];
    super(fill(row.message, values), options);
    this.code = code;
    this.domain = row.domain;
    this.retry = row.retry;
    this.exitCode = row.exitCode;
    this.wayOut = fill(row.wayOut, values);
  }

  /** For people: message and way out, without a stack. */
  explain(): string {
    return `${this.message}\n  → ${this.wayOut} (${this.code})`;
  }
}

/** The values that the code's message and way out name. */
export type ErrorValues<Code extends ErrorCode> = {
  readonly [Code2 in Code]: Readonly<
    Record<
      | PlaceholderOf<(typeof ERROR_TABLE)[Code2]["message"]>
      | PlaceholderOf<(typeof ERROR_TABLE)[Code2]["wayOut"]>,
      string | number
    >
  >;
}[Code];

type PlaceholderOf<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PlaceholderOf<Rest>
  : never;

/** 2 for wrong use and configuration, 1 for every other failure. */
export function toExitCode(error: unknown): 1 | 2 {
  return error instanceof MillraceError ? error.exitCode : 1;
}

/** The reason inside anything thrown, on one line, for the `{reason}` of a message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const messages = error.cause instanceof Error ? [error.message, error.cause.message] : [error.message];
  return messages.map((message) => message.trim().replaceAll(/\s*\n\s*/g, " ")).join(": ") || error.name;
}

function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
