import type { DeliveryPlan, LatenessPlan } from "../delivery/delivery-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";
import type { SitePlan } from "./plan.ts";

/** What is on its way is in memory: no more than this. */
const ON_THE_WAY_MAX = 1_000_000;

type DeliveryFile = NonNullable<PlanFile["delivery"]>;
type RecordDeliveryFile = NonNullable<NonNullable<PlanFile["business"]>["delivery"]>;
type Problem = (path: readonly PropertyKey[], message: string) => void;

export function toDeliveryPlan(
  file: PlanFile,
  sites: readonly SitePlan[],
  source: PlanSource,
): DeliveryPlan | null {
  const { delivery } = file;
  if (delivery === undefined) return null;
  const { loss, silence } = delivery;
  const problem: Problem = (path, message) => source.addProblem(["delivery", ...path], message);
  if (silence !== undefined && (silence.for[0] > silence.for[1] || silence.for[1] === 0))
    problem(["silence", "for"], "for must be a length, or a shortest and a longest one");
  const isQos0 = sites.some(({ output }) => output.kind === "mqtt" && output.qos === 0);
  if (loss !== undefined && loss.probability > 0 && !isQos0)
    problem(["loss"], "nothing is lost but at QoS 0; give a site qos: 0");
  const perSecond =
    sites.reduce((sum, site) => sum + site.lines * site.machinesPerLine, 0) *
    file.readingsPerSecond *
    Object.keys(file.signals).length;
  checkOnTheWay(delivery, { perSecond, silentMs: silence?.for[1] ?? 0, what: "readings" }, problem);
  return {
    ...toFatesPlan(delivery, problem),
    lossProbability: loss?.probability ?? 0,
    silence: silence === undefined ? null : { everyMs: silence.every, forMs: silence.for },
  };
}

/** Of a plan's records; `problem` takes places within their `delivery`. */
export function toRecordDeliveryPlan(
  delivery: RecordDeliveryFile | undefined,
  perSecond: number,
  problem: Problem,
): DeliveryPlan | null {
  if (delivery === undefined) return null;
  checkOnTheWay(delivery, { perSecond, silentMs: 0, what: "records" }, problem);
  return { ...toFatesPlan(delivery, problem), lossProbability: 0, silence: null };
}

function toFatesPlan(
  delivery: DeliveryFile | RecordDeliveryFile,
  problem: Problem,
): Pick<DeliveryPlan, "lateness" | "reorder" | "duplicates" | "malformed"> {
  const { reorder, duplicates, malformed } = delivery;
  const lateness = toLateness(delivery.lateness);
  const given = delivery.lateness;
  for (const key of ["from", "mean", "median", "least"])
    if (given.distribution !== "none" && Number(Reflect.get(given, key) ?? 0) > given.max)
      problem(["lateness", key], `${key} is longer than max`);
  return {
    lateness,
    reorder: { probability: reorder?.probability ?? 0, byMs: reorder?.by ?? 0 },
    duplicates: { probability: duplicates?.probability ?? 0, withinMs: duplicates?.within ?? 0 },
    malformed: { probability: malformed?.probability ?? 0, kinds: malformed?.kinds ?? [] },
  };
}

function checkOnTheWay(
  { lateness, reorder, duplicates }: DeliveryFile | RecordDeliveryFile,
  given: { readonly perSecond: number; readonly silentMs: number; readonly what: string },
  problem: Problem,
): void {
  const { perSecond, silentMs, what } = given;
  const longestMs =
    (lateness.distribution === "none" ? 0 : lateness.max) +
    (reorder?.by ?? 0) +
    (duplicates?.within ?? 0) +
    silentMs;
  const count = Math.ceil((perSecond * longestMs) / 1_000);
  if (count > ON_THE_WAY_MAX)
    problem(
      [],
      `up to ${count} ${what} could be on their way, and ${ON_THE_WAY_MAX} may; lower max${silentMs > 0 ? ", within or for" : " or within"}`,
    );
}

function toLateness(given: DeliveryFile["lateness"]): LatenessPlan {
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
