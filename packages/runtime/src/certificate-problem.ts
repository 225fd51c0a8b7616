import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { CertificatePaths, CertificateTexts } from "./certificate-files.ts";
import { reasonOf } from "./error.ts";

/** Why TLS cannot use certificates that belong together, and the one of them that shows it. */
export interface CertificateProblem {
  readonly at: keyof CertificatePaths;
  /** Names the files, and the way out. */
  readonly message: string;
}

/** Null where they can be used; whether they have expired is another question. */
export function certificateProblem(
  texts: CertificateTexts,
  paths: CertificatePaths,
): CertificateProblem | null {
  for (const at of ["cert", "key", "ca"] as const) {
    const [path, text] = [paths[at], texts[at]];
    if (path !== null && text === null) return { at, message: `${path} cannot be read` };
    if (text === null) continue;
    const reason = failureOf(() => (at === "key" ? createPrivateKey(text) : new X509Certificate(text)));
    if (reason === null) continue;
    const what = at === "key" ? "no private key (PEM) without a passphrase" : "no certificate (PEM)";
    return { at, message: `${path} holds ${what}: ${reason}; put one there` };
  }
  const { cert, key, ca } = texts;
  const pair = `${paths.cert} does not fit its key ${paths.key}`;
  const wayOut = "put the two there that were issued together";
  // OpenSSL lets a key of another kind pass: it looks for its certificate only at the handshake.
  if (cert !== null && key !== null && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    return { at: "cert", message: `${pair}; ${wayOut}` };
  const reason = failureOf(() =>
    createSecureContext({
      ...(cert === null ? {} : { cert }),
      ...(key === null ? {} : { key }),
      ...(ca === null ? {} : { ca }),
    }),
  );
  const named = Object.values(paths).filter((path) => path !== null);
  return reason === null
    ? null
    : { at: cert === null ? "ca" : "cert", message: `TLS cannot use ${named.join(", ")}: ${reason}` };
}

/** As OpenSSL says it. */
function failureOf(use: () => unknown): string | null {
  try {
    use();
    return null;
  } catch (error) {
    const hasReason = error instanceof Error && "reason" in error && typeof error.reason === "string";
    return hasReason ? String(error.reason) : reasonOf(error);
  }
}
