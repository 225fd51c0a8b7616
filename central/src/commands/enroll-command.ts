import { join } from "node:path";
import { loadCentralConfig } from "@millrace/config";
import { MillraceError, systemRandom } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import type { IdentityFolder } from "../enrolment/identity-folder.ts";
import { agentNames, NAMES_FILE_FLAG } from "./agent-names.ts";
import { JSON_FLAG } from "./config-flag.ts";
import { enrolmentText } from "./enrolment.ts";
import type { Enrolment } from "./enrolment.ts";
import { authorityOf, IDENTITY_FLAGS, identityFolder, validityOf } from "./identity-flags.ts";
import { requireName } from "./require-name.ts";

const PASSWORD_BYTES = 24;

export const ENROLL_COMMAND: Command = {
  summary: "issue the identities of gateways: passwords, or certificates",
  details:
    "Writes a folder for each gateway and prints what belongs into central.yaml and agent.yaml. With --certificate it signs with the authority in the folder of identities, and makes that where there is none. Send central SIGHUP afterwards: a restart is needed only where its listener is to ask for certificates from now on. Nothing is written unless all names are right; of several, those that have an identity keep it, so the command may be given again with more names.",
  words: ["[AGENT…]"],
  flags: {
    ...IDENTITY_FLAGS,
    ...NAMES_FILE_FLAG,
    site: { type: "text", placeholder: "SITE", isRequired: true, summary: "the site that they stand at" },
    certificate: { type: "switch", summary: "a client certificate instead of a password" },
    json: JSON_FLAG,
  },
  async run(input) {
    const { flags, name, output, words } = input;
    const site = flags.requiredText("site");
    const agents = agentNames(input);
    requireName(name, site);
    const validity = validityOf(input);
    const { config } = loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true });
    const siteOf = new Map(config.agents.map((each) => [each.id, each.site]));
    for (const agent of agents) {
      const known = siteOf.get(agent) ?? site;
      if (known === site) continue;
      const reason = `agent ${agent} is enrolled at site ${known} in ${config.path}, not ${site}`;
      throw new MillraceError("wrong_usage", { command: name, reason });
    }
    const folder = identityFolder(input);
    const isOne = agents.length === 1 && words.length === 1;
    const isRenewal = flags.isOn("renew");
    const hasCertificate = flags.isOn("certificate");
    const { port, tls } = config.intake.mqtt;
    // Where central shows a certificate of it, the gateway has to know it.
    const authority = hasCertificate ? await authorityOf(folder) : tls === null ? null : folder.authority();
    const issue = async (agent: string, own: IdentityFolder): Promise<void> => {
      if (authority !== null && hasCertificate) {
        const { issueAgent } = await import("../enrolment/certificates.ts");
        own.writePair("uplink", await issueAgent(authority, agent, validity), isRenewal);
      } else own.write("uplink.password", `${systemRandom.hex(PASSWORD_BYTES)}\n`, isRenewal);
    };
    const enrolled: Enrolment["agents"][number][] = [];
    for (const agent of agents) {
      const own = folder.below(agent);
      const isKept = !isOne && !isRenewal && own.has(hasCertificate ? "uplink.crt" : "uplink.password");
      if (!isKept) await issue(agent, own);
      if (authority !== null) own.write("ca.crt", authority.cert, true);
      const secret: Texts = hasCertificate ? {} : { passwordFile: join(own.path, "uplink.password") };
      const entry = siteOf.has(agent) ? null : { id: agent, site, ...secret };
      enrolled.push({ agent, folder: own.path, isNew: !isKept, entry });
    }
    const ca: Texts = authority === null ? {} : { ca: "./ca.crt" };
    const asksForCertificates = tls !== null && tls.ca !== null;
    const enrolment: Enrolment = {
      site,
      agents: enrolled,
      uplink: hasCertificate
        ? { url: `mqtts://CENTRAL:${port}`, ...ca, cert: "./uplink.crt", key: "./uplink.key" }
        : {
            url: `mqtt${tls === null ? "" : "s"}://CENTRAL:${port}`,
            passwordFile: "./uplink.password",
            ...ca,
          },
      listenerCa: hasCertificate && !asksForCertificates ? join(folder.path, "authority.crt") : null,
      isCertificateNeeded: !hasCertificate && asksForCertificates,
    };
    output.out(
      flags.isOn("json") ? `${JSON.stringify(enrolment, null, 2)}\n` : enrolmentText(enrolment, isOne),
    );
  },
};

type Texts = Readonly<Record<string, string>>;
