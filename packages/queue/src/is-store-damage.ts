import { type ErrorCode, MillraceError } from "@millrace/runtime";

const CODES: ReadonlySet<ErrorCode> = new Set(["store_corrupt", "store_read"]);

/** Whether reading has failed for damage of the store: a repair may keep what is whole. */
export function isStoreDamage(error: unknown): error is MillraceError {
  return error instanceof MillraceError && CODES.has(error.code);
}
