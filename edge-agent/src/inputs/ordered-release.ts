/**
 * Acknowledgements of one connection: each waits for its work, and leaves in the order of arrival (MQTT 3.1.1, 4.6).
 * After the first failure nothing more is released; the connection is to be dropped.
 */
export class OrderedRelease {
  readonly #onFailure: (error: unknown) => void;
  readonly #held: Entry[] = [];
  #hasFailed = false;

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** How many wait. */
  get heldCount(): number {
    return this.#held.length;
  }

  add(work: Promise<unknown> | void, release: () => void): void {
    if (work === undefined && this.#held.length === 0) {
      if (!this.#hasFailed) release();
      return;
    }
    const entry: Entry = { release, isSettled: work === undefined };
    this.#held.push(entry);
    work?.then(
      () => {
        entry.isSettled = true;
        this.#releaseHead();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Forgets what waits: the connection is gone, its acknowledgements mean nothing any more. */
  discard(): void {
    this.#hasFailed = true;
    this.#held.length = 0;
  }

  #releaseHead(): void {
    while (this.#held[0]?.isSettled) this.#held.shift()!.release();
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.discard();
    this.#onFailure(error);
  }
}

interface Entry {
  readonly release: () => void;
  isSettled: boolean;
}
