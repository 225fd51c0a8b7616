import type { z } from "zod";
import type { ClientTls } from "./client-tls.ts";
import type { ConfigReader } from "./config-reader.ts";
import { readCertificates } from "./read-certificates.ts";
import { pathText } from "./schema-problems.ts";
import type { clientTls } from "./schema-types.ts";
import type { KeyPath } from "./yaml-source.ts";

/** A client's `tls` with its certificates read; null where there is none. */
export function resolveClientTls(
  reader: ConfigReader,
  path: KeyPath,
  tls: z.output<ReturnType<typeof clientTls>>,
): ClientTls | null {
  if (tls === undefined) return null;
  if ((tls.cert === undefined) !== (tls.key === undefined))
    reader.problem(path, `${pathText(path)} has one of cert and key; give both, or neither`);
  const { ca, cert, key } = readCertificates(reader, path, tls);
  return { ca, cert, key };
}
