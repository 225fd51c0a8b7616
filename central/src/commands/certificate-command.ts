import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { certifiedHosts, oneSpelling } from "../enrolment/certified-hosts.ts";
import { authorityOf, IDENTITY_FLAGS, identityFolder, validityOf } from "./identity-flags.ts";
import { requireHost } from "./require-host.ts";

export const CERTIFICATE_COMMAND: Command = {
  summary: "issue the certificate that central's listeners show, signed by the authority of `enroll`",
  details:
    "For all host names and addresses that agents and browsers reach central by. With --renew it is for those of the one before, too, and a running central shows it within seconds.",
  words: ["[HOST…]"],
  flags: {
    ...IDENTITY_FLAGS,
    only: { type: "switch", summary: "with --renew: for these hosts alone, none of the one before" },
  },
  async run(input) {
    const { flags, name, output, words } = input;
    for (const host of words) requireHost(name, host);
    const validity = validityOf(input);
    const folder = identityFolder(input);
    const path = join(folder.path, "central.crt");
    const isRenewal = flags.isOn("renew");
    const before = isRenewal && !flags.isOn("only") && folder.has("central.crt") ? hostsIn(name, path) : [];
    const hosts = [...new Set([...before, ...words.map(oneSpelling)])];
    if (hosts.length === 0)
      throw new MillraceError("wrong_usage", { command: name, reason: "HOST is missing" });
    const authority = await authorityOf(folder, validity, output);
    const { issueServer } = await import("../enrolment/certificates.ts");
    folder.writePair("central", await issueServer(authority, hosts, validity), isRenewal);
    const [cert, key] = ["central.crt", "central.key"].map((file) => JSON.stringify(join(folder.path, file)));
    output.out(`wrote ${path} for ${hosts.join(", ")}\n`);
    output.out(`\nin central.yaml, under intake.mqtt and http:\ntls: { cert: ${cert}, key: ${key} }\n`);
  },
};

function hostsIn(command: string, path: string): readonly string[] {
  try {
    return certifiedHosts(new X509Certificate(readFileSync(path)));
  } catch (error) {
    const reason = `cannot tell which hosts ${path} is for (${reasonOf(error)}); name all of them, with --only`;
    throw new MillraceError("wrong_usage", { command, reason });
  }
}
