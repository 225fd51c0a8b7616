import { X509Certificate } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { MillraceError, systemClock } from "@millrace/runtime";
import type { CommandInput, Flags } from "@millrace/runtime";
import type { CertificateAndKey, Validity } from "../enrolment/certificates.ts";
import { IdentityFolder } from "../enrolment/identity-folder.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

const AUTHORITY_DAYS = 3_650;
const DAYS_MAX = 3_650;
const DAY_MS = 86_400_000;

/** Of the commands that issue identities. */
export const IDENTITY_FLAGS = {
  config: CONFIG_FLAG,
  folder: {
    type: "text",
    placeholder: "FOLDER",
    summary: "where identities lie; default: identities beside central's configuration",
  },
  days: {
    type: "number",
    placeholder: "DAYS",
    default: "365",
    summary: "how long the certificate is valid",
  },
  renew: { type: "switch", summary: "write over the one that is there" },
} as const satisfies Flags;

export function identityFolder({ flags }: Pick<CommandInput, "flags">): IdentityFolder {
  const beside = join(dirname(resolve(flags.requiredText("config"))), "identities");
  return new IdentityFolder(flags.text("folder") ?? beside);
}

/** From now on. Rejects with `wrong_usage`. */
export function validityOf({ flags, name }: Pick<CommandInput, "flags" | "name">): Validity {
  const days = flags.number("days") ?? 0;
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX)
    throw new MillraceError("wrong_usage", {
      command: name,
      reason: `--days is a whole number from 1 to ${DAYS_MAX}`,
    });
  return { fromMs: systemClock.nowMs(), days };
}

/** The folder's own authority; made where there is none. Says where it ends before what it is to sign would. */
export async function authorityOf(
  folder: IdentityFolder,
  { fromMs, days }: Validity,
  output: CommandInput["output"],
): Promise<CertificateAndKey> {
  const held = folder.authority(fromMs);
  if (held !== null) {
    const { validToDate } = new X509Certificate(held.cert);
    if (validToDate.getTime() < fromMs + days * DAY_MS)
      output.err(
        `warning: the authority (${folder.path}/authority.crt) ends at ${validToDate.toISOString()}: what it signs ends then, before ${days} days\n`,
      );
    return held;
  }
  const { makeAuthority } = await import("../enrolment/certificates.ts");
  const authority = await makeAuthority("Millrace authority", { fromMs, days: AUTHORITY_DAYS });
  folder.writePair("authority", authority, false);
  return authority;
}
