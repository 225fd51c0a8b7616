import type { X509Certificate } from "node:crypto";
import { isIPv6, SocketAddress } from "node:net";

/** The host names and addresses that a listener's certificate is for. */
export function certifiedHosts({ subjectAltName = "" }: X509Certificate): readonly string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,]+)/g)].map(([, host = ""]) =>
    oneSpelling(host),
  );
}

/** Names have no case, and an IPv6 address many forms: as RFC 5952 writes it. */
export function oneSpelling(host: string): string {
  return isIPv6(host) ? new SocketAddress({ address: host, family: "ipv6" }).address : host.toLowerCase();
}
