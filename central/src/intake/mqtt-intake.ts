import { createServer as createTcpServer } from "node:net";
import type { Server, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { SecureContextOptions, Server as TlsServer } from "node:tls";
import { certifiedNameOf, handshakeReason, MillraceError, reasonOf } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import { downTopic, parseUpTopic, upTopic } from "@millrace/wire";
import type { AgentConnection, DownTopic, UpTopic } from "@millrace/wire";
import { Aedes } from "aedes";
import type { Client } from "aedes";
import { GuardedConnection } from "./guarded-connection.ts";
import { IdentityBook } from "./identity-book.ts";
import type { Identity } from "./identity-book.ts";
import { publishFrame } from "./publish-frame.ts";

/** Largest MQTT frame taken: a batch of 512 KB and its frame. */
export const FRAME_BYTES_MAX = 1_048_576;
export const CONNECTIONS_MAX = 2_000;
/** A connection whose agent does not read is closed when more waits to be written. */
const DOWN_BYTES_MAX = 1_048_576;
const CONNECT_TIMEOUT_MS = 10_000;
/** Of one connection between its CONNECT and its CONNACK, in what of it is read by then. */
const EARLY_PACKETS_MAX = 10_000;
const DRAIN_TIMEOUT_MS = 10_000;

/** Where the messages go: central's core. */
export interface IntakeTarget {
  onOpen(connection: AgentConnection): void;
  /** `settled` is called once the message is held, or will not be: whoever brought it may forget it. */
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array, settled?: () => void): void;
  onClose(connection: AgentConnection): void;
}

/** PEM texts; with `ca`, agents must show a certificate that it signed. */
export interface IntakeTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

export interface MqttIntakeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: IntakeTls | null;
  readonly identities: readonly Identity[];
  readonly target: IntakeTarget;
  readonly log: Logger;
}

interface Attached {
  readonly connection: AgentConnection;
  readonly agent: string;
}

/**
 * The uplinks' MQTT listener. The user name is the agent's id, and with it go the rights: publish to its own
 * `hello`, `batch` and `heartbeat`, subscribe to its own `welcome`, `ack` and `echo`; nothing is retained or stored.
 */
export class MqttIntake {
  readonly #options: MqttIntakeOptions;
  #identities: IdentityBook;
  readonly #attached = new Map<Client, Attached>();
  readonly #names = new WeakMap<Client, string>();
  readonly #sockets = new Set<Socket>();
  readonly #broker: Aedes;
  readonly #server: Server;
  #tlsServer: TlsServer | null = null;
  #connectionNumber = 0;

  private constructor(options: MqttIntakeOptions) {
    this.#options = options;
    this.#identities = new IdentityBook(options.identities);
    this.#broker = new Aedes({
      connectTimeout: CONNECT_TIMEOUT_MS,
      queueLimit: EARLY_PACKETS_MAX,
      drainTimeout: DRAIN_TIMEOUT_MS,
      maxTopicLevels: 8,
    });
    this.#server = this.#createServer();
    this.#guardBroker();
  }

  /** Listens, or rejects with `port_in_use` or `listen_failed`. */
  static async listen(options: MqttIntakeOptions): Promise<MqttIntake> {
    const intake = new MqttIntake(options);
    await intake.#broker.listen();
    await intake.#listen();
    return intake;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? this.#options.port : address.port;
  }

  get connectionCount(): number {
    return this.#attached.size;
  }

  /** For connections from now on. */
  renewTls(tls: IntakeTls): void {
    this.#tlsServer?.setSecureContext(secureContext(tls));
  }

  /** From now on these may connect; who is connected and may not any more, or has another secret, is cut off. */
  setIdentities(identities: readonly Identity[]): void {
    const before = this.#identities;
    this.#identities = new IdentityBook(identities);
    for (const { agent, connection } of this.#attached.values())
      if (!this.#identities.isSame(agent, before)) connection.close("its identity has changed");
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise<void>((resolve) => this.#broker.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #createServer(): Server {
    const { tls } = this.#options;
    if (tls === null) return createTcpServer((socket) => this.#accept(socket));
    const demand = tls.ca === null ? {} : { requestCert: true, rejectUnauthorized: true };
    const server = createTlsServer({ ...secureContext(tls), ...demand }, (socket) => this.#accept(socket));
    this.#tlsServer = server;
    server.on("tlsClientError", (error, socket) => {
      // Of a client whose certificate is not taken Node has forgotten address and certificate by now.
      this.#options.log.repeated("tls_client_error", "a client failed the TLS handshake", {
        address: socket.remoteAddress,
        reason: handshakeReason(error, socket),
      });
    });
    return server;
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.maxConnections = CONNECTIONS_MAX;
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        const values = { host, port, purpose: "agents", setting: "intake.mqtt.port" };
        this.#broker.close();
        reject(
          error.code === "EADDRINUSE"
            ? new MillraceError("port_in_use", values, { cause: error })
            : new MillraceError("listen_failed", { ...values, reason: reasonOf(error) }, { cause: error }),
        );
      });
      this.#server.listen({ host, port }, () => {
        this.#server.removeAllListeners("error");
        this.#server.on("error", (error) =>
          this.#options.log.repeated("intake_error", "listener error", { reason: reasonOf(error) }),
        );
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const guarded = new GuardedConnection(socket, FRAME_BYTES_MAX, () => {
      this.#options.log.repeated("intake_oversized", "closed a connection: its message is too large", {
        bytesMax: FRAME_BYTES_MAX,
      });
    });
    guarded.on("error", () => {});
    this.#broker.handle(guarded);
  }

  #guardBroker(): void {
    const broker = this.#broker;
    const { log, target } = this.#options;
    broker.preConnect = (client, packet, done) => {
      // An own name per connection: the broker would otherwise let a second holder of a store push out the first,
      // which is for the core to decide. No session and no will outlive the connection.
      this.#connectionNumber += 1;
      packet.clientId = `${this.#connectionNumber}:${packet.clientId ?? ""}`;
      packet.clean = true;
      delete packet.will;
      // The broker does not see what an agent says; whoever says nothing is closed by the core.
      packet.keepalive = 0;
      client.on("error", () => {});
      done(null, true);
    };
    broker.authenticate = (client, user, password, done) => {
      const name = user ?? "";
      const socket = client.conn instanceof GuardedConnection ? client.conn.socket : null;
      const secret = password ?? new Uint8Array();
      const reason = this.#identities.refusalOf(name, secret, certifiedNameOf(socket));
      if (reason === null) this.#names.set(client, name);
      else
        log.repeated("intake_refused", "refused a connection", {
          user: name.slice(0, 64),
          address: socket?.remoteAddress,
          reason,
        });
      done(null, reason === null);
    };
    broker.authorizePublish = (client, packet, done) => {
      const attached = client === null ? undefined : this.#attached.get(client);
      const topic = parseUpTopic(packet.topic);
      if (attached === undefined || topic?.agent !== attached.agent || packet.qos === 2) {
        done(new Error("not authorised to publish there"));
        return;
      }
      packet.retain = false;
      const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
      target.onMessage(attached.connection, topic.name, payload);
      done(null);
    };
    broker.authorizeSubscribe = (client, subscription, done) => {
      const agent = this.#names.get(client);
      const isAllowed =
        agent !== undefined && DOWN_TOPICS.some((topic) => subscription.topic === downTopic(agent, topic));
      done(null, isAllowed ? subscription : null);
    };
    // Not at `clientReady`: the broker goes on reading between the two, and a message that came then would be refused.
    broker.on("connackSent", (packet, client) => {
      const agent = this.#names.get(client);
      if (agent === undefined || packet.returnCode !== 0 || client.closed) return;
      const connection = this.#connection(client, agent);
      this.#attached.set(client, { connection, agent });
      target.onOpen(connection);
      if (client.conn instanceof GuardedConnection)
        client.conn.publishes.open(
          new Map(UP_TOPICS.map((topic) => [upTopic(agent, topic), topic])),
          (topic, payload) => target.onMessage(connection, topic, payload),
        );
    });
    broker.on("clientDisconnect", (client) => {
      const attached = this.#attached.get(client);
      this.#attached.delete(client);
      if (attached !== undefined) target.onClose(attached.connection);
    });
    const onError = (client: Client, error: Error) => {
      log.debug("connection error", { agent: this.#names.get(client), reason: reasonOf(error) });
    };
    broker.on("clientError", onError);
    broker.on("connectionError", onError);
  }

  #connection(client: Client, agent: string): AgentConnection {
    return {
      id: client.id,
      agent,
      send: (topic, payload) => {
        if (client.closed) return;
        if (client.conn.writableLength > DOWN_BYTES_MAX) {
          client.close();
          return;
        }
        client.conn.write(publishFrame(downTopic(agent, topic), payload));
      },
      close: (reason) => {
        this.#options.log.debug("closing a connection", { agent, reason });
        // What was just sent (a refusal) goes first.
        setImmediate(() => client.close());
      },
    };
  }
}

const UP_TOPICS: readonly UpTopic[] = ["hello", "batch", "heartbeat"];
const DOWN_TOPICS: readonly DownTopic[] = ["welcome", "ack", "echo"];

function secureContext({ cert, key, ca }: IntakeTls): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2", ...(ca === null ? {} : { ca }) };
}
