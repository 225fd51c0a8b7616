interface Waiting<Item> {
  readonly dueMs: number;
  /** Same time: first come, first served. */
  readonly order: number;
  readonly item: Item;
}

/** What is on its way, by the event time at which it arrives: a binary heap. */
export class DeliveryQueue<Item> {
  readonly #heap: Waiting<Item>[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Infinity: nothing is on its way. */
  get nextDueMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  push(dueMs: number, item: Item): void {
    const heap = this.#heap;
    const added = { dueMs, order: this.#order++, item };
    let at = heap.length;
    heap.push(added);
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(added, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = added;
  }

  /** What is due, in order. */
  *take(untilMs: number): Generator<Item> {
    while (this.nextDueMs <= untilMs && this.#heap.length > 0) yield this.#pop();
  }

  #pop(): Item {
    const heap = this.#heap;
    const { item } = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return item;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return item;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (const { item } of this.#heap) yield item;
  }
}

function isBefore<Item>(one: Waiting<Item>, other: Waiting<Item>): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
