/** Whether a server on this address can be reached from other machines. */
export function isOpenHost(host: string): boolean {
  return host !== "localhost" && host !== "::1" && !host.startsWith("127.");
}
