import { isIP } from "node:net";

/**
 * Why a request with this Host header is not answered; null when it names this server: an IP address, localhost, or one
 * of `names`, whatever the port. A page of another site can point its own name at our address (DNS rebinding) and is of
 * our origin to the browser then; but it cannot make the browser send another Host. Programs may send none.
 */
export function hostRefusal(header: string | undefined, names: readonly string[]): string | null {
  if (header === undefined) return null;
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header);
  const host = (match?.[1] ?? match?.[2] ?? "").toLowerCase();
  const isOurs =
    isIP(host) !== 0 || host === "localhost" || names.some((name) => name.toLowerCase() === host);
  return isOurs
    ? null
    : `cannot answer for host "${header}": it is not a name of this server; ask by IP address or localhost, or add the name to http.allowedHosts`;
}
