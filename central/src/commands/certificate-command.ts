import { join } from "node:path";
import type { Command } from "@millrace/runtime";
import { authorityOf, IDENTITY_FLAGS, identityFolder, validityOf } from "./identity-flags.ts";
import { requireHost } from "./require-host.ts";

export const CERTIFICATE_COMMAND: Command = {
  summary: "issue the certificate that central's listeners show, signed by the authority of `enroll`",
  details:
    "For all host names and addresses that agents and browsers reach central by. With --renew a running central shows the new one within seconds.",
  words: ["HOST…"],
  flags: IDENTITY_FLAGS,
  async run(input) {
    const { flags, name, output, words } = input;
    for (const host of words) requireHost(name, host);
    const validity = validityOf(input);
    const folder = identityFolder(input);
    const authority = await authorityOf(folder, validity, output);
    const { issueServer } = await import("../enrolment/certificates.ts");
    folder.writePair("central", await issueServer(authority, words, validity), flags.isOn("renew"));
    const [cert, key] = ["central.crt", "central.key"].map((file) => JSON.stringify(join(folder.path, file)));
    output.out(`wrote ${folder.path}/central.crt for ${words.join(", ")}\n`);
    output.out(`\nin central.yaml, under intake.mqtt and http:\ntls: { cert: ${cert}, key: ${key} }\n`);
  },
};
