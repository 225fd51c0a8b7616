import type { Arrival } from "../inputs/input.ts";
import { filterTakes } from "../inputs/topic-filter.ts";
import type { Receipt } from "./reception.ts";

/** Beyond either bound they are what they are to the pipeline that runs: of no known topic. */
const ARRIVALS_MAX = 10_000;
const BYTES_MAX = 8 * 1024 * 1024;

/**
 * What arrives for a pipeline that is about to run, and that the one that runs does not read: it is kept until one is settled
 * upon, since a broker sends what is retained only once.
 */
export class AwaitedArrivals {
  #filters: readonly string[] = [];
  #held: { readonly arrival: Arrival; resolve(receipt: Receipt): void }[] = [];
  #bytes = 0;

  /** From now on, whatever these take. */
  expect(filters: readonly string[]): void {
    this.#filters = filters;
  }

  /** Whether it is to be held. */
  takes({ topic, payload }: Arrival): boolean {
    if (this.#filters.length === 0 || this.#held.length >= ARRIVALS_MAX) return false;
    if (this.#bytes + payload.length > BYTES_MAX) return false;
    return this.#filters.some((filter) => filterTakes(filter, topic));
  }

  /** Settles as it does once it is received. */
  hold(arrival: Arrival): Receipt {
    const { promise, resolve } = Promise.withResolvers<Awaited<Receipt>>();
    // The input may use its bytes again.
    this.#held.push({ arrival: { ...arrival, payload: arrival.payload.slice() }, resolve });
    this.#bytes += arrival.payload.length;
    return arrival.qos === 0 ? undefined : promise;
  }

  /** Nothing is awaited any more: all of it is received, in its order. */
  release(receive: (arrival: Arrival) => Receipt): void {
    const held = this.#held;
    this.#held = [];
    this.#filters = [];
    this.#bytes = 0;
    for (const { arrival, resolve } of held) resolve(receive(arrival));
  }
}
