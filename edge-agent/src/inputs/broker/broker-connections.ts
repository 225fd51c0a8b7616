import { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Clock, Logger } from "@millrace/runtime";
import type { Client } from "aedes";
import type { BrokerCounts } from "./broker-counts.ts";
import type { BrokerRights } from "./broker-rights.ts";
import type { BrokerTopics, KnownTopic } from "./broker-topics.ts";
import type { BrokerUser } from "./broker-users.ts";
import type { BytesInHand } from "./bytes-in-hand.ts";
import type { ClientAcks } from "./client-acks.ts";
import { ClientReader } from "./client-reader.ts";
import type { Junk } from "../junk.ts";
import type { PublishIntake } from "./publish-intake.ts";
import { ReadingTurns } from "./reading-turns.ts";
import type { SubscribedFilters } from "./subscribed-filters.ts";

export interface BrokerConnectionsOptions {
  /** A greater packet closes its connection. */
  readonly packetBytesMax: number;
  readonly rights: BrokerRights;
  readonly topics: BrokerTopics;
  readonly subscribed: SubscribedFilters<Client>;
  readonly intake: PublishIntake;
  readonly acks: ClientAcks;
  readonly inHand: BytesInHand<Client>;
  readonly counts: BrokerCounts;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the first bytes of what is no MQTT. */
  setAside(junk: Junk): void;
  /** Takes back the memory that a connection was read into, once all that was in it is settled. */
  free(buffer: ArrayBuffer): void;
}

/** Unacknowledged messages of one connection; with more it is not read until some have become durable. */
const UNACKNOWLEDGED_MAX = 10_000;

/** The connections of the broker's clients: when each is read, and what ends it. */
export class BrokerConnections {
  readonly #options: BrokerConnectionsOptions;
  readonly #turns: ReadingTurns<Client>;
  readonly #leftUnread = new WeakSet<Client>();
  readonly #readerOf = new WeakMap<Client, ClientReader<KnownTopic>>();
  /** Of the clients that connect; 0: they have none. */
  readonly #keepAliveMsOf = new WeakMap<Client, number>();
  readonly #failedClients = new WeakSet<Client>();

  constructor(options: BrokerConnectionsOptions) {
    this.#options = options;
    this.#turns = new ReadingTurns({
      clock: options.clock,
      nextTurn: setImmediate,
      readOn: (client) => client.conn.emit("readable"),
    });
  }

  /** `client` is what aedes has made of the socket. */
  add(client: Client, socket: Socket): void {
    const { packetBytesMax, rights, topics, subscribed, intake, inHand, counts, clock } = this.#options;
    socket.on("close", () => {
      subscribed.removeClient(client);
      inHand.remove(client);
    });
    let user: BrokerUser | undefined;
    const reader = new ClientReader<KnownTopic>({
      socket,
      client,
      clock,
      inHand,
      turns: this.#turns,
      packetBytesMax,
      topicAt: (bytes, from, to) => (user === undefined ? undefined : topics.direct(user, bytes, from, to)),
      take: (publish, readAtMs) => intake.takeDirect(client, publish, readAtMs),
      free: (buffer) => this.#options.free(buffer),
      isUnreadable: () => this.#isUnreadable(client, socket),
      leftUnread: () => void this.#leftUnread.add(client),
      oversized: () => counts.oversized++,
    });
    this.#readerOf.set(client, reader);
    client.once("connected", () => {
      // It may have ended in the middle of its login: nobody tells of it again.
      if (socket.destroyed) return;
      user = rights.userOf(client);
      reader.open(this.#keepAliveMsOf.get(client) ?? 0);
      this.readOn(client);
    });
    socket.on("drain", () => this.readOn(client));
  }

  /** With its CONNECT; 0: it needs none. */
  setKeepAlive(client: Client, keepAliveMs: number): void {
    this.#keepAliveMsOf.set(client, keepAliveMs);
  }

  /** What it was left unread for may be over. */
  readOn(client: Client): void {
    if (this.#leftUnread.delete(client)) client.conn.emit("readable");
  }

  /** Too much of it waits for the disk, or it does not take its acknowledgements: it is read on when that is over. */
  #isUnreadable(client: Client, socket: Socket): boolean {
    const { acks, inHand } = this.#options;
    const isUnreadable =
      acks.heldCount(client) >= UNACKNOWLEDGED_MAX || socket.writableNeedDrain || inHand.mustWait(client);
    if (isUnreadable) this.#leftUnread.add(client);
    return isUnreadable;
  }

  /** aedes tells every write that fails on a connection that is lost already; one counts. */
  failed(client: Client, error: Error): void {
    if (this.#failedClients.has(client)) return;
    this.#failedClients.add(client);
    const { counts, log, setAside } = this.#options;
    counts.client_errors++;
    const address = client.conn instanceof Socket ? client.conn.remoteAddress : undefined;
    log.repeated("client_error", `a client was disconnected: ${error.message}`, {
      client: client.id,
      address,
    });
    const reader = this.#readerOf.get(client);
    if (reader?.isMalformed !== true) return;
    counts.malformed_packets++;
    const { head } = reader;
    setAside({
      reason: "malformed_packets",
      topic: "",
      client: client.id || (address ?? ""),
      detail: `${error.message}; the connection is closed`,
      head,
      bytes: head.length,
    });
  }
}
