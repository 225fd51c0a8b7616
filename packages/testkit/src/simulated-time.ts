import type { Clock, Timer } from "@millrace/runtime";

interface Due {
  readonly atMs: number;
  /** Same time: first come, first served. */
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/**
 * Time that stands still between events. Everything that waits hangs on one heap; `run` takes the earliest, lets what it
 * set off settle, and goes on. One run of one seed is the same run every time.
 */
export class SimulatedTime {
  #nowMs: number;
  #order = 0;
  readonly #heap: Due[] = [];

  /** @param startMs wall clock at the start, ms since the epoch. */
  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A clock of one node: its wall clock is off by `offsetMs` and jumps with it, its timers die when `isAlive` turns false. */
  clock(options: { offsetMs?(): number; isAlive?(): boolean } = {}): Clock {
    const { offsetMs = () => 0, isAlive = () => true } = options;
    return {
      nowMs: () => Math.floor(this.#nowMs + offsetMs()),
      monotonicMs: () => this.#nowMs,
      after: (delayMs, callback) => this.after(delayMs, () => isAlive() && callback()),
    };
  }

  after(delayMs: number, callback: () => void): Timer {
    const due: Due = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order,
      callback,
      isCancelled: false,
    };
    this.#order += 1;
    this.#push(due);
    return { cancel: () => (due.isCancelled = true) };
  }

  /** Lets `durationMs` of simulated time pass. */
  async run(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const due = this.#heap[0];
      if (due === undefined || due.atMs > untilMs) break;
      this.#pop();
      if (due.isCancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass until `condition` holds; false when it does not within `limitMs`. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    while (!condition()) {
      if (this.#nowMs >= untilMs) return false;
      await this.run(Math.min(100, untilMs - this.#nowMs));
    }
    return true;
  }

  /** Lets time pass until `work` is done: for what waits on a simulated disk. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const end = () => (isDone = true);
    work.then(end, end);
    while (!isDone) await this.run(1);
    return work;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Promises that follow from one another have all run when the next turn of the event loop comes. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
