import { X509Certificate } from "node:crypto";
import { commonNameIn } from "@millrace/runtime";

/**
 * Why central does not take the certificate that the agent shows, as far as its dates tell; null: they tell nothing. Central
 * ends such a connection without a word.
 */
export function certificateFault(cert: string | null, path: string | null, nowMs: number): string | null {
  if (cert === null) return null;
  const dates = datesOf(cert);
  if (dates === null) return null;
  const { validFromDate, validToDate } = dates;
  const what = `the certificate (\`uplink.cert\`: ${path})`;
  const renewal = `\`millrace-central enroll ${commonNameIn(cert) ?? "AGENT"} --site … --certificate --renew\`, or your own authority, issues another`;
  if (validToDate.getTime() <= nowMs)
    return `${what} has expired at ${validToDate.toISOString()}: ${renewal}`;
  if (validFromDate.getTime() <= nowMs) return null;
  return `${what} is not valid before ${validFromDate.toISOString()}: is this gateway's clock behind? Else ${renewal}`;
}

/** Null: it is none, which is told where it is used. */
function datesOf(pem: string): Pick<X509Certificate, "validFromDate" | "validToDate"> | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}
