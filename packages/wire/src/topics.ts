import type { DownTopic, UpTopic } from "./link.ts";

/** Topics of the uplink: `millrace/v1/{agent}/{name}`; see messages.ts. */
const ROOT = "millrace/v1";
const UP_TOPICS: readonly UpTopic[] = ["hello", "batch", "heartbeat"];
const DOWN_TOPICS: readonly DownTopic[] = ["welcome", "ack", "echo"];
/** An agent's id is one topic level, and safe in file names and log lines. */
export const AGENT_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function isAgentId(text: string): boolean {
  return AGENT_ID.test(text);
}

export function upTopic(agent: string, name: UpTopic): string {
  return `${ROOT}/${agent}/${name}`;
}

export function downTopic(agent: string, name: DownTopic): string {
  return `${ROOT}/${agent}/${name}`;
}

/** Undefined for every other topic. */
export function parseUpTopic(topic: string): { agent: string; name: UpTopic } | undefined {
  return parse(topic, UP_TOPICS);
}

/** Undefined for every other topic. */
export function parseDownTopic(topic: string): { agent: string; name: DownTopic } | undefined {
  return parse(topic, DOWN_TOPICS);
}

function parse<Name extends string>(
  topic: string,
  names: readonly Name[],
): { agent: string; name: Name } | undefined {
  if (!topic.startsWith(`${ROOT}/`)) return undefined;
  const levels = topic.slice(ROOT.length + 1).split("/");
  if (levels.length !== 2) return undefined;
  const name = names.find((known) => known === levels[1]);
  return name !== undefined && isAgentId(levels[0]) ? { agent: levels[0], name } : undefined;
}
