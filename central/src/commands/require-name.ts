import { MillraceError } from "@millrace/runtime";

/** A name as central.yaml takes it, and as a folder's may be. Throws `wrong_usage`. */
export function requireName(command: string, name: string): void {
  if (/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  const reason = `${JSON.stringify(name)} is no name of 1 to 64 letters, digits, dots, underscores and hyphens, other than . and ..`;
  throw new MillraceError("wrong_usage", { command, reason });
}
