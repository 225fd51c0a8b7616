import { readFileSync } from "node:fs";
import { MillraceError, passwordHash, reasonOf, systemRandom } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { requireName } from "./require-name.ts";
import { ROLE_FLAG, roleOf } from "./role-flag.ts";

const PASSWORD_BYTES = 12;
const PASSWORD_LENGTH_MIN = 8;

export const USER_COMMAND: Command = {
  summary: "make a user who can log in at the page, and the entry for http.users",
  details:
    "Without --password-file it makes a password and shows it this once. central.yaml has only its hash.",
  words: ["NAME"],
  flags: {
    role: ROLE_FLAG,
    "password-file": {
      type: "text",
      placeholder: "FILE",
      summary: "file whose first line is the password; - reads standard input",
    },
  },
  async run(input) {
    const { flags, name, output, words } = input;
    const [user = ""] = words;
    requireName(name, user);
    const role = roleOf(input);
    const path = flags.text("password-file");
    const password = path === undefined ? systemRandom.hex(PASSWORD_BYTES) : passwordIn(path);
    if (password.length < PASSWORD_LENGTH_MIN)
      throw new MillraceError("wrong_usage", {
        command: name,
        reason: `the password has ${password.length} characters; at least ${PASSWORD_LENGTH_MIN} are needed`,
      });
    if (path === undefined) {
      output.err("the password, shown this once:\n");
      output.out(`${password}\n\n`);
    }
    output.err(
      "the entry for http.users in central.yaml; SIGHUP (systemctl reload millrace-central) takes it over:\n",
    );
    output.out(`- { user: ${user}, passwordHash: "${await passwordHash(password)}", role: ${role} }\n`);
  },
};

function passwordIn(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8").split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    throw new MillraceError("config_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
