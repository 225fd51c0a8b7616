/** What falls due later, earliest first; of one time what came first. A binary heap. */
export class DueQueue<Item> {
  readonly #times: number[] = [];
  readonly #numbers: number[] = [];
  readonly #items: Item[] = [];
  #count = 0;

  get size(): number {
    return this.#items.length;
  }

  /** Infinity when nothing is left. */
  get nextMs(): number {
    return this.#times.length === 0 ? Infinity : this.#times[0];
  }

  push(timeMs: number, item: Item): void {
    const [times, numbers, items] = [this.#times, this.#numbers, this.#items];
    const number = this.#count++;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent] <= timeMs) break;
      times[at] = times[parent];
      numbers[at] = numbers[parent];
      items[at] = items[parent];
      at = parent;
    }
    times[at] = timeMs;
    numbers[at] = number;
    items[at] = item;
  }

  /** Undefined when nothing is left. */
  pop(): Item | undefined {
    const [times, numbers, items] = [this.#times, this.#numbers, this.#items];
    const first = items[0];
    const [time, number, last] = [times.pop(), numbers.pop(), items.pop()];
    if (time === undefined || number === undefined || last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#isBefore(child + 1, times[child], numbers[child])) child += 1;
      if (!this.#isBefore(child, time, number)) break;
      times[at] = times[child];
      numbers[at] = numbers[child];
      items[at] = items[child];
      at = child;
    }
    times[at] = time;
    numbers[at] = number;
    items[at] = last;
    return first;
  }

  /** What is due, in order. */
  *take(untilMs: number): Generator<Item> {
    while (this.nextMs <= untilMs) {
      const item = this.pop();
      if (item === undefined) return;
      yield item;
    }
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }

  #isBefore(index: number, timeMs: number, number: number): boolean {
    const time = this.#times[index];
    return time < timeMs || (time === timeMs && this.#numbers[index] < number);
  }
}
