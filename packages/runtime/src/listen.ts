import { createServer } from "node:net";
import { MillraceError, reasonOf } from "./error.ts";

export interface ListenPurpose {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** What listens: "the dashboard". */
  readonly purpose: string;
  /** Where the port is set: "`http.port` in central.yaml". */
  readonly setting: string;
}

/** Turns what `listen` failed with into `port_in_use` or `listen_failed`. */
export function toListenError(
  error: unknown,
  { host, port, purpose, setting }: ListenPurpose,
): MillraceError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return new MillraceError("port_in_use", { host, port, purpose, setting }, { cause: error });
  const reason = LISTEN_REASONS.get(String(code)) ?? reasonOf(error);
  return new MillraceError("listen_failed", { host, port, purpose, setting, reason }, { cause: error });
}

const LISTEN_REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "this user may not use that port"],
  ["EADDRNOTAVAIL", "this machine has no such address"],
  ["ENOTFOUND", "the host name is not known"],
]);

/** How far `findFreePort` looks. */
const PORTS_TRIED_MAX = 100;

/**
 * The first port from `port` on that nobody listens on. For programs that start on machines unknown (`npm start`); who
 * takes it must still bear losing it to another. Throws `port_in_use` after 100 ports, `listen_failed` for others.
 */
export async function findFreePort(wish: ListenPurpose): Promise<number> {
  for (let port = wish.port; port < wish.port + PORTS_TRIED_MAX && port <= 65_535; port += 1) {
    try {
      return await tryPort(wish.host, port);
    } catch (error) {
      const listenError = toListenError(error, { ...wish, port });
      if (listenError.code !== "port_in_use") throw listenError;
    }
  }
  throw new MillraceError("port_in_use", {
    ...wish,
    port: `${wish.port}–${wish.port + PORTS_TRIED_MAX - 1}`,
  });
}

function tryPort(host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen({ host, port, exclusive: true }, () => {
    const address = server.address();
    const bound = typeof address === "object" && address !== null ? address.port : port;
    server.close(() => resolve(bound));
  });
  return promise;
}
