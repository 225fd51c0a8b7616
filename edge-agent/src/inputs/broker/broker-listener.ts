import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Clock, handshakeReason, type Logger, toListenError } from "@millrace/runtime";

export interface BrokerListenerOptions {
  readonly host: string;
  /** 0: any free port, see `port`. */
  readonly port: number;
  /** PEM texts; null: the connections are not encrypted. With `ca` a client needs a certificate signed by it. */
  readonly tls: BrokerTls | null;
  readonly clientsMax: number;
  /** From one address; those beyond are closed at once. */
  readonly connectsPerSecondMax: number;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** One that is within all bounds, encrypted where that is asked for. */
  onConnection(socket: Socket): void;
  onRefused(why: RefusedConnection): void;
}

export interface BrokerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

export type RefusedConnection = "refused_clients" | "refused_rate" | "refused_tls";

const ADDRESSES_MAX = 10_000;
const RATE_WINDOW_MS = 1_000;

/** The broker's port: who gets through to MQTT. Connections are counted before TLS has cost anything. */
export class BrokerListener {
  readonly #options: BrokerListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connects = new Map<string, number>();
  #connectsSinceMs = 0;

  constructor(options: BrokerListenerOptions) {
    this.#options = options;
    const { tls, clientsMax, log } = options;
    const secured = tls === null ? null : this.#createTlsServer(tls);
    this.#server = createServer((socket) => {
      if (!this.#isWithinRate(socket.remoteAddress ?? "")) {
        options.onRefused("refused_rate");
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      if (secured === null) options.onConnection(socket);
      else secured.emit("connection", socket);
    });
    this.#server.maxConnections = clientsMax;
    this.#server.on("drop", () => {
      options.onRefused("refused_clients");
      log.repeated(
        "clients_max",
        `cannot take a connection: ${clientsMax} are open; raise clientsMax, or the limit of open files where that is lower`,
      );
    });
  }

  /** The port in use. */
  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** Rejects where the address cannot be had. */
  async listen(): Promise<void> {
    const { host, port, log } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(port, host, () => {
          this.#server.removeListener("error", reject);
          resolve();
        });
      });
    } catch (error) {
      const setting = "`inputs.broker.port` in agent.yaml";
      throw toListenError(error, { host, port, purpose: "sensors", setting });
    }
    this.#server.on("error", (error) => log.error(`cannot accept connections: ${error.message}`));
  }

  /** Takes no further connection; resolves once all are gone, which `end` sees to. */
  async close(end: () => Promise<void>): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await end();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens to nothing itself. */
  #createTlsServer({ cert, key, ca }: BrokerTls): Server {
    const { handshakeTimeoutMs: handshakeTimeout, onConnection, onRefused, log } = this.#options;
    const authority = ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    const server = createTlsServer(
      { cert, key, minVersion: "TLSv1.2", handshakeTimeout, ...authority },
      (socket) => onConnection(socket),
    );
    server.on("tlsClientError", (error, socket) => {
      onRefused("refused_tls");
      log.repeated(
        "tls_client_error",
        `a client failed the TLS handshake: ${handshakeReason(error, socket)}`,
      );
    });
    return server;
  }

  #isWithinRate(address: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#connectsSinceMs >= RATE_WINDOW_MS || this.#connects.size >= ADDRESSES_MAX) {
      this.#connects.clear();
      this.#connectsSinceMs = nowMs;
    }
    const count = (this.#connects.get(address) ?? 0) + 1;
    this.#connects.set(address, count);
    return count <= this.#options.connectsPerSecondMax;
  }
}
