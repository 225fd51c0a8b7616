import { NotReady } from "./not-ready.ts";

/** When all that is in memory is durable: nobody is shown what a crash may take back. */
export class DurableMoment {
  readonly #whyNot: () => string | null;
  #isAhead = false;
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  /** `whyNot`: why it may be long until then, or for ever; null: it is not. */
  constructor(whyNot: () => string | null) {
    this.#whyNot = whyNot;
  }

  /** What is in memory is not durable yet. */
  get isAhead(): boolean {
    return this.#isAhead;
  }

  /** More is being applied. */
  ahead(): void {
    this.#isAhead = true;
  }

  reached(): void {
    this.#isAhead = false;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** It may be long, or never: nobody waits for it any more. */
  putOff(why: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new NotReady(why));
  }

  /** Rejects where that may be long, or never. */
  async wait(): Promise<void> {
    if (!this.#isAhead) return;
    const why = this.#whyNot();
    if (why !== null) throw new NotReady(why);
    const moment = Promise.withResolvers<void>();
    this.#waiting.push(moment);
    await moment.promise;
  }
}
