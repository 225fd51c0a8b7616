import type { Command } from "@millrace/runtime";
import { recordStreams } from "../business/plan/record-streams.ts";
import { recordsPerSecond } from "../business/plan/records-per-second.ts";
import { loadPlan } from "../plan/load-plan.ts";
import type { OutputPlan } from "../plan/output-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { formatTable } from "../verify/format-table.ts";
import { deliveryText } from "./delivery-text.ts";

/** `millrace-sim check`: exit 0 if a plan can be run. */
export const CHECK_COMMAND: Command = {
  summary: "read a plan, and say what it makes or what is wrong with it",
  details: `Names every mistake with file:line:column, and otherwise what the plan makes and where it goes. Makes and publishes nothing.
Exit: 0 it can be run, 2 not.`,
  flags: {
    plan: {
      type: "text",
      placeholder: "FILE",
      summary: "the plan, as simulator/plans/newcomer.yaml",
      isRequired: true,
    },
  },
  run({ flags, output }) {
    const plan = loadPlan(flags.requiredText("plan"));
    output.out(`${describe(plan)}\n`);
    return 0;
  },
};

function describe(plan: Plan): string {
  const { sites, signals, readingsPerSecond, faults, delivery, links, business } = plan;
  const lines: string[] = [];
  if (sites.length > 0) {
    const perMachine = signals.reduce((sum, { everyTicks }) => sum + readingsPerSecond / everyTicks, 0);
    const rows = sites.map(({ site, lines: count, machinesPerLine, output }) => {
      const machines = count * machinesPerLine;
      return [site, machines, rounded(machines * perMachine), wayOf(output)];
    });
    lines.push(
      formatTable([["site", "machines", "readings/s", "to"], ...rows]),
      `signals: ${signals.map(({ metric }) => metric).join(", ")}; ${counted(faults.length, "fault")}`,
    );
  }
  if (delivery !== null) lines.push(`readings come: ${deliveryText(delivery)}`);
  if (links !== null) {
    const last = links.firstPort + sites.length - 1;
    const ports =
      links.firstPort === 0 ? "that are free" : `${links.firstPort}${sites.length > 1 ? ` to ${last}` : ""}`;
    lines.push(
      `links: ${counted(sites.length, "line")} to central at ${links.host}:${links.port}, from ports ${ports} of this machine`,
    );
  }
  if (business !== null) {
    lines.push(
      `records: ${recordStreams(business).join(", ")}; up to about ${rounded(recordsPerSecond(business))} records/s`,
    );
    if (business.delivery !== null) lines.push(`records come: ${deliveryText(business.delivery)}`);
  }
  return [...lines, "✓ the plan can be run"].join("\n");
}

function wayOf(output: OutputPlan): string {
  switch (output.kind) {
    case "mqtt":
      return `${output.url}, QoS ${output.qos}`;
    case "http":
      return output.url;
    case "kafka":
      return `${output.topic} at ${output.brokers.join(", ")}`;
    case "files":
      return output.folder;
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function rounded(perSecond: number): string {
  return perSecond.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
