import type { HeavyTail, LinkPlan } from "../link/link-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";

export function toLinkPlan({ links, sites }: PlanFile, source: PlanSource): LinkPlan | null {
  if (links === undefined) return null;
  const toTail = (key: "up" | "down"): HeavyTail => {
    const { least, shape, max } = links[key];
    if (least > max) source.addProblem(["links", key, "least"], "least is longer than max");
    return { leastMs: least, shape, maxMs: max };
  };
  const { firstPort } = links;
  if (firstPort > 0 && firstPort + Object.keys(sites).length > 65_536)
    source.addProblem(
      ["links", "firstPort"],
      "there are not so many ports: each site takes one, from this on",
    );
  const [host = "", port] = links.to.split(":");
  return {
    host,
    port: Number(port),
    firstPort,
    up: toTail("up"),
    down: toTail("down"),
    halfOpenShare: links.halfOpen,
    latencyMs: links.latency,
    jitterMs: links.jitter,
    bytesPerSecond: links.bytesPerSecond,
  };
}
