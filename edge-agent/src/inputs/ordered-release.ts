/**
 * Acknowledgements of one connection: each waits for its work, and leaves in the order of arrival (MQTT 3.1.1, 4.6), those
 * that wait for the same work together. After the first failure nothing more is released; the connection is to be dropped.
 */
export class OrderedRelease<Item> {
  readonly #options: OrderedReleaseOptions<Item>;
  readonly #held: Group<Item>[] = [];
  #heldCount = 0;
  #hasFailed = false;

  constructor(options: OrderedReleaseOptions<Item>) {
    this.#options = options;
  }

  /** How many wait. */
  get heldCount(): number {
    return this.#heldCount;
  }

  add(work: Promise<unknown> | void, item: Item): void {
    const last = this.#held.at(-1);
    if (work === undefined && last === undefined) {
      if (!this.#hasFailed) this.#options.release([item]);
      return;
    }
    this.#heldCount += 1;
    // What waits for nothing leaves right behind what came before it.
    if (last !== undefined && (work === undefined || work === last.work)) {
      last.items.push(item);
      return;
    }
    const group: Group<Item> = { work, items: [item], isSettled: false };
    this.#held.push(group);
    work?.then(
      () => {
        group.isSettled = true;
        this.#releaseHead();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Forgets what waits: the connection is gone, its acknowledgements mean nothing any more. */
  discard(): void {
    this.#hasFailed = true;
    this.#held.length = 0;
    this.#heldCount = 0;
  }

  #releaseHead(): void {
    while (this.#held[0]?.isSettled) {
      const { items } = this.#held.shift()!;
      this.#heldCount -= items.length;
      this.#options.release(items);
    }
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.discard();
    this.#options.failed(error);
  }
}

export interface OrderedReleaseOptions<Item> {
  release(items: readonly Item[]): void;
  failed(error: unknown): void;
}

interface Group<Item> {
  readonly work: Promise<unknown> | void;
  readonly items: Item[];
  isSettled: boolean;
}
