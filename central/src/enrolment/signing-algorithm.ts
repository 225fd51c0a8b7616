import type { KeyObject } from "node:crypto";

/** As WebCrypto calls them; OpenSSL's names of curves are others. */
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

/** What a key signs certificates with; null: it is of a kind that cannot. */
export function signingAlgorithm({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): SigningAlgorithm | null {
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const namedCurve = CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  return namedCurve === undefined ? null : { name: "ECDSA", namedCurve, hash: "SHA-256" };
}

type SigningAlgorithm =
  | { readonly name: "RSASSA-PKCS1-v1_5"; readonly hash: string }
  | { readonly name: "ECDSA"; readonly namedCurve: string; readonly hash: string };
