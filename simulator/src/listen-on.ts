import type { Server } from "node:net";
import { toListenError, type ListenPurpose } from "@millrace/runtime";

/** Throws port_in_use. */
export async function listenOn(server: Server, where: ListenPurpose): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(where.port, where.host, resolve);
  try {
    await promise;
  } catch (error) {
    throw toListenError(error, where);
  }
}
