import type { ServerTls } from "./central-config.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { KeyPath } from "./yaml-source.ts";

/** What a listener shows: the texts now, and where they are to be looked for when they change. */
export function readServerTls(
  reader: ConfigReader,
  path: KeyPath,
  tls: { readonly cert: string; readonly key: string; readonly ca?: string | undefined },
): ServerTls {
  return {
    cert: reader.readPem([...path, "cert"], tls.cert),
    key: reader.readPem([...path, "key"], tls.key),
    paths: {
      cert: reader.resolvePath(tls.cert),
      key: reader.resolvePath(tls.key),
      ca: tls.ca === undefined ? null : reader.resolvePath(tls.ca),
    },
  };
}
