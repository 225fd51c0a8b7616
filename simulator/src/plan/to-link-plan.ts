import type { HeavyTail, LinkPlan } from "../link/link-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";

const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

/** Ports of this machine on which others than the links listen. */
function portsOf(to: string, sites: PlanFile["sites"]): { readonly place: string; readonly taken: number }[] {
  const addresses = [
    ["links.to", `tcp://${to}`],
    ...Object.entries(sites).flatMap(([site, { broker, http }]) =>
      [broker, http?.url].flatMap((url) => (url === undefined ? [] : [[`site ${site}`, url]])),
    ),
  ];
  return addresses.flatMap(([place = "", url = ""]) => {
    const [, host = "", port] = /^\w+:\/\/([^\s:]+):(\d+)$/.exec(url) ?? [];
    return LOOPBACK.has(host) ? [{ place, taken: Number(port) }] : [];
  });
}

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
  for (const { place, taken } of portsOf(links.to, sites))
    if (firstPort > 0 && taken >= firstPort && taken < firstPort + Object.keys(sites).length)
      source.addProblem(
        ["links", "firstPort"],
        `port ${taken} of ${place} would be a link's, too: each site takes one, from firstPort on`,
      );
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
