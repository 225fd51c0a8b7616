import { join } from "node:path";
import { loadCentralConfig } from "@millrace/config";
import { MillraceError, systemRandom } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { authorityOf, IDENTITY_FLAGS, identityFolder, validityOf } from "./identity-flags.ts";
import { requireName } from "./require-name.ts";

const PASSWORD_BYTES = 24;

export const ENROLL_COMMAND: Command = {
  summary: "issue the identity of a gateway: a password, or a certificate",
  details:
    "Writes a folder for the gateway and prints what belongs into central.yaml and agent.yaml. With --certificate it signs with the authority in the folder of identities, and makes that where there is none. Send central SIGHUP afterwards: a restart is needed only where its listener is to ask for certificates from now on.",
  words: ["AGENT"],
  flags: {
    ...IDENTITY_FLAGS,
    site: { type: "text", placeholder: "SITE", isRequired: true, summary: "the site that it stands at" },
    certificate: { type: "switch", summary: "a client certificate instead of a password" },
  },
  async run(input) {
    const { flags, name, output, words } = input;
    const [agent = ""] = words;
    const site = flags.requiredText("site");
    requireName(name, agent);
    requireName(name, site);
    const validity = validityOf(input);
    const { config } = loadCentralConfig(flags.requiredText("config"));
    const known = config.agents.find(({ id }) => id === agent);
    if (known !== undefined && known.site !== site)
      throw new MillraceError("wrong_usage", {
        command: name,
        reason: `agent ${agent} is enrolled at site ${known.site} in ${config.path}, not ${site}`,
      });
    const folder = identityFolder(input);
    const own = folder.below(agent);
    const isRenewal = flags.isOn("renew");
    const { port, tls } = config.intake.mqtt;
    const hasCertificate = flags.isOn("certificate");
    const asksForCertificates = tls !== null && tls.ca !== null;
    // Where central shows a certificate of it, the gateway has to know it.
    const authorityOfListener = tls === null ? null : folder.authority();
    if (hasCertificate) {
      const authority = await authorityOf(folder);
      const { issueAgent } = await import("../enrolment/certificates.ts");
      own.writePair("uplink", await issueAgent(authority, agent, validity), isRenewal);
      own.write("ca.crt", authority.cert, true);
    } else {
      own.write("uplink.password", `${systemRandom.hex(PASSWORD_BYTES)}\n`, isRenewal);
      if (authorityOfListener !== null) own.write("ca.crt", authorityOfListener.cert, true);
    }
    const secret = hasCertificate
      ? ""
      : `, passwordFile: ${JSON.stringify(join(own.path, "uplink.password"))}`;
    const uplink = hasCertificate
      ? `{ url: "mqtts://CENTRAL:${port}", ca: ./ca.crt, cert: ./uplink.crt, key: ./uplink.key }`
      : `{ url: "mqtt${tls === null ? "" : "s"}://CENTRAL:${port}", passwordFile: ./uplink.password${authorityOfListener === null ? "" : ", ca: ./ca.crt"} }`;
    output.out(`wrote ${own.path}: ${hasCertificate ? "move" : "copy"} it to the gateway\n`);
    if (known === undefined)
      output.out(`\nin central.yaml, under agents:\n- { id: ${agent}, site: ${site}${secret} }\n`);
    const isListenerNew = hasCertificate && !asksForCertificates;
    if (isListenerNew)
      output.out(
        `\nin central.yaml, so that it asks agents for certificates (\`millrace-central certificate HOST\` makes its own):\nintake: { mqtt: { tls: { ca: ${JSON.stringify(join(folder.path, "authority.crt"))}, cert: …, key: … } } }\n`,
      );
    output.out(`\nin agent.yaml, beside the files:\nagent: ${agent}\nsite: ${site}\nuplink: ${uplink}\n`);
    if (!hasCertificate && asksForCertificates)
      output.out(
        "\ncentral asks every agent for a certificate (intake.mqtt.tls.ca), beside a password: `enroll` with --certificate issues one, which does alone\n",
      );
    output.out(
      isListenerNew
        ? "\nthen start central again: what its listener shows and asks for changes only at a start\n"
        : "\nthen send central SIGHUP (systemctl reload millrace-central)\n",
    );
  },
};
