/** Whether a server on this address can be reached from other machines. */
export function isOpenHost(host: string): boolean {
  return host !== "localhost" && host !== "::1" && !host.startsWith("127.");
}

/** The same of a url's host. */
export function isOpenUrl(url: string): boolean {
  // An IPv6 address stands in brackets there.
  return isOpenHost(new URL(url).hostname.replace(/^\[(.*)\]$/, "$1"));
}
