import type { CommandInput } from "@millrace/runtime";
import { type PasswordLogin, readPassword } from "../publish/login.ts";
import { wrongUsage } from "./wrong-usage.ts";

/** Of a receiver's two flags; null: neither is given. */
export function passwordLogin(
  { name, flags }: CommandInput,
  way: "http" | "mqtt" | "kafka",
): PasswordLogin | null {
  const [user, file] = [flags.text(`${way}-user`), flags.text(`${way}-password-file`)];
  if ((user === undefined) !== (file === undefined))
    throw wrongUsage(name, `--${way}-user and --${way}-password-file go together: name both, or neither`);
  if (user === undefined || file === undefined) return null;
  return readPassword({ kind: "password", user, file });
}
