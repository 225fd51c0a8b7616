import { formatOf } from "../plan/format-of.ts";
import type { Plan, SitePlan } from "../plan/plan.ts";

/** A site of a plan, with what its agent needs. */
export interface ConfiguredSite {
  readonly site: string;
  readonly agent: string;
  /** The agent's input that the site's sensors are sent to. */
  readonly input: "broker" | "http";
  readonly port: number;
  /** Where it sends to: central, or its line to central. */
  readonly uplinkPort: number;
  readonly statusPort: number;
  readonly password: string;
}

const INTAKE_PORT = 18_830;
const STATUS_PORT = 18_860;
const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

/** Where central's intake listens. */
export function intakePortOf({ links }: Plan): number {
  return links?.port ?? INTAKE_PORT;
}

/** In words why no agent can be written for it. */
export function configureSite(
  plan: Plan,
  index: number,
  password: string,
): ConfiguredSite | { readonly problem: string } {
  const { links, signals } = plan;
  const site = plan.sites[index];
  const way = wayOf(site);
  if (typeof way === "string") return { problem: way };
  if (signals.some(({ metric }) => formatOf(plan, site.site, metric) !== "json"))
    return {
      problem: "its readings are not in the format json: docs/payloads.md says how a pipeline reads others",
    };
  if (links !== null && (!LOOPBACK.has(links.host) || links.firstPort === 0))
    return {
      problem: "its line to central must have a port (links.firstPort) and lead to this machine (links.to)",
    };
  return {
    site: site.site,
    agent: `${site.site}-gateway`,
    ...way,
    uplinkPort: links === null ? intakePortOf(plan) : links.firstPort + index,
    statusPort: STATUS_PORT + index,
    password,
  };
}

function wayOf({ output }: SitePlan): Pick<ConfiguredSite, "input" | "port"> | string {
  if (output.kind !== "mqtt" && output.kind !== "http")
    return `its readings go to ${output.kind}, not to an agent`;
  if (output.login !== null) return "its sensors have a user or a token, whom an agent must be told by hand";
  const { hostname, port, protocol } = new URL(output.url);
  if (!LOOPBACK.has(hostname) || port === "" || !["mqtt:", "http:"].includes(protocol))
    return `its readings go to ${output.url}, which is no port of this machine`;
  return { input: output.kind === "mqtt" ? "broker" : "http", port: Number(port) };
}
