/** Where a broker listens. */
export interface BrokerAddress {
  readonly protocol: "mqtt" | "mqtts";
  readonly host: string;
  readonly port: number;
}

/** Reads `mqtt://host[:1883]` or `mqtts://host[:8883]`; throws on anything else. mqtt.js's own parsing is deprecated in Node. */
export function brokerAddress(url: string): BrokerAddress {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (host !== "" && protocol === "mqtt:") return { protocol: "mqtt", host, port: Number(port || 1883) };
  if (host !== "" && protocol === "mqtts:") return { protocol: "mqtts", host, port: Number(port || 8883) };
  // Not the address itself: it may have a password in it.
  throw new Error(
    `cannot use the address of broker ${hostname}: it must be mqtt://host:port or mqtts://host:port`,
  );
}
