import { certifiedNameOf, type Logger } from "@millrace/runtime";
import type { AuthenticateError, Client, Subscription } from "aedes";
import type { BrokerCounts } from "./broker-counts.ts";
import type { BrokerSessions } from "./broker-sessions.ts";
import { type BrokerUser, BrokerUsers } from "./broker-users.ts";
import type { CommandTopics } from "./command-topics.ts";
import type { SubscribedFilters } from "./subscribed-filters.ts";

export interface BrokerRightsOptions {
  /** Empty: everyone, to everything. */
  readonly users: readonly BrokerUser[];
  readonly commands: CommandTopics;
  readonly subscribed: SubscribedFilters<Client>;
  readonly counts: BrokerCounts;
  readonly log: Logger;
}

/** Which user each client of the broker is, and what it may. */
export class BrokerRights {
  readonly #options: BrokerRightsOptions;
  readonly #users: BrokerUsers;
  readonly #userOf = new WeakMap<Client, BrokerUser>();

  constructor(options: BrokerRightsOptions) {
    this.#options = options;
    this.#users = new BrokerUsers(options.users);
  }

  /** Undefined before its login. */
  userOf(client: Client): BrokerUser | undefined {
    return this.#userOf.get(client);
  }

  /** Null: it may connect. */
  logIn(
    client: Client,
    {
      user: name,
      password,
    }: { readonly user: string | undefined; readonly password: Uint8Array | undefined },
  ): AuthenticateError | null {
    const user = this.#users.find({ user: name, password, commonName: certifiedNameOf(client.conn) });
    if (user !== undefined) {
      this.#userOf.set(client, user);
      return null;
    }
    this.#options.counts.refused_login++;
    // 4: bad user name or password (MQTT 3.1.1, 3.2.2.3).
    return Object.assign(new Error("bad user name or password"), { returnCode: 4 });
  }

  mayPublish(user: BrokerUser, topic: string): boolean {
    return this.#users.mayPublish(user, topic);
  }

  /** Whether messages of the topic may go to it, however it came to subscribe. */
  mayReceive(client: Client, topic: string): boolean {
    const user = this.#userOf.get(client);
    return user !== undefined && this.#users.mayReceive(user, topic);
  }

  /**
   * Asked for each filter of a SUBSCRIBE, and again for those of a session that goes on. What is granted is stored here: aedes would
   * store what is refused, too.
   */
  grants(client: Client, { topic: filter, qos }: Subscription, sessions: BrokerSessions): boolean {
    if (client.closed) return false;
    const { counts, log } = this.#options;
    const refusal = this.#refusalOf(client, filter, qos);
    if (refusal === null) {
      if (!client.clean) sessions.subscribe(client.id, filter, qos);
      return true;
    }
    // Of a session that goes on, what may no longer be.
    if (!client.connected) sessions.unsubscribe(client.id, filter);
    counts.refused_subscriptions++;
    log.repeated(refusal.key, `a subscription was refused: ${refusal.detail}`, {
      client: client.id,
      user: this.#userOf.get(client)?.user,
      topic: filter,
    });
    return false;
  }

  #refusalOf(client: Client, filter: string, qos: number): { key: string; detail: string } | null {
    const { commands, subscribed } = this.#options;
    const user = this.#userOf.get(client);
    if (user === undefined || !this.#users.maySubscribe(user, filter))
      return {
        key: "subscription_rights",
        detail: "the user may not subscribe there; see `subscribe` of its entry in inputs.broker.users",
      };
    if (!client.clean && qos > 0 && !commands.hasAllOf(filter))
      return {
        key: "persistent_subscription",
        detail:
          "a client with a persistent session may subscribe with QoS 1 to command topics only; use a clean session or QoS 0",
      };
    if (!subscribed.add(client, filter))
      return {
        key: "subscriptions_max",
        detail: "the client, or all together, have too many, or the filter is too long",
      };
    return null;
  }
}
