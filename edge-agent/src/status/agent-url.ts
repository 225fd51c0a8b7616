import type { AgentConfig } from "@millrace/config";
import { urlHost } from "@millrace/runtime";

/** What listens on every address is asked on this machine's own. */
const EVERY_ADDRESS: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

/** Where the running agent that a configuration describes answers, without a path. */
export function agentUrl({ http: { host, port } }: Pick<AgentConfig, "http">): string {
  return `http://${urlHost(EVERY_ADDRESS.get(host) ?? host)}:${port}`;
}
