import type { IncomingHttpHeaders } from "node:http";

/** One request's way here. */
export interface RequestOrigin {
  readonly remoteAddress: string | undefined;
  /** The address of this machine that it came to. */
  readonly localAddress: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Headers that a browser's page or a proxy adds: who asks is then somewhere else. */
const FOREIGN_HEADERS = ["origin", "forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * Whether a program on this machine asks, as `millrace-central` itself does: from loopback, or from the very address it
 * came to, which nobody else can answer under.
 */
export function isFromOwnMachine({ remoteAddress, localAddress, headers }: RequestOrigin): boolean {
  if (remoteAddress === undefined || FOREIGN_HEADERS.some((name) => headers[name] !== undefined))
    return false;
  const plain = remoteAddress.replace(/^::ffff:/i, "");
  return plain === "::1" || plain.startsWith("127.") || remoteAddress === localAddress;
}
