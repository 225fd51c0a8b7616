import type { Logger } from "@millrace/runtime";
import type { Client } from "aedes";
import type { BrokerCounts } from "./broker-counts.ts";
import { OrderedRelease } from "../ordered-release.ts";
import { pubackBytes } from "../puback-bytes.ts";

/** A PUBLISH that waits for its PUBACK: the id of a direct one; what lets aedes go on with another. */
export type Unacknowledged = number | (() => void);

export interface ClientAcksOptions {
  readonly counts: BrokerCounts;
  readonly log: Logger;
  /** Some have left: the client may be read on. */
  readOn(client: Client): void;
}

/** The acknowledgements of all clients: each after its work, those of one client in the order in which its messages came. */
export class ClientAcks {
  readonly #options: ClientAcksOptions;
  readonly #acks = new WeakMap<Client, OrderedRelease<Unacknowledged>>();

  constructor(options: ClientAcksOptions) {
    this.#options = options;
  }

  add(client: Client, work: Promise<unknown> | void, one: Unacknowledged): void {
    this.#of(client).add(work, one);
  }

  /** How many messages of the client wait. */
  heldCount(client: Client): number {
    return this.#acks.get(client)?.heldCount ?? 0;
  }

  #of(client: Client): OrderedRelease<Unacknowledged> {
    let acks = this.#acks.get(client);
    if (acks === undefined) {
      acks = new OrderedRelease({
        release: (released) => this.#acknowledge(client, released),
        failed: (error) => {
          const { counts, log } = this.#options;
          counts.commit_failures++;
          log.repeated(
            "commit_failed",
            "a message was not made durable: its client is disconnected and will send again",
            { client: client.id, error: String(error) },
          );
          client.close();
        },
      });
      this.#acks.set(client, acks);
    }
    return acks;
  }

  /** aedes writes at once what it is let to: all leave in the order in which they came. */
  #acknowledge(client: Client, released: readonly Unacknowledged[]): void {
    if (client.closed) return;
    let ids: number[] = [];
    const flush = () => {
      if (ids.length > 0) client.conn.write(pubackBytes(ids));
      ids = [];
    };
    for (const one of released) {
      if (typeof one === "number") ids.push(one);
      else {
        flush();
        one();
      }
    }
    flush();
    this.#options.readOn(client);
  }
}
