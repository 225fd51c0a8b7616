import type { DeliveryPlan } from "../delivery/delivery-plan.ts";
import { formatDuration } from "../progress/format-duration.ts";

/** What befalls messages on their way: `late up to 8 s (pareto), 5 % out of order, 5 % twice`. */
export function deliveryText(delivery: DeliveryPlan): string {
  const { lateness, reorder, duplicates, lossProbability, silence, malformed } = delivery;
  const shares = [
    [reorder.probability, "out of order"],
    [duplicates.probability, "twice"],
    [lossProbability, "lost at QoS 0"],
    [malformed.probability, "spoilt"],
  ] as const;
  const parts = [
    ...(lateness.distribution === "none"
      ? []
      : [`late up to ${formatDuration(lateness.maxMs)} (${lateness.distribution})`]),
    ...shares.flatMap(([share, what]) =>
      share === 0 ? [] : [`${Number((share * 100).toPrecision(3))} % ${what}`],
    ),
    ...(silence === null ? [] : [`silent about every ${formatDuration(silence.everyMs)}`]),
  ];
  return parts.length === 0 ? "at once, in order, and once" : parts.join(", ");
}
