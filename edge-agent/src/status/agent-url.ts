import type { AgentConfig } from "@millrace/config";

/** What listens on every address is asked on this machine's own. */
const EVERY_ADDRESS: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

/** Where the running agent that a configuration describes answers, without a path. */
export function agentUrl({ http: { host, port } }: Pick<AgentConfig, "http">): string {
  const asked = EVERY_ADDRESS.get(host) ?? host;
  return `http://${asked.includes(":") ? `[${asked}]` : asked}:${port}`;
}
