import { createBackoff, type Backoff, type Clock, type Random } from "@millrace/runtime";

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

/** Partitions of which nothing can be read for now, by key. Each rests by itself, and longer each time. */
export class PartitionFailures {
  readonly #clock: Clock;
  readonly #random: Random;
  /** `place`: the offset where it fails; null: the broker refuses it. */
  readonly #failures = new Map<string, { readonly place: number | null; readonly backoff: Backoff }>();
  readonly #resting = new Set<string>();

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  isResting(key: string): boolean {
    return this.#resting.has(key);
  }

  /** How often it has failed at this place in a row. */
  countOf(key: string, place: number | null): number {
    const failure = this.#failures.get(key);
    return failure?.place === place ? failure.backoff.attemptCount : 0;
  }

  /** It has failed. `onOver`: it has rested. */
  rest(key: string, place: number | null, onOver: () => void): void {
    let failure = this.#failures.get(key);
    if (failure?.place !== place) {
      const backoff = createBackoff({ random: this.#random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
      this.#failures.set(key, (failure = { place, backoff }));
    }
    this.#resting.add(key);
    this.#clock.after(failure.backoff.nextMs(), () => {
      this.#resting.delete(key);
      onOver();
    });
  }

  /** The broker gives something of it again. What is damaged stays so. */
  accepted(key: string): void {
    if (this.#failures.get(key)?.place === null) this.#failures.delete(key);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
