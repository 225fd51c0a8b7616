import type { z } from "zod";
import type { HttpInputConfig, HttpUser } from "./agent-config.ts";
import type { httpInputSchema } from "./agent-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { isOpenHost } from "./open-host.ts";
import { readCertificates } from "./read-certificates.ts";

/** `inputs.http` with its secrets and certificates read. */
export function resolveHttpInput(
  reader: ConfigReader,
  http: z.output<ReturnType<typeof httpInputSchema>>,
): HttpInputConfig {
  const path = ["inputs", "http"];
  const users = http.users.map((entry, index): HttpUser => {
    const keyPath = [...path, "users", index];
    const password = reader.readSecret(keyPath, entry);
    const token = reader.readSecret(
      keyPath,
      { password: entry.token, passwordFile: entry.tokenFile },
      "token",
    );
    if ((password === null) === (token === null)) {
      const has = password === null ? "neither a password nor a token" : "both a password and a token";
      reader.problem(
        keyPath,
        `user ${entry.user} has ${has}; give one of password, passwordFile, token, tokenFile`,
      );
    }
    return { user: entry.user, password, token };
  });
  if (isOpenHost(http.host) && users.length === 0) {
    reader.warning(
      [...path, "host"],
      `anybody in the network (${http.host}) may post readings; list users, or set host: 127.0.0.1`,
    );
  } else if (isOpenHost(http.host) && http.tls === undefined) {
    reader.warning(
      [...path, "host"],
      `passwords and tokens cross the network (${http.host}) unencrypted; give inputs.http.tls, or set host: 127.0.0.1`,
    );
  }
  const { host, port, tls, clientsMax, requestsMax, requestsPerClientMax, bodyBytesMax } = http;
  const { cert, key } = readCertificates(reader, [...path, "tls"], tls ?? {});
  return {
    host,
    port,
    users,
    tls: tls === undefined ? null : { cert: cert ?? "", key: key ?? "" },
    clientsMax,
    requestsMax,
    requestsPerClientMax,
    bodyBytesMax,
  };
}
