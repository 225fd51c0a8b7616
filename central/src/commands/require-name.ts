import { MillraceError } from "@millrace/runtime";

/** A name as central.yaml takes it, and as a folder's may be. `place`: where it stands, before the reason. Throws `wrong_usage`. */
export function requireName(command: string, name: string, place = ""): void {
  if (/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  const reason = `${place}${JSON.stringify(name)} is no name of 1 to 64 letters, digits, dots, underscores and hyphens, other than . and ..`;
  throw new MillraceError("wrong_usage", { command, reason });
}
