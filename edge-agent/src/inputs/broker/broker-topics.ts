import type { Client } from "aedes";
import type { BrokerHostState } from "./broker-host-state.ts";
import type { BrokerRights } from "./broker-rights.ts";
import type { BrokerUser } from "./broker-users.ts";
import type { CommandTopics } from "./command-topics.ts";
import type { SubscribedFilters } from "./subscribed-filters.ts";
import { TopicCache } from "./topic-cache.ts";

export interface BrokerTopicsOptions {
  readonly topicLevelsMax: number;
  readonly rights: BrokerRights;
  readonly commands: CommandTopics;
  readonly hostState: BrokerHostState;
  readonly subscribed: SubscribedFilters<Client>;
}

/** What decides whether messages to a topic need the broker. */
export interface KnownTopic {
  readonly name: string;
  /** No client may publish to it directly, whoever subscribes. */
  readonly isBrokers: boolean;
  isSubscribed: boolean;
  /** `SubscribedFilters.version` that `isSubscribed` is of. */
  asOf: number;
  /** Who was last found to have the right to publish to it. */
  publisher: BrokerUser | undefined;
}

/** The topics that are published to: which of their messages need not be brokered. */
export class BrokerTopics {
  readonly #options: BrokerTopicsOptions;
  #topics = this.#none();

  constructor(options: BrokerTopicsOptions) {
    this.#options = options;
  }

  /** The topic, where its messages of this user need no broker. */
  direct(user: BrokerUser, bytes: Uint8Array, from: number, to: number): KnownTopic | undefined {
    const topic = this.#topics.find(bytes, from, to);
    if (topic === undefined || topic.isBrokers) return undefined;
    const { subscribed, rights } = this.#options;
    if (topic.asOf !== subscribed.version) {
      topic.isSubscribed = subscribed.takes(topic.name);
      topic.asOf = subscribed.version;
    }
    if (topic.isSubscribed) return undefined;
    if (topic.publisher === user) return topic;
    if (!rights.mayPublish(user, topic.name)) return undefined;
    topic.publisher = user;
    return topic;
  }

  /** Commands, or what the host says, are elsewhere now. */
  forget(): void {
    this.#topics = this.#none();
  }

  #none(): TopicCache<KnownTopic> {
    return new TopicCache((name) => this.#toKnown(name));
  }

  #toKnown(name: string): KnownTopic {
    const { topicLevelsMax, hostState, commands } = this.#options;
    const isBrokers =
      name.startsWith("$") ||
      /[+#\0]/.test(name) ||
      name.split("/").length > topicLevelsMax ||
      hostState.isOwn(name) ||
      commands.has(name);
    return { name, isBrokers, isSubscribed: false, asOf: -1, publisher: undefined };
  }
}
