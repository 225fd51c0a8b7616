import { portableExp, portableLog } from "../signal/portable-math.ts";
import type { RandomStream } from "../signal/random-stream.ts";
import type { LatenessPlan } from "./delivery-plan.ts";

/** Whole ms, at most the plan's `maxMs`. One draw, whatever the distribution. */
export function drawLateness(plan: LatenessPlan, random: RandomStream): number {
  if (plan.distribution === "lognormal") {
    const ms = portableExp(portableLog(plan.medianMs) + plan.sigma * random.normal());
    return Math.floor(Math.min(plan.maxMs, ms));
  }
  const uniform = random.uniform();
  switch (plan.distribution) {
    case "none":
      return 0;
    case "uniform":
      return Math.floor(plan.fromMs + uniform * (plan.maxMs - plan.fromMs));
    case "exponential":
      return Math.floor(Math.min(plan.maxMs, -plan.meanMs * portableLog(1 - uniform)));
    case "pareto": {
      const ms = plan.leastMs * portableExp(-portableLog(1 - uniform) / plan.shape);
      return Math.floor(Math.min(plan.maxMs, ms));
    }
  }
}
