import { isDeepStrictEqual } from "node:util";
import type { CentralConfig } from "@millrace/config";

/** Settings of central.yaml that differ and are read at its next start, by their keys. */
export function laterSettings(before: CentralConfig, after: CentralConfig): string[] {
  const [old, next] = [fixed(before), fixed(after)];
  return Object.entries(next).flatMap(([key, value]) =>
    isDeepStrictEqual(old[key], value) ? [] : key.replace(/Ms$/, ""),
  );
}

/** All but what a running central takes over: agents, users, tokens and what the files of certificates hold. */
function fixed({
  path: _path,
  agents: _agents,
  http,
  intake,
  ...rest
}: CentralConfig): Record<string, unknown> {
  const { users: _users, tokens: _tokens, tls, ...ofHttp } = http;
  const { tls: ofIntake, ...mqtt } = intake.mqtt;
  return {
    ...rest,
    http: { ...ofHttp, tls: tls?.paths ?? null },
    intake: { ...intake, mqtt: { ...mqtt, tls: ofIntake?.paths ?? null } },
  };
}
