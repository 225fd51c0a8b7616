import { secretDigest, systemRandom } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { requireName } from "./require-name.ts";
import { ROLE_FLAG, roleOf } from "./role-flag.ts";

const TOKEN_BYTES = 32;

export const TOKEN_COMMAND: Command = {
  summary: "make a token for a program, and its entry for http.tokens",
  details:
    "The token itself is shown this once and stored nowhere: central.yaml has its hash. The program sends `Authorization: Bearer TOKEN`.",
  words: ["NAME"],
  flags: { role: ROLE_FLAG },
  run(input) {
    const { name, output, words } = input;
    const [holder = ""] = words;
    requireName(name, holder);
    const token = systemRandom.hex(TOKEN_BYTES);
    const hash = secretDigest(token).toString("hex");
    output.err("the token, shown this once:\n");
    output.out(`${token}\n`);
    output.err(
      `\nits entry for http.tokens in central.yaml; SIGHUP (systemctl reload millrace-central) takes it over:\n`,
    );
    output.out(`- { name: ${holder}, tokenHash: "sha256:${hash}", role: ${roleOf(input)} }\n`);
  },
};
