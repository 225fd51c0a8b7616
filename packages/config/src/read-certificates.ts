import { X509Certificate } from "node:crypto";
import { certificateProblem } from "@millrace/runtime";
import type { CertificatePaths, CertificateTexts } from "@millrace/runtime";
import type { ConfigReader } from "./config-reader.ts";
import { pathText } from "./schema-problems.ts";
import type { KeyPath } from "./yaml-source.ts";

/**
 * The certificates (PEM) in the files that keys below `path` name, and where they lie. What TLS cannot use is told: by default, as
 * a problem. An own certificate that has expired, or is not valid yet, is a warning: it may be renewed while the program runs.
 */
export function readCertificates(
  reader: ConfigReader,
  path: KeyPath,
  names: { readonly [Name in keyof CertificatePaths]?: string | undefined },
  tell = reader.fileProblem,
): CertificateTexts & { readonly paths: CertificatePaths } {
  let isRead = true;
  const textOf = (name: keyof CertificatePaths): string | null => {
    const file = names[name];
    if (file === undefined) return null;
    const text = reader.readNamedFile([...path, name], file, tell);
    isRead &&= text !== undefined;
    return text ?? null;
  };
  const pathOf = (file: string | undefined) => (file === undefined ? null : reader.resolvePath(file));
  const texts = { ca: textOf("ca"), cert: textOf("cert"), key: textOf("key") };
  const paths = { ca: pathOf(names.ca), cert: pathOf(names.cert), key: pathOf(names.key) };
  const problem = isRead ? certificateProblem(texts, paths) : null;
  if (problem !== null) {
    const place = [...path, problem.at];
    tell(place, `${pathText(place)}: ${problem.message}`);
  } else if (isRead && texts.cert !== null) {
    const place = [...path, "cert"];
    const doubt = doubtOf(texts.cert, reader.nowMs);
    if (doubt !== null) reader.warning(place, `${pathText(place)}: ${paths.cert} ${doubt}`);
  }
  return { ...texts, paths };
}

function doubtOf(cert: string, nowMs: number): string | null {
  const { validFromDate: from, validToDate: to } = new X509Certificate(cert);
  if (to.getTime() <= nowMs)
    return `has expired at ${to.toISOString()}, and whoever is shown it refuses it; renew it`;
  if (from.getTime() <= nowMs) return null;
  return `is not valid before ${from.toISOString()}, and whoever is shown it refuses it until then; compare this machine's clock`;
}
