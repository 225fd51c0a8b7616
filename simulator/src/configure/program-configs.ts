import { recordStreams } from "../business/plan/record-streams.ts";
import type { Plan } from "../plan/plan.ts";
import { type ConfiguredSite, intakePortOf } from "./configured-site.ts";
import { yamlMap } from "./yaml-map.ts";

/** Trucks without radio bring their reports as much later. */
const TRUCKS_HORIZON = "6h";

/** `central.yaml` beside a plan's pipeline. */
export function centralConfig(plan: Plan, sites: readonly ConfiguredSite[], httpPort: number): string {
  const { business } = plan;
  const streams = business === null ? [] : recordStreams(business);
  const records = streams.map((stream) => [
    stream,
    { http: {}, ...(stream === "trucks" ? { dedupe: { horizon: TRUCKS_HORIZON } } : {}) },
  ]);
  const agents = sites.map(
    ({ agent, site, password }) => `  - ${JSON.stringify({ id: agent, site, password })}`,
  );
  return [
    "version: 1",
    "data: ./central",
    "pipeline: ./pipeline.yaml",
    ...(sites.length === 0
      ? []
      : [`intake: { mqtt: { host: 127.0.0.1, port: ${intakePortOf(plan)} } }`, "agents:", ...agents]),
    ...yamlMap("records", Object.fromEntries(records)),
    `http: { host: 127.0.0.1, port: ${httpPort} } # dashboard and API`,
    "",
  ].join("\n");
}

/** A site's `agent.yaml` beside the pipeline. */
export function agentConfig({
  agent,
  site,
  input,
  port,
  uplinkPort,
  statusPort,
  password,
}: ConfiguredSite): string {
  return [
    "version: 1",
    `agent: ${agent}`,
    `site: ${site}`,
    `data: ./${agent}`,
    "pipeline: ./pipeline.yaml",
    `inputs: { ${input}: { host: 127.0.0.1, port: ${port} } } # its sensors publish here`,
    `uplink: { url: "mqtt://127.0.0.1:${uplinkPort}", username: ${agent}, password: "${password}" }`,
    `http: { host: 127.0.0.1, port: ${statusPort} } # /status, /metrics`,
    "",
  ].join("\n");
}
