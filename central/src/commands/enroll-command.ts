import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadCentralConfig } from "@millrace/config";
import { MillraceError, systemRandom } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import type { IdentityFolder } from "../enrolment/identity-folder.ts";
import { agentNames, NAMES_FILE_FLAG } from "./agent-names.ts";
import { JSON_FLAG } from "./config-flag.ts";
import { enrolmentText } from "./enrolment.ts";
import type { EnrolledAgent, Enrolment } from "./enrolment.ts";
import { authorityOf, IDENTITY_FLAGS, identityFolder, validityOf } from "./identity-flags.ts";
import { requireName } from "./require-name.ts";

const PASSWORD_BYTES = 24;

export const ENROLL_COMMAND: Command = {
  summary: "issue the identities of gateways: passwords, or certificates",
  details:
    "Writes a folder for each gateway and prints what belongs into central.yaml and agent.yaml. With --certificate it signs with the authority in the folder of identities, and makes that where there is none. Send central SIGHUP afterwards: a restart is needed only where its listener is to ask for certificates from now on. Nothing is written unless all names are right; of several, those that have an identity keep it (but for --renew), so the command may be given again with more names. Exit code 1: an identity that was there is not whole.",
  words: ["[AGENT…]"],
  flags: {
    ...IDENTITY_FLAGS,
    ...NAMES_FILE_FLAG,
    site: { type: "text", placeholder: "SITE", isRequired: true, summary: "the site that they stand at" },
    certificate: { type: "switch", summary: "a client certificate instead of a password" },
    json: JSON_FLAG,
  },
  async run(input) {
    const { flags, name, output } = input;
    const site = flags.requiredText("site");
    const agents = agentNames(input);
    requireName(name, site);
    const validity = validityOf(input);
    const configPath = flags.requiredText("config");
    const { config } = loadCentralConfig(configPath, { toleratesFiles: true });
    const siteOf = new Map(config.agents.map((each) => [each.id, each.site]));
    for (const agent of agents) {
      const known = siteOf.get(agent) ?? site;
      if (known === site) continue;
      const reason = `agent ${agent} is enrolled at site ${known} in ${config.path}, not ${site}`;
      throw new MillraceError("wrong_usage", { command: name, reason });
    }
    const folder = identityFolder(input);
    const isRenewal = flags.isOn("renew");
    const hasCertificate = flags.isOn("certificate");
    const { port, tls } = config.intake.mqtt;
    const authority = hasCertificate ? await authorityOf(folder, validity, output) : null;
    // Where central shows a certificate of it, the gateway has to know it.
    const authorityCert =
      authority?.cert ?? (tls === null ? null : folder.authorityCertificate(validity.fromMs));
    // A key without its certificate is nobody's.
    const [first, ...others] = hasCertificate ? ["uplink.crt", "uplink.key"] : ["uplink.password"];
    const issue = async (agent: string, own: IdentityFolder): Promise<void> => {
      if (authority === null) return own.write(first, `${systemRandom.hex(PASSWORD_BYTES)}\n`, isRenewal);
      const { issueAgent } = await import("../enrolment/certificates.ts");
      own.writePair("uplink", await issueAgent(authority, agent, validity), isRenewal);
    };
    const identities: Pick<EnrolledAgent, "agent" | "folder" | "isNew" | "missing">[] = [];
    for (const agent of agents) {
      const own = folder.below(agent);
      const isNew = isRenewal || !own.has(first);
      if (isNew) await issue(agent, own);
      if (authorityCert !== null) own.write("ca.crt", authorityCert, true);
      identities.push({ agent, folder: own.path, isNew, missing: own.missing([first, ...others]) });
    }
    // With what is there now: a password that an entry names by its file is the new one.
    const passwords = new Map(
      loadCentralConfig(configPath, { toleratesFiles: true }).config.agents.map((each) => [
        each.id,
        each.password,
      ]),
    );
    const enrolled = identities.map((identity): EnrolledAgent => {
      const { agent, folder: own, missing } = identity;
      const passwordFile = join(own, "uplink.password");
      const password = hasCertificate
        ? null
        : (readFileSync(passwordFile, "utf8").split(/\r?\n/, 1)[0] ?? "");
      const isListed = passwords.has(agent);
      const isRight = missing.length > 0 || (isListed && passwords.get(agent) === password);
      const entry = { id: agent, site, ...(hasCertificate ? {} : { passwordFile }) };
      return { ...identity, isListed, entry: isRight ? null : entry };
    });
    const ca: Texts = authorityCert === null ? {} : { ca: "./ca.crt" };
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
    output.out(flags.isOn("json") ? `${JSON.stringify(enrolment, null, 2)}\n` : enrolmentText(enrolment));
    return identities.every(({ missing }) => missing.length === 0) ? 0 : 1;
  },
};

type Texts = Readonly<Record<string, string>>;
