import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "@millrace/runtime";
import { type ConfiguredSite, configureSite } from "../configure/configured-site.ts";
import { planPipeline } from "../configure/plan-pipeline.ts";
import { agentConfig, centralConfig } from "../configure/program-configs.ts";
import { loadPlan } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { wrongUsage } from "./wrong-usage.ts";

const HTTP_PORT = 8_080;
const PORT_MAX = 65_535;

/** `millrace-sim configure`: all that a plan needs around it, on one machine. */
export const CONFIGURE_COMMAND: Command = {
  summary:
    "write the pipeline, central's and the agents' configuration for a plan, to run all of it on one machine",
  details: `Writes into a new folder what central and an agent for each site need to take all that the plan makes, and prints the commands that run
it. The pipeline has windows of every signal and every stream of records, and the plan's rules: a beginning, to be changed.`,
  flags: {
    plan: {
      type: "text",
      placeholder: "FILE",
      summary: "the plan, as simulator/plans/chaos.yaml",
      isRequired: true,
    },
    into: { type: "text", placeholder: "FOLDER", summary: "where the files go", isRequired: true },
    port: { type: "number", summary: "of central's dashboard and API", default: String(HTTP_PORT) },
  },
  run({ name, flags, output }) {
    const planPath = flags.requiredText("plan");
    const into = flags.requiredText("into");
    const port = flags.number("port") ?? HTTP_PORT;
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
      throw wrongUsage(name, `--port ${port} is no port`);
    const plan = loadPlan(planPath);
    if (plan.business?.debezium != null)
      throw wrongUsage(
        name,
        "the plan's records are change events: pipelines/orders-table.yaml reads them, from Kafka",
      );
    const sites = plan.sites.map((each, index): ConfiguredSite => {
      const configured = configureSite(plan, index, randomBytes(16).toString("hex"));
      if ("problem" in configured) throw wrongUsage(name, `site ${each.site}: ${configured.problem}`);
      return configured;
    });
    const files = new Map([
      ["pipeline.yaml", planPipeline(plan)],
      ["central.yaml", centralConfig(plan, sites, port)],
      ...sites.map((site) => [`agent-${site.site}.yaml`, agentConfig(site)] as const),
    ]);
    for (const file of files.keys())
      if (existsSync(path.join(into, file)))
        throw wrongUsage(name, `${path.join(into, file)} is there already; name a new folder`);
    mkdirSync(into, { recursive: true });
    for (const [file, text] of files) writeFileSync(path.join(into, file), text, { mode: 0o600 });
    output.out(commandsFor(plan, { planPath, into, port }));
    return 0;
  },
};

function commandsFor(
  { sites, links, business }: Plan,
  { planPath, into, port }: { readonly planPath: string; readonly into: string; readonly port: number },
): string {
  const truth = path.join(into, "truth.jsonl");
  const central = `http://127.0.0.1:${port}`;
  const records = business === null ? "" : ` --http ${central}/api/v1/records`;
  const keep = links === null ? "" : " --keep-links";
  return [
    `${into} holds pipeline.yaml, central.yaml${sites.length === 0 ? "" : ` and agent-SITE.yaml of ${sites.length}`}. To run all of it:`,
    "",
    `  millrace-central run --config ${path.join(into, "central.yaml")} &`,
    ...(sites.length === 0
      ? []
      : [`  for each in ${path.join(into, "agent-*.yaml")}; do millrace-agent run --config $each & done`]),
    `  millrace-sim run --plan ${planPath} --truth ${truth} --for 2m${records}${keep}`,
    ...(links === null ? [] : ["", "While its links stay up, in another terminal:", ""]),
    `  millrace-sim verify --truth ${truth} --central ${central}`,
    "",
  ].join("\n");
}
