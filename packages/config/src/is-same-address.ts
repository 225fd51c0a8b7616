/** Whether two servers on these addresses want the same port of this machine; port 0 is any free one. */
export function isSameAddress(one: Address, other: Address): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const [host, otherHost] = [numbered(one.host), numbered(other.host)];
  return host === otherHost || EVERY_ADDRESS.has(host) || EVERY_ADDRESS.has(otherHost);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

function numbered(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host;
}
