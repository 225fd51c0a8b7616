import type { EventEmitter } from "node:events";

interface Slot {
  readonly client: string;
  /** The answer is out, or the client is gone. */
  isClosed: boolean;
  isWorking: boolean;
  waitingSinceMs: number | undefined;
}

/** Requests in work: all of them, and those of one client. A request whose client left counts until its work is done. */
export class HttpSlots {
  readonly #limits: { readonly requestsMax: number; readonly requestsPerClientMax: number };
  readonly #slots = new Map<string, Slot>();
  readonly #ofClient = new Map<string, number>();

  constructor(limits: { readonly requestsMax: number; readonly requestsPerClientMax: number }) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#slots.size;
  }

  /** False where there is no room. `answer` says `close` when it is over. */
  admit(id: string, client: string, answer: EventEmitter): boolean {
    const ofClient = this.#ofClient.get(client) ?? 0;
    const { requestsMax, requestsPerClientMax } = this.#limits;
    if (this.#slots.size >= requestsMax || ofClient >= requestsPerClientMax) return false;
    const slot: Slot = { client, isClosed: false, isWorking: false, waitingSinceMs: undefined };
    this.#slots.set(id, slot);
    this.#ofClient.set(client, ofClient + 1);
    answer.once("close", () => {
      slot.isClosed = true;
      this.#release(id, slot);
    });
    return true;
  }

  /** Keeps the slot until the work is done. */
  async during<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    const slot = this.#slots.get(id);
    if (slot === undefined) return work();
    slot.isWorking = true;
    try {
      return await work();
    } finally {
      slot.isWorking = false;
      this.#release(id, slot);
    }
  }

  /** From when the request waits for the disk; undefined: it does not. */
  setWaiting(id: string, sinceMs: number | undefined): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) slot.waitingSinceMs = sinceMs;
  }

  /** How long the request that waits longest for the disk has waited. */
  waitingMs(nowMs: number): number {
    let longestMs = 0;
    for (const { waitingSinceMs } of this.#slots.values())
      longestMs = Math.max(longestMs, nowMs - (waitingSinceMs ?? nowMs));
    return longestMs;
  }

  #release(id: string, slot: Slot): void {
    if (!slot.isClosed || slot.isWorking || !this.#slots.delete(id)) return;
    const left = (this.#ofClient.get(slot.client) ?? 1) - 1;
    if (left === 0) this.#ofClient.delete(slot.client);
    else this.#ofClient.set(slot.client, left);
  }
}
