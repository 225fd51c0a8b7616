import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { MillraceError } from "@millrace/runtime";

/** RFC 1123, 2.1: labels of letters, digits and hyphens, the last no number. Underscores are in use inside of plants. */
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
const NAME_LENGTH_MAX = 253;

/** A host name or address that a certificate can be for; `*.` may stand for one label. Throws `wrong_usage`. */
export function requireHost(command: string, host: string): void {
  if (isIP(host) !== 0 && !host.includes("%")) return;
  const labels = host.replace(/^\*\./, "").split(".");
  const isName = labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "");
  if (isName && host.length <= NAME_LENGTH_MAX) return;
  const ascii = domainToASCII(host);
  const advice = /[^\0-\x7f]/.test(host) && ascii !== "" ? `; write ${ascii}` : "";
  const reason = `${JSON.stringify(host)} is neither a host name nor an address, both without a port${advice}`;
  throw new MillraceError("wrong_usage", { command, reason });
}
