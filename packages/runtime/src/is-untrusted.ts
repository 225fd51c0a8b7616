/** As Node calls a certificate that it knows no authority of. */
const UNTRUSTED =
  /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;

/** Whether a connection failed for that the other side's certificate is of no authority that is trusted here. */
export function isUntrusted(error: Partial<NodeJS.ErrnoException>): boolean {
  return UNTRUSTED.test(error.code ?? "");
}
