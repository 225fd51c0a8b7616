import { portableLog } from "../signal/portable-math.ts";
import { RandomStream } from "../signal/random-stream.ts";
import type { SilencePlan } from "./delivery-plan.ts";

/** When one connection is silent: spells of hearing, exponential, and of silence, uniform. Asked in order of time. */
export class Silences {
  readonly #plan: SilencePlan;
  readonly #random: RandomStream;
  #fromMs: number;
  #toMs: number;

  constructor(plan: SilencePlan, name: string, startMs: number) {
    this.#plan = plan;
    this.#random = new RandomStream(name);
    this.#fromMs = startMs;
    this.#toMs = startMs;
    this.#next();
  }

  /** When what is said at `timeMs` gets through. */
  endMs(timeMs: number): number {
    while (timeMs >= this.#toMs) this.#next();
    return timeMs < this.#fromMs ? timeMs : this.#toMs;
  }

  #next(): void {
    const { everyMs, forMs } = this.#plan;
    this.#fromMs = this.#toMs - everyMs * portableLog(1 - this.#random.uniform());
    this.#toMs = Math.ceil(this.#fromMs + forMs[0] + this.#random.uniform() * (forMs[1] - forMs[0]));
  }
}
