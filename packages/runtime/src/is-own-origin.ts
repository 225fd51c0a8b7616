/**
 * Whether a request with this Origin header may change anything: it names the very server that is asked, or no page sent
 * it at all. A page of another origin must not do so through its visitor's browser; `hostRefusal` sees to the host.
 */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || (host !== undefined && URL.parse(origin)?.host === host);
}
