import { drawLateness } from "../delivery/draw-lateness.ts";
import { RandomStream, streamName } from "../signal/random-stream.ts";
import type { HeavyTail, LinkPlan, LinkState } from "./link-plan.ts";

export interface LinkChange {
  readonly site: string;
  readonly state: LinkState;
  /** Event time. */
  readonly time: number;
}

/** One site's line through time: up, then out, then up again. Asked in order of time. */
export class LinkCourse {
  readonly site: string;
  readonly #plan: LinkPlan;
  readonly #random: RandomStream;
  #state: LinkState = "up";
  #nextMs: number;

  constructor(plan: LinkPlan, seed: number, site: string, startMs: number) {
    this.site = site;
    this.#plan = plan;
    this.#random = new RandomStream(streamName(seed, site, "link"));
    this.#nextMs = startMs + this.#draw(plan.up);
  }

  get state(): LinkState {
    return this.#state;
  }

  get nextMs(): number {
    return this.#nextMs;
  }

  /** Those that are due. */
  *changes(timeMs: number): Generator<LinkChange> {
    while (this.#nextMs <= timeMs) {
      const time = this.#nextMs;
      const isHalfOpen = this.#random.uniform() < this.#plan.halfOpenShare;
      this.#state = this.#state !== "up" ? "up" : isHalfOpen ? "half-open" : "down";
      this.#nextMs = time + this.#draw(this.#state === "up" ? this.#plan.up : this.#plan.down);
      yield { site: this.site, state: this.#state, time };
    }
  }

  #draw(tail: HeavyTail): number {
    return Math.max(1, drawLateness({ distribution: "pareto", ...tail }, this.#random));
  }
}
