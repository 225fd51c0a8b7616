import { MillraceError } from "@millrace/runtime";
import type { CommandInput, Flag } from "@millrace/runtime";
import type { Role } from "@millrace/config";

export const ROLE_FLAG: Flag = {
  type: "text",
  placeholder: "ROLE",
  default: "read",
  summary: "read (may look at everything) or operate (may change, too)",
};

/** Rejects with `wrong_usage`. */
export function roleOf({ flags, name }: Pick<CommandInput, "flags" | "name">): Role {
  const role = flags.requiredText("role");
  if (role === "read" || role === "operate") return role;
  throw new MillraceError("wrong_usage", { command: name, reason: `--role is read or operate, not ${role}` });
}
