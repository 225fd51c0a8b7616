import { MillraceError } from "@millrace/runtime";

export function wrongUsage(command: string, reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command, reason });
}
