import { RandomStream } from "../signal/random-stream.ts";
import type { Damage } from "./damage-payload.ts";
import type { DeliveryPlan } from "./delivery-plan.ts";
import { drawLateness } from "./draw-lateness.ts";

/** What becomes of one message. */
export interface MessageFate {
  readonly isLost: boolean;
  /** What comes instead of its payload. */
  readonly damage: Damage | null;
  readonly lateMs: number;
  /** A second copy comes so long after the first; null: none does. */
  readonly againMs: number | null;
}

export interface MessageFatesOptions {
  readonly plan: DeliveryPlan;
  /** Of the topic's stream of chance. */
  readonly name: string;
  /** It goes out at QoS 0. */
  readonly mayBeLost: boolean;
  /** Those that its format and way can show. */
  readonly damages: readonly Damage[];
}

/** The fates of one topic's messages, in their order. Draws as much for each whatever happens, and whatever may. */
export class MessageFates {
  readonly #options: MessageFatesOptions;
  readonly #random: RandomStream;

  constructor(options: MessageFatesOptions) {
    this.#options = options;
    this.#random = new RandomStream(options.name);
  }

  next(): MessageFate {
    const { plan, mayBeLost, damages } = this.#options;
    const { lateness, reorder, duplicates, lossProbability, malformed } = plan;
    const random = this.#random;
    const usualMs = drawLateness(lateness, random);
    const [reordered, reorderShare] = [random.uniform(), random.uniform()];
    const [lost, damaged, kind] = [random.uniform(), random.uniform(), random.uniform()];
    const [again, againShare] = [random.uniform(), random.uniform()];
    const isLost = mayBeLost && lost < lossProbability;
    const isDamaged = !isLost && damages.length > 0 && damaged < malformed.probability;
    const isAgain = !isLost && !isDamaged && again < duplicates.probability;
    return {
      isLost,
      damage: isDamaged ? damages[Math.floor(kind * damages.length)] : null,
      lateMs: usualMs + (reordered < reorder.probability ? Math.floor(reorderShare * reorder.byMs) : 0),
      againMs: isAgain ? Math.floor(againShare * duplicates.withinMs) : null,
    };
  }
}
