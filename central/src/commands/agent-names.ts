import { readFileSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { CommandInput, Flags } from "@millrace/runtime";
import { IdentityFolder } from "../enrolment/identity-folder.ts";
import { requireName } from "./require-name.ts";

export const NAMES_FILE_FLAG = {
  "names-file": {
    type: "text",
    placeholder: "FILE",
    summary: "file of further names, one a line; - reads standard input",
  },
} as const satisfies Flags;

/** The agents that a command is for, in order: its words, then what the file has. Throws `wrong_usage` unless each is a name, and another one. */
export function agentNames({ flags, name, words }: CommandInput): readonly string[] {
  const path = flags.text("names-file");
  const named = [
    ...words.map((agent) => ({ agent, place: "" })),
    ...(path === undefined ? [] : namesIn(name, path)),
  ];
  const agents = new Set<string>();
  for (const { agent, place } of named) {
    requireName(name, agent, place);
    if (IdentityFolder.isOwn(agent))
      throw wrongUsage(name, `${place}${agent} is the name of a file in the folder of identities`);
    if (agents.has(agent)) throw wrongUsage(name, `${place}${agent} is named twice`);
    agents.add(agent);
  }
  if (agents.size === 0) throw wrongUsage(name, "AGENT is missing, or --names-file with names in it");
  return [...agents];
}

function namesIn(command: string, path: string): { readonly agent: string; readonly place: string }[] {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8")
      .split("\n")
      .map((line, index) => ({ agent: line.trim(), place: `${path}:${index + 1}: ` }))
      .filter(({ agent }) => agent !== "");
  } catch (error) {
    throw wrongUsage(command, `cannot read --names-file ${path}: ${reasonOf(error)}`);
  }
}

function wrongUsage(command: string, reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command, reason });
}
