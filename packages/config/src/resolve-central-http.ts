import type { z } from "zod";
import type { CentralConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { isOpenHost } from "./open-host.ts";
import { readServerTls } from "./read-server-tls.ts";

/** `http` of central.yaml: open to other machines only with users or tokens. */
export function resolveCentralHttp(
  reader: ConfigReader,
  http: z.output<typeof centralSchema>["http"],
): CentralConfig["http"] {
  const { host, port, allowedHosts, tls, allowControl } = http;
  const names = new Set<string>();
  const checkName = (list: "users" | "tokens", index: number, name: string) => {
    if (names.has(name))
      reader.problem(["http", list, index], `${name} is listed twice; names of users and tokens are unique`);
    names.add(name);
  };
  const users = http.users.map(({ user, passwordHash: hash, role }, index) => {
    checkName("users", index, user);
    return { user, hash, role };
  });
  const tokens = http.tokens.map(({ name, tokenHash, role }, index) => {
    checkName("tokens", index, name);
    return { name, hash: tokenHash.replace(/^sha256:/, ""), role };
  });
  if (isOpenHost(host) && names.size === 0) {
    reader.problem(
      ["http", "host"],
      `everybody in the network (${host}) could use dashboard and API; list http.users or http.tokens (\`millrace-central user NAME\` and \`millrace-central token NAME\` print entries), or set host: 127.0.0.1`,
    );
  } else if (isOpenHost(host) && tls === undefined) {
    reader.warning(
      ["http", "host"],
      `passwords and tokens cross the network (${host}) unencrypted; give http.tls, or set host: 127.0.0.1 and put a proxy with TLS before it`,
    );
  }
  return {
    host,
    port,
    allowedHosts,
    isControlAllowed: allowControl,
    users,
    tokens,
    tls: tls === undefined ? null : readServerTls(reader, ["http", "tls"], tls),
  };
}
