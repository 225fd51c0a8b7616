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

export interface EnrolledAgent {
  readonly agent: string;
  readonly folder: string;
  /** False: it was there, and is as it was. */
  readonly isNew: boolean;
  /** Files of it that are not there, or empty: it is not whole. */
  readonly missing: readonly string[];
  /** Central.yaml has an entry of it, which `entry` is to replace. */
  readonly isListed: boolean;
  /** For `agents` of central.yaml; null: what is there will do. */
  readonly entry: Readonly<Record<string, string>> | null;
}

/** As it is told to whoever typed the command. */
export function enrolmentText(enrolment: Enrolment): string {
  const { site, agents, uplink, listenerCa, isCertificateNeeded } = enrolment;
  // A password is central's, too; a key is the gateway's alone.
  const verb = uplink["key"] === undefined ? "copy" : "move";
  const [only] = agents;
  const isOne = agents.length === 1 && only !== undefined;
  const entries = (areListed: boolean) =>
    agents.flatMap(({ entry, isListed }) =>
      entry === null || isListed !== areListed ? [] : `- ${flow(entry)}\n`,
    );
  const [missing, wrong] = [entries(false), entries(true)];
  const parts = [
    isOne
      ? `${only.isNew ? "wrote " : ""}${only.folder}: ${stateOf(only, verb)}\n`
      : formatTable(
          ["agent", "folder", ""],
          agents.map((each) => [each.agent, each.folder, stateOf(each, verb)]),
        ),
    missing.length === 0 ? "" : `in central.yaml, under agents:\n${missing.join("")}`,
    wrong.length === 0
      ? ""
      : `in central.yaml, under agents, in place of what is there of it:\n${wrong.join("")}`,
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

function stateOf({ isNew, missing }: EnrolledAgent, verb: string): string {
  if (missing.length > 0) return `not whole: without ${missing.join(" and ")}; --renew makes another`;
  return isNew ? `${verb} it to the gateway` : "was there, and is as it was; --renew makes another";
}

/** A map of YAML in one line: names and files beside it as they are, other texts in quotes. */
function flow(map: Readonly<Record<string, string>>): string {
  const fields = Object.entries(map).map(([name, text]) => {
    const isPlain = /^(?:\.\/)?[\w.-]+$/.test(text);
    return `${name}: ${isPlain ? text : JSON.stringify(text)}`;
  });
  return `{ ${fields.join(", ")} }`;
}
