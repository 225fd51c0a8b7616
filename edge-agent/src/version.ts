import { readVersion, type Version } from "@millrace/runtime";
import { WIRE_VERSION } from "@millrace/wire";

/** Format of the agent's store; rises when a newer program could not be followed by an older one. */
export const AGENT_STORE_VERSION = 2;

export function agentVersion(): Version {
  return readVersion({
    program: "millrace-agent",
    wireVersion: WIRE_VERSION,
    storeVersion: AGENT_STORE_VERSION,
  });
}
