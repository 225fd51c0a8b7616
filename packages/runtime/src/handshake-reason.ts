import type { TLSSocket } from "node:tls";
import { reasonOf } from "./error.ts";
import { isUntrusted } from "./is-untrusted.ts";

/** What Node and OpenSSL have against a client, by their codes. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; is this machine's clock behind?",
  INVALID_PURPOSE: "its certificate is not one for clients",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "it showed no certificate",
};

/** Why a client failed a listener's handshake, of what its `tlsClientError` tells; OpenSSL's whole text names places in its own source. */
export function handshakeReason(
  error: NodeJS.ErrnoException & { reason?: unknown },
  socket: TLSSocket,
): string {
  // Of a certificate that is not taken the error says "socket hang up"; the code is at the socket.
  const refused: unknown = socket.authorizationError;
  const code = typeof refused === "string" ? refused : (error.code ?? "");
  if (isUntrusted({ code })) return "its certificate is of no authority that is trusted here";
  if (REASONS[code] !== undefined) return REASONS[code];
  if (typeof refused === "string") return `its certificate is not taken (${refused})`;
  return typeof error.reason === "string" ? error.reason : reasonOf(error);
}
