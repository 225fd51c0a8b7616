import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Base, Connection } from "@platformatic/kafka";

/** A broker that is hung takes neither the farewell nor the rest of what is on its way. */
const FAREWELL_MS_MAX = 5_000;

/**
 * Watches a client from its beginning; returns what closes it with every connection that it has made. By itself it waits for
 * brokers that are hung, and leaves what its pool has forgotten: where a connection fails and the next is tried in the same
 * call, the pool takes the second for the failed one. Brokers keep such a connection for minutes, and it the process.
 */
export function clientCloser<Client extends Base>(
  client: Client,
  close: (client: Client) => Promise<void>,
): () => Promise<void> {
  const made = new Set<Connection>();
  let isOver = false;
  client.connections.on("connecting", ({ connection }) => {
    for (const earlier of made) if (socketOf(earlier)?.destroyed !== false) made.delete(earlier);
    made.add(connection);
    // Its socket is made in the same call. What was on its way when its connection went is tried once more.
    if (isOver) queueMicrotask(() => socketOf(connection)?.destroy(new Error("the client is closed")));
  });
  return async () => {
    const closed = close(client).catch(() => undefined);
    await Promise.race([closed, delay(FAREWELL_MS_MAX, undefined, { ref: false })]);
    isOver = true;
    for (const connection of made) socketOf(connection)?.destroy();
  };
}

/** Of a port that is none, or with a certificate that cannot be read, the library makes no socket. */
function socketOf({ socket }: Connection): Socket | undefined {
  return socket;
}
