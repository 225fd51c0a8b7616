import { compareFrontiers, FRONTIER_LANES } from "./frontier.ts";
import type { Frontier, FrontierLane } from "./frontier.ts";

/** Most frontiers of one agent that wait for their sequences. */
export const FRONTIERS_WAITING_MAX = 16;

export type LaneSequences = Readonly<Record<FrontierLane, number>>;

export interface FrontierTrackerState {
  readonly current: Frontier | null;
  readonly waiting: readonly Frontier[];
}

/**
 * One agent's frontier as central may believe it: the greatest offered one whose named sequences are all held.
 * Frontiers travel beside batches and may come before, twice, or out of order.
 */
export class FrontierTracker {
  #current: Frontier | null;
  #waiting: Frontier[];
  #droppedCount = 0;

  constructor(state?: FrontierTrackerState) {
    this.#current = state?.current ?? null;
    this.#waiting = [...(state?.waiting ?? [])];
  }

  /** The frontier that counts now. */
  get current(): Frontier | null {
    return this.#current;
  }

  /** Frontiers given up because too many waited; a later one stands for each. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Takes a frontier into account. True when `current` has changed. */
  offer(frontier: Frontier, marks: LaneSequences): boolean {
    if (this.#current !== null && compareFrontiers(frontier, this.#current) <= 0) return false;
    // As nearly every one that comes with its batch.
    if (this.#waiting.length === 0 && isHeld(frontier, marks)) {
      this.#current = frontier;
      return true;
    }
    const at = this.#waiting.findIndex((other) => compareFrontiers(other, frontier) >= 0);
    if (at >= 0 && compareFrontiers(this.#waiting[at], frontier) === 0) return this.advance(marks);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, frontier);
    const hasChanged = this.advance(marks);
    if (this.#waiting.length > FRONTIERS_WAITING_MAX) {
      // The oldest are met first and so let the frontier move on; the newest says where it ends. The one before it can go.
      this.#waiting.splice(-2, 1);
      this.#droppedCount++;
    }
    return hasChanged;
  }

  /** To be called when marks have moved. True when `current` has changed. */
  advance(marks: LaneSequences): boolean {
    if (this.#waiting.length === 0) return false;
    const at = this.#waiting.findLastIndex((frontier) => isHeld(frontier, marks));
    if (at < 0) return false;
    this.#current = this.#waiting[at]!;
    this.#waiting = this.#waiting.slice(at + 1);
    return true;
  }

  export(): FrontierTrackerState {
    return { current: this.#current, waiting: [...this.#waiting] };
  }
}

function isHeld({ holds }: Frontier, marks: LaneSequences): boolean {
  for (const lane of FRONTIER_LANES) if (!(marks[lane] >= holds[lane])) return false;
  return true;
}
