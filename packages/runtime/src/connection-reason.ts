import { reasonOf } from "./error.ts";
import { isUntrusted } from "./is-untrusted.ts";

/** Why a connection failed. `ca`: the setting that names whom it trusts; what Node advises there is a flag of its own. */
export function connectionReason(error: unknown, ca: string): string {
  return error instanceof Error && isUntrusted(error)
    ? `its certificate is of no authority that is trusted here: let ${ca} name the file of its CA`
    : reasonOf(error);
}
