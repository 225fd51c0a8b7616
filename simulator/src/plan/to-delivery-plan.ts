import { DAMAGES } from "../delivery/damage-payload.ts";
import type { DeliveryPlan, LatenessPlan } from "../delivery/delivery-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";
import type { SitePlan } from "./plan.ts";

/** Messages on their way are in memory: no more than this. */
const ON_THE_WAY_MAX = 1_000_000;

export function toDeliveryPlan(
  file: PlanFile,
  sites: readonly SitePlan[],
  source: PlanSource,
): DeliveryPlan | null {
  const { delivery } = file;
  if (delivery === undefined) return null;
  const { reorder, duplicates, loss, silence, malformed } = delivery;
  const lateness = toLateness(delivery.lateness);
  if (lateness.distribution === "uniform" && lateness.fromMs > lateness.maxMs)
    source.addProblem(["delivery", "lateness", "from"], "from is after max");
  if (silence !== undefined && (silence.for[0] > silence.for[1] || silence.for[1] === 0))
    source.addProblem(
      ["delivery", "silence", "for"],
      "for must be a length, or a shortest and a longest one",
    );
  const isQos0 = sites.some(({ output }) => output.kind === "mqtt" && output.qos === 0);
  if (loss !== undefined && loss.probability > 0 && !isQos0)
    source.addProblem(["delivery", "loss"], "nothing is lost but at QoS 0; give a site qos: 0");
  const perSecond =
    sites.reduce((sum, site) => sum + site.lines * site.machinesPerLine, 0) *
    file.readingsPerSecond *
    Object.keys(file.signals).length;
  const longestMs =
    (lateness.distribution === "none" ? 0 : lateness.maxMs) +
    (reorder?.by ?? 0) +
    (duplicates?.within ?? 0) +
    (silence?.for[1] ?? 0);
  if ((perSecond * longestMs) / 1_000 > ON_THE_WAY_MAX)
    source.addProblem(
      ["delivery"],
      `up to ${Math.ceil((perSecond * longestMs) / 1_000)} readings could be on their way, and ${ON_THE_WAY_MAX} may; lower max, within or for`,
    );
  return {
    lateness,
    reorder: { probability: reorder?.probability ?? 0, byMs: reorder?.by ?? 0 },
    duplicates: { probability: duplicates?.probability ?? 0, withinMs: duplicates?.within ?? 0 },
    lossProbability: loss?.probability ?? 0,
    silence: silence === undefined ? null : { everyMs: silence.every, forMs: silence.for },
    malformed: { probability: malformed?.probability ?? 0, kinds: malformed?.kinds ?? DAMAGES },
  };
}

function toLateness(given: NonNullable<PlanFile["delivery"]>["lateness"]): LatenessPlan {
  switch (given.distribution) {
    case "none":
      return { distribution: "none" };
    case "uniform":
      return { distribution: given.distribution, fromMs: given.from, maxMs: given.max };
    case "exponential":
      return { distribution: given.distribution, meanMs: given.mean, maxMs: given.max };
    case "lognormal": {
      const { distribution, median, sigma, max } = given;
      return { distribution, medianMs: median, sigma, maxMs: max };
    }
    case "pareto": {
      const { distribution, least, shape, max } = given;
      return { distribution, leastMs: least, shape, maxMs: max };
    }
  }
}
