import type { Damage } from "./damage-payload.ts";

/** What befalls messages on their way, drawn from the seed for each; all of it is in the truth. */
export interface DeliveryPlan {
  readonly lateness: LatenessPlan;
  /** This share comes up to so much later still, and so after what was said later. */
  readonly reorder: { readonly probability: number; readonly byMs: number };
  /** This share comes again, the same bytes, up to so much after the first. */
  readonly duplicates: { readonly probability: number; readonly withinMs: number };
  /** This share never comes; QoS 0 only. */
  readonly lossProbability: number;
  /** Per connection: nothing is heard for a while, then all of it at once. Null: never. */
  readonly silence: SilencePlan | null;
  /** Instead of its payload something else comes that is none. */
  readonly malformed: { readonly probability: number; readonly kinds: readonly Damage[] };
}

/** How long a message is on its way, in ms; none of them longer than `maxMs`. */
export type LatenessPlan =
  | { readonly distribution: "none" }
  | { readonly distribution: "uniform"; readonly fromMs: number; readonly maxMs: number }
  | { readonly distribution: "exponential"; readonly meanMs: number; readonly maxMs: number }
  /** exp(ln median + sigma · z). */
  | {
      readonly distribution: "lognormal";
      readonly medianMs: number;
      readonly sigma: number;
      readonly maxMs: number;
    }
  /** At least `leastMs`; longer than x with probability (least / x)^shape. */
  | {
      readonly distribution: "pareto";
      readonly leastMs: number;
      readonly shape: number;
      readonly maxMs: number;
    };

export interface SilencePlan {
  /** Mean time between two silences; exponential. */
  readonly everyMs: number;
  /** Uniform. */
  readonly forMs: readonly [min: number, max: number];
}
