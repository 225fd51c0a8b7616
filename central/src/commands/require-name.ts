import { MillraceError } from "@millrace/runtime";

/** A name as central.yaml takes it. Throws `wrong_usage`. */
export function requireName(command: string, name: string): void {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  const reason = `${JSON.stringify(name)} is no name of 1 to 64 letters, digits, dots, underscores and hyphens`;
  throw new MillraceError("wrong_usage", { command, reason });
}
