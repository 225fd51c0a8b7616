/** How the lines between sites and central fail, drawn from the seed for each site. */
export interface LinkPlan {
  readonly host: string;
  readonly port: number;
  /** Where the first site's agent connects to; the others' follow, in the plan's order. */
  readonly firstPort: number;
  readonly up: HeavyTail;
  readonly down: HeavyTail;
  /** Share of outages in which connections stay and nothing gets through. */
  readonly halfOpenShare: number;
  /** One way, and by how much more at most. */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Each way. */
  readonly bytesPerSecond: number;
}

/** Pareto: longer than x with probability (least / x)^shape, and no longer than `maxMs`. */
export interface HeavyTail {
  readonly leastMs: number;
  readonly shape: number;
  readonly maxMs: number;
}

export const LINK_STATES = ["up", "down", "half-open"] as const;
export type LinkState = (typeof LINK_STATES)[number];
