import { FilterTree } from "./filter-tree.ts";

/** A client with more is a program that has gone wrong. */
const FILTERS_PER_CLIENT_MAX = 1_000;
const FILTER_LENGTH_MAX = 1_024;
/** Of all clients' subscriptions, with what the broker itself keeps of each: some 20,000 of usual ones. */
const BYTES_MAX = 32 * 2 ** 20;
/** Estimates of what a subscription costs here and in the broker, its text apart, and each level of its filter. */
const SUBSCRIPTION_BYTES = 768;
const LEVEL_BYTES = 512;

/** The filters of all subscriptions of a broker, by client: whether anybody is to be handed a topic's messages. */
export class SubscribedFilters<Client extends object> {
  readonly #filtersOf = new Map<Client, Set<string>>();
  /** How many clients have subscribed to each. */
  readonly #counts = new FilterTree<number>();
  #subscriptionBytes = 0;
  #version = 0;

  /** Changes with every subscription: what `takes` has said may no longer be true. */
  get version(): number {
    return this.#version;
  }

  /** False where it cannot be: the filter is too long, or the client, or all together, have too many. */
  add(client: Client, filter: string): boolean {
    const filters = this.#filtersOf.get(client) ?? new Set();
    if (filters.has(filter)) return true;
    const bytes = this.#subscriptionBytes + this.#counts.nodeCount * LEVEL_BYTES + bytesOf(filter);
    if (filter.length > FILTER_LENGTH_MAX || filters.size >= FILTERS_PER_CLIENT_MAX || bytes > BYTES_MAX)
      return false;
    this.#filtersOf.set(client, filters.add(filter));
    this.#counts.set(filter, (this.#counts.get(filter) ?? 0) + 1);
    this.#subscriptionBytes += bytesOf(filter);
    this.#version += 1;
    return true;
  }

  remove(client: Client, filter: string): void {
    if (this.#filtersOf.get(client)?.delete(filter) !== true) return;
    const count = this.#counts.get(filter) ?? 0;
    if (count > 1) this.#counts.set(filter, count - 1);
    else this.#counts.delete(filter);
    this.#subscriptionBytes -= bytesOf(filter);
    this.#version += 1;
  }

  /** All of a client that is gone. */
  removeClient(client: Client): void {
    for (const filter of this.#filtersOf.get(client) ?? []) this.remove(client, filter);
    this.#filtersOf.delete(client);
  }

  takes(topic: string): boolean {
    return this.#counts.takes(topic);
  }
}

function bytesOf(filter: string): number {
  return SUBSCRIPTION_BYTES + 2 * filter.length;
}
