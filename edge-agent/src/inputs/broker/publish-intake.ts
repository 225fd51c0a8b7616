import { setImmediate } from "node:timers";
import type { Clock, Logger } from "@millrace/runtime";
import { SPARKPLUG_NAMESPACE } from "@millrace/wire";
import type { Client, PublishPacket } from "aedes";
import type { EvidenceBounds } from "../../evidence/evidence-topics.ts";
import type { BrokerCounts } from "./broker-counts.ts";
import type { BrokerHostState } from "./broker-host-state.ts";
import type { BrokerRights } from "./broker-rights.ts";
import type { KnownTopic } from "./broker-topics.ts";
import type { BytesInHand } from "./bytes-in-hand.ts";
import type { ClientAcks } from "./client-acks.ts";
import type { CommandTopics } from "./command-topics.ts";
import type { DirectPublish } from "./direct-publishes.ts";
import type { InputHandler } from "../input.ts";
import { isOversizedOn } from "../oversized.ts";

export interface PublishIntakeOptions {
  readonly payloadBytesMax: number;
  readonly sparkplugBytesMax?: number | undefined;
  readonly evidence?: EvidenceBounds | undefined;
  readonly rights: BrokerRights;
  readonly commands: CommandTopics;
  readonly hostState: BrokerHostState;
  readonly acks: ClientAcks;
  readonly inHand: BytesInHand<Client>;
  readonly counts: BrokerCounts;
  readonly clock: Clock;
  readonly log: Logger;
  /** Publishes it to whoever subscribes. */
  publish(packet: PublishPacket, done: () => void): void;
  /** Resolves once what waits for clients, and what is retained, is on disk. */
  committed(): Promise<void>;
}

/** Kind of the log line, and why. */
const RIGHTS_REFUSAL = [
  "publish_rights",
  "the user may not publish there; see `publish` of its entry in inputs.broker.users",
] as const;
const STATE_REFUSAL = [
  "host_state",
  "whether this Sparkplug host is online is for the agent to say; another host needs another id",
] as const;
/** `$`: no filter with a wildcard in front takes it. */
const REFUSED_TOPIC = "$millrace/refused";

/**
 * What clients publish, on its way to the handler, and back to its acknowledgement.
 *
 * PUBACK means durable: aedes writes it before it publishes, but after the asynchronous `authorizePublish` (its
 * lib/handlers/publish.js), so that is where the handler is awaited. A QoS 0 message is not held up. QoS 2 is taken at
 * its PUBLISH; one that a client repeats before its PUBREL is handed over again.
 */
export class PublishIntake {
  readonly #options: PublishIntakeOptions;
  /** What messages that go through aedes count for in `inHand`. */
  readonly #bytesOf = new WeakMap<PublishPacket, number>();
  #handler: InputHandler | null = null;

  constructor(options: PublishIntakeOptions) {
    this.#options = options;
  }

  /** Null: nothing is taken any more. */
  setHandler(handler: InputHandler | null): void {
    this.#handler = handler;
  }

  /** One that does not go through aedes. True where it is settled: its payload is not looked at any more. */
  takeDirect(client: Client, publish: DirectPublish<KnownTopic>, arrivedMonotonicMs: number): boolean {
    const { topic, payload, qos, packetId } = publish;
    const { counts, acks } = this.#options;
    const handler = this.#handler;
    // It is not acknowledged: its client sends it again.
    if (handler === null) return true;
    counts.messages++;
    const isOversized = this.#countOversized(topic.name, payload);
    const work = settle(handler, {
      topic: topic.name,
      payload,
      isRetained: false,
      isFresh: true,
      isOversized,
      qos,
      client: client.id,
      arrivedMonotonicMs,
    });
    if (qos === 1) acks.add(client, work, packetId);
    else work?.catch(() => counts.commit_failures++);
    return work === undefined;
  }

  /** aedes' `authorizePublish`: it goes on once `done`. */
  take(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const { counts, rights, hostState, commands, acks, clock, log } = this.#options;
    const handler = this.#handler;
    if (handler === null) return done(new Error("the broker is stopping"));
    if (client === null) return done();
    counts.messages++;
    if (!client.closed) this.#hold(client, packet);
    const user = rights.userOf(client);
    // Under $SYS the broker talks to itself: a message there can end other clients' connections.
    const isInternal = packet.topic.startsWith("$SYS/");
    if (isInternal || user === undefined || !rights.mayPublish(user, packet.topic)) {
      this.#refuse(client, packet, RIGHTS_REFUSAL);
      return done();
    }
    if (hostState.isOwn(packet.topic)) {
      this.#refuse(client, packet, STATE_REFUSAL);
      return done();
    }
    const isCommand = commands.has(packet.topic);
    if (isCommand) {
      counts.command_topic_publishes++;
      log.repeated("command_topic", "a client publishes to a command topic", {
        client: client.id,
        topic: packet.topic,
      });
    }
    const isRetained = packet.retain;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const isOversized = this.#countOversized(packet.topic, payload);
    const work = settle(handler, {
      topic: packet.topic,
      payload,
      isRetained,
      isFresh: true,
      isOversized,
      qos: packet.qos,
      client: client.id,
      arrivedMonotonicMs: clock.monotonicMs(),
    });
    // A will comes when its client is closed already: nothing to put in order.
    if (packet.qos === 0 || client.closed) {
      work?.catch(() => counts.commit_failures++);
      return done();
    }
    if (packet.qos === 2 || !(isCommand || isRetained)) return acks.add(client, work, () => done());
    this.#publishNow(client, packet, work);
    done();
  }

  /** aedes is done with it, or has it already. */
  release(client: Client, packet: PublishPacket): void {
    this.#options.inHand.release(client, this.#bytesOf.get(packet) ?? 0);
    this.#bytesOf.delete(packet);
  }

  /**
   * What clients may find again later, waiting for them or retained, is to be on disk before its PUBACK, with who it waits for. So it is
   * published first, and acknowledged here: aedes has only an empty message left to take.
   */
  #publishNow(client: Client, packet: PublishPacket, work: ReturnType<InputHandler>): void {
    const { publish, committed, inHand, acks } = this.#options;
    const { messageId = 0 } = packet;
    const bytes = this.#bytesOf.get(packet) ?? 0;
    this.#bytesOf.delete(packet);
    const delivered = new Promise<void>((resolve) => publish({ ...packet }, resolve));
    // Whom it waits for is known at the end of this turn.
    const kept = new Promise((resolve) => setImmediate(resolve)).then(() => committed());
    const durable = Promise.all([work, kept]);
    void Promise.allSettled([delivered, durable]).then(() => inHand.release(client, bytes));
    acks.add(client, durable, messageId);
    withdraw(packet);
    packet.qos = 0;
  }

  /** Until aedes is done with it, or its client is gone. */
  #hold(client: Client, packet: PublishPacket): void {
    const bytes = packet.topic.length + packet.payload.length;
    this.#bytesOf.set(packet, bytes);
    this.#options.inHand.hold(client, bytes);
  }

  /**
   * MQTT 3.1.1 has no PUBACK that refuses. It is acknowledged, or its sender would send it for ever, and goes where nobody
   * listens.
   */
  #refuse(client: Client, packet: PublishPacket, [kind, why]: readonly [string, string]): void {
    const { counts, rights, log } = this.#options;
    counts.refused_publishes++;
    log.repeated(kind, `a publish was dropped: ${why}`, {
      client: client.id,
      user: rights.userOf(client)?.user,
      topic: packet.topic,
    });
    withdraw(packet);
  }

  #countOversized(topic: string, payload: Uint8Array): boolean {
    const { payloadBytesMax, sparkplugBytesMax = payloadBytesMax, counts } = this.#options;
    const isLarge = payload.length > payloadBytesMax;
    const isOversized =
      isLarge && topic.startsWith(`${SPARKPLUG_NAMESPACE}/`)
        ? payload.length > sparkplugBytesMax
        : isOversizedOn(topic, payload, this.#options);
    if (isOversized) counts.oversized++;
    return isOversized;
  }
}

/** It goes where nobody listens. */
function withdraw(packet: PublishPacket): void {
  packet.topic = REFUSED_TOPIC;
  packet.payload = Buffer.alloc(0);
  packet.retain = false;
}

/** The handler's promise; a handler that throws counts as one that rejects. */
function settle(handler: InputHandler, arrival: Parameters<InputHandler>[0]): ReturnType<InputHandler> {
  try {
    return handler(arrival);
  } catch (error) {
    return Promise.reject(error);
  }
}
