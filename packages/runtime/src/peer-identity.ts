import { createHash, X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";

/** SHA-256, so that secrets of any length can be compared with `timingSafeEqual`. */
export function secretDigest(secret: string | Uint8Array): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** The common name of the first certificate of a PEM text; null where it has none. */
export function commonNameIn(pem: string): string | null {
  const name: unknown = new X509Certificate(pem).toLegacyObject().subject.CN;
  return typeof name === "string" ? name : null;
}

/** The common name of a connection's client certificate that the handshake has verified; null where there is none. */
export function certifiedNameOf(connection: unknown): string | null {
  if (!(connection instanceof TLSSocket) || !connection.authorized) return null;
  const name: string | string[] | undefined = connection.getPeerCertificate().subject?.CN;
  return typeof name === "string" ? name : null;
}
