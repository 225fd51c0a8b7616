import { timingSafeEqual } from "node:crypto";
import { secretDigest } from "@millrace/runtime";
import { filterCovers, filterTakes } from "../topic-filter.ts";

export interface BrokerUser {
  readonly user: string;
  /** Null: known by the common name of its certificate. */
  readonly password: string | null;
  /** Filters of the topics that it may publish to, and of what it may subscribe to. */
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What a connection says about who it is. */
export interface Identity {
  readonly user: string | undefined;
  readonly password: Uint8Array | undefined;
  /** Of a certificate that has been verified; null without one. */
  readonly commonName: string | null;
}

const EVERYTHING: BrokerUser = { user: "", password: null, publish: ["#"], subscribe: ["#"] };

/** Who may connect to the embedded broker, and to which topics. Without users everybody may everything. */
export class BrokerUsers {
  readonly #users: readonly { readonly known: BrokerUser; readonly digest: Buffer | null }[];

  constructor(users: readonly BrokerUser[]) {
    this.#users = users.map((known) => ({
      known,
      digest: known.password === null ? null : secretDigest(known.password),
    }));
  }

  /** Undefined: it may not connect. Takes as long for a wrong password as for a right one. */
  find({ user, password, commonName }: Identity): BrokerUser | undefined {
    if (this.#users.length === 0) return EVERYTHING;
    const given = secretDigest(password ?? "");
    let found: BrokerUser | undefined;
    for (const { known, digest } of this.#users) {
      const isIt =
        digest === null ? known.user === commonName : timingSafeEqual(given, digest) && known.user === user;
      if (isIt) found ??= known;
    }
    return found;
  }

  mayPublish(user: BrokerUser, topic: string): boolean {
    return user.publish.some((filter) => filterTakes(filter, topic));
  }

  maySubscribe(user: BrokerUser, filter: string): boolean {
    return user.subscribe.some((allowed) => filterCovers(allowed, filter));
  }

  /** Whether messages of the topic may go to it, however it came to subscribe. */
  mayReceive(user: BrokerUser, topic: string): boolean {
    return user.subscribe.some((filter) => filterTakes(filter, topic));
  }
}
