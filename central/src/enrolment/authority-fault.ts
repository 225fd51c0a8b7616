import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { reasonOf } from "@millrace/runtime";
import { signingAlgorithm } from "./signing-algorithm.ts";

/** Why nobody can be given an authority, with the file; null: nothing. `key`: null where nothing is to be signed. PEM texts. */
export function authorityFault(cert: string, key: string | null, nowMs: number): string | null {
  const certificate = readOr(() => new X509Certificate(cert));
  if (typeof certificate === "string") return `authority.crt is no certificate in PEM (${certificate})`;
  const { ca, subject, validToDate } = certificate;
  if (!ca) return `authority.crt (${subject}) is no authority's`;
  if (validToDate.getTime() <= nowMs) return `authority.crt has expired at ${validToDate.toISOString()}`;
  if (key === null) return null;
  if (/ENCRYPTED/.test(key)) return "authority.key is encrypted";
  const privateKey = readOr((): KeyObject => createPrivateKey(key));
  if (typeof privateKey === "string") return `authority.key is no private key in PEM (${privateKey})`;
  if (signingAlgorithm(privateKey) === null)
    return `authority.key is of a kind (${privateKey.asymmetricKeyDetails?.namedCurve ?? privateKey.asymmetricKeyType}) that signs no certificates here`;
  return certificate.checkPrivateKey(privateKey)
    ? null
    : `authority.key is not the key of authority.crt (${subject})`;
}

/** The reason where that cannot be. */
function readOr<Read>(read: () => Read): Read | string {
  try {
    return read();
  } catch (error) {
    return reasonOf(error);
  }
}
