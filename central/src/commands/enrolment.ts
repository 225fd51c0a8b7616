import { formatTable } from "./table.ts";

/** What `enroll` has done, and what is left to be done. */
export interface Enrolment {
  readonly site: string;
  readonly agents: readonly EnrolledAgent[];
  /** Of each agent.yaml; files are beside it. */
  readonly uplink: Readonly<Record<string, string>>;
  /** For `intake.mqtt.tls.ca` of central.yaml, so that its listener asks for certificates; null: it does, or need not. */
  readonly listenerCa: string | null;
  /** Central asks every agent for a certificate, and these are to have a password. */
  readonly isCertificateNeeded: boolean;
}

interface EnrolledAgent {
  readonly agent: string;
  readonly folder: string;
  /** False: it was there, and is as it was. */
  readonly isNew: boolean;
  /** For `agents` of central.yaml; null: it is there. */
  readonly entry: Readonly<Record<string, string>> | null;
}

/** As it is told to whoever typed the command. `isOne`: for one gateway, by its name. */
export function enrolmentText(
  { site, agents, uplink, listenerCa, isCertificateNeeded }: Enrolment,
  isOne: boolean,
): string {
  // A password is central's, too; a key is the gateway's alone.
  const verb = uplink["key"] === undefined ? "copy" : "move";
  const [only] = agents;
  const entries = agents.flatMap(({ entry }) => (entry === null ? [] : `- ${flow(entry)}\n`));
  const parts = [
    isOne
      ? `wrote ${only.folder}: ${verb} it to the gateway\n`
      : formatTable(
          ["agent", "folder", ""],
          agents.map(({ agent, folder, isNew }) => [
            agent,
            folder,
            isNew ? `${verb} it to the gateway` : "was there, and is as it was",
          ]),
        ),
    entries.length === 0 ? "" : `in central.yaml, under agents:\n${entries.join("")}`,
    listenerCa === null
      ? ""
      : `in central.yaml, so that it asks agents for certificates (\`millrace-central certificate HOST\` makes its own):\nintake: { mqtt: { tls: { ca: ${JSON.stringify(listenerCa)}, cert: …, key: … } } }\n`,
    isOne
      ? `in agent.yaml, beside the files:\nagent: ${only.agent}\nsite: ${site}\nuplink: ${flow(uplink)}\n`
      : `in each agent.yaml, beside the files, with its own name:\nagent: …\nsite: ${site}\nuplink: ${flow(uplink)}\n`,
    isCertificateNeeded
      ? "central asks every agent for a certificate (intake.mqtt.tls.ca), beside a password: `enroll` with --certificate issues one, which does alone\n"
      : "",
    listenerCa === null
      ? "then send central SIGHUP (systemctl reload millrace-central)\n"
      : "then start central again: what its listener shows and asks for changes only at a start\n",
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** A map of YAML in one line: names and files beside it as they are, other texts in quotes. */
function flow(map: Readonly<Record<string, string>>): string {
  const fields = Object.entries(map).map(([name, text]) => {
    const isPlain = /^(?:\.\/)?[\w.-]+$/.test(text);
    return `${name}: ${isPlain ? text : JSON.stringify(text)}`;
  });
  return `{ ${fields.join(", ")} }`;
}
