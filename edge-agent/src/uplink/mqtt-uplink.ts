import { commonNameIn, connectionReason, reasonOf } from "@millrace/runtime";
import type { Clock, Timer } from "@millrace/runtime";
import {
  type DownTopic,
  downTopic,
  parseDownTopic,
  type UplinkHandlers,
  type UplinkTransport,
  type UpTopic,
  upTopic,
} from "@millrace/wire";
import { connect, ErrorWithReasonCode, type MqttClient } from "mqtt";
import { ignoreUnexpectedPackets } from "../inputs/expected-packets.ts";
import { brokerAddress } from "../inputs/broker-url.ts";
import type { Credentials } from "./uplink-credentials.ts";

export interface MqttUplinkOptions {
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly agent: string;
  /** Random name of this process. */
  readonly instance: string;
  /** The agent's identity at central; usually its id. */
  readonly username: string;
  /** Asked before each connection. Throws where there are none that can be used. */
  readonly credentials: () => Credentials;
  /** Of the certificate among them; null: none is known. */
  readonly certificateFault: () => string | null;
  /** `send` refuses while more than this waits to be written. Default 4 MiB. */
  readonly bufferedBytesMax?: number;
  readonly clock: Clock;
}

/** Until the subscriptions stand. */
const OPEN_TIMEOUT_MS = 5_000;
const GOODBYE_MS_MAX = 1_000;
const KEEPALIVE_S = 10;
const DOWN_TOPICS: readonly DownTopic[] = ["welcome", "ack", "echo"];

/**
 * The uplink over MQTT 3.1.1: QoS 0 both ways, for the protocol above acknowledges batches itself. No session, no
 * reconnecting, nothing queued: the core decides when to connect again and what to send.
 */
export class MqttUplink implements UplinkTransport {
  readonly #options: MqttUplinkOptions;
  #session: Session | null = null;

  constructor(options: MqttUplinkOptions) {
    brokerAddress(options.url);
    this.#options = options;
  }

  /** Bytes handed over and not yet taken by the operating system. */
  get bufferedBytes(): number {
    return this.#session?.client.stream.writableLength ?? 0;
  }

  connect(handlers: UplinkHandlers): void {
    if (this.#session !== null) throw new Error("cannot connect the uplink: it is connected, or connecting");
    const { url, agent, instance, username, clock } = this.#options;
    const credentials = this.#credentials(handlers);
    if (credentials === null) return;
    const { password, ca, cert, key } = credentials;
    const client = connect({
      ...brokerAddress(url),
      clientId: `${agent}:${instance}`,
      username,
      ...(password === null ? {} : { password }),
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
      protocolVersion: 4,
      clean: true,
      keepalive: KEEPALIVE_S,
      connectTimeout: OPEN_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
    });
    ignoreUnexpectedPackets(client);
    const session: Session = {
      client,
      handlers,
      isOpen: false,
      timer: clock.after(OPEN_TIMEOUT_MS, () =>
        this.#end(session, `no connection to ${url} within ${OPEN_TIMEOUT_MS} ms`),
      ),
    };
    this.#session = session;
    client.on("connect", () => {
      client.subscribe(
        DOWN_TOPICS.map((name) => downTopic(agent, name)),
        { qos: 0 },
        (error, granted) => {
          if (this.#session !== session) return;
          if (error !== null) return this.#end(session, `cannot subscribe: ${error.message}`);
          if (granted?.some((grant) => grant.qos >= 128))
            return this.#end(session, "central refuses the subscriptions of this identity");
          session.isOpen = true;
          session.timer.cancel();
          handlers.opened();
        },
      );
    });
    client.on("message", (topic, payload) => {
      const down = parseDownTopic(topic);
      if (this.#session === session && down?.agent === agent) handlers.message(down.name, payload);
    });
    client.on("error", (error) => {
      this.#fail(session, isRefusal(error) ? refusal(username, cert) : connectionReason(error, "uplink.ca"));
    });
    client.on("close", () => this.#fail(session, "connection closed"));
  }

  send(topic: UpTopic, payload: Uint8Array): boolean {
    const session = this.#session;
    if (session === null || !session.isOpen || !session.client.connected) return false;
    if (this.bufferedBytes > (this.#options.bufferedBytesMax ?? 4 * 1024 * 1024)) return false;
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    session.client.publish(upTopic(this.#options.agent, topic), bytes, { qos: 0, retain: false });
    return true;
  }

  /** Says goodbye. `closed` is called before this returns, also when there was no connection yet. */
  close(): void {
    if (this.#session !== null) this.#end(this.#session, "closed by the agent");
  }

  /** Null: there are none that can be used, and that is told. */
  #credentials(handlers: UplinkHandlers): Credentials | null {
    try {
      return this.#options.credentials();
    } catch (error) {
      handlers.closed(reasonOf(error));
      return null;
    }
  }

  /** Before it was open, the certificate may be why. */
  #fail(session: Session, reason: string): void {
    const fault = session.isOpen ? null : this.#options.certificateFault();
    this.#end(session, fault === null ? reason : `${reason}; ${fault}`);
  }

  #end(session: Session, reason: string): void {
    if (this.#session !== session) return;
    this.#session = null;
    session.timer.cancel();
    const isOrderly = session.isOpen && session.client.connected;
    session.client.end(!isOrderly);
    if (isOrderly) {
      // An orderly goodbye to a peer that no longer reads would hold the socket open.
      const timer = this.#options.clock.after(GOODBYE_MS_MAX, () => session.client.stream.destroy());
      session.client.once("close", () => timer.cancel());
    }
    session.handlers.closed(reason);
  }
}

/** CONNACK return codes 4 and 5 (MQTT 3.1.1, 3.2.2.3): brokers give either for a wrong password. */
function isRefusal(error: Error): boolean {
  return error instanceof ErrorWithReasonCode && (error.code === 4 || error.code === 5);
}

/** The code is all that the answer says. `cert`: the certificate that was shown; null: none. */
function refusal(username: string, cert: string | null): string {
  const certifiedName = cert === null ? null : commonNameIn(cert);
  const isOthers = certifiedName !== null && certifiedName !== username;
  const certificate = isOthers
    ? `; the certificate (\`uplink.cert\`) is ${certifiedName}'s, the user ${username}`
    : "";
  return `refused: user name or password is wrong (\`uplink.username\`, \`uplink.password\`, and \`agents\` in central.yaml)${certificate}`;
}

interface Session {
  readonly client: MqttClient;
  readonly handlers: UplinkHandlers;
  readonly timer: Timer;
  isOpen: boolean;
}
