import type { ServerTls } from "./central-config.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readCertificates } from "./read-certificates.ts";
import type { KeyPath } from "./yaml-source.ts";

/** What a listener shows, and whom it trusts: the texts now, and where they are to be looked for when they change. */
export function readServerTls(
  reader: ConfigReader,
  path: KeyPath,
  tls: { readonly cert: string; readonly key: string; readonly ca?: string | undefined },
): ServerTls {
  const { cert, key, ca, paths } = readCertificates(reader, path, tls);
  return { cert: cert ?? "", key: key ?? "", ca, paths };
}
