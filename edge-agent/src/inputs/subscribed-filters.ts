import { filterTakes } from "./topic-filter.ts";

/** The filters of all subscriptions of a broker: whether anybody is to be handed a topic's messages. */
export class SubscribedFilters {
  /** Filters without wildcard, with how many subscriptions each has; a device's own topics are such. */
  readonly #topics = new Map<string, number>();
  readonly #wildcards = new Map<string, number>();
  #version = 0;

  /** Changes with every subscription: what `takes` has said may no longer be true. */
  get version(): number {
    return this.#version;
  }

  add(filter: string): void {
    const counts = this.#countsOf(filter);
    counts.set(filter, (counts.get(filter) ?? 0) + 1);
    this.#version += 1;
  }

  remove(filter: string): void {
    const counts = this.#countsOf(filter);
    const count = counts.get(filter) ?? 0;
    if (count > 1) counts.set(filter, count - 1);
    else counts.delete(filter);
    this.#version += 1;
  }

  takes(topic: string): boolean {
    if (this.#topics.has(topic)) return true;
    for (const filter of this.#wildcards.keys()) if (filterTakes(filter, topic)) return true;
    return false;
  }

  #countsOf(filter: string): Map<string, number> {
    return filter.includes("+") || filter.includes("#") ? this.#wildcards : this.#topics;
  }
}
