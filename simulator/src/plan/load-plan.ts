import { readFileSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { LineCounter, parseDocument, type Document, isMap, isScalar, isNode } from "yaml";
import { lineName, machineName, type Metric, type OverheatPlan, type Plan } from "./plan.ts";
import { planSchema, type PlanFile } from "./plan-schema.ts";

export interface LoadPlanOptions {
  /** Instead of the file's. */
  readonly seed?: number | undefined;
  /** Site to broker address, instead of the file's. */
  readonly brokers?: ReadonlyMap<string, string>;
}

/** Reads and checks a plan file. Throws config_unreadable, or config_invalid with every problem as file:line:column. */
export function loadPlan(path: string, options: LoadPlanOptions = {}): Plan {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new MillraceError("config_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
  return parsePlan(text, path, options);
}

export function parsePlan(text: string, path: string, options: LoadPlanOptions = {}): Plan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number | undefined): string => {
    const position = lines.linePos(offset ?? 0);
    return `${path}:${Math.max(1, position.line)}:${Math.max(1, position.col)}`;
  };
  refuseProblems(
    path,
    document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`),
  );

  const parsed = planSchema.safeParse(document.toJS());
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => {
      if (issue.code !== "unrecognized_keys")
        return [`${at(offsetOf(document, issue.path))}: ${issue.path.join(".") || "plan"}: ${issue.message}`];
      return issue.keys.map(
        (key) => `${at(offsetOf(document, [...issue.path, key], true))}: unknown key "${key}"`,
      );
    });
    refuseProblems(path, problems);
    throw new Error("invariant: a refused plan names its problems");
  }

  const file = parsed.data;
  const problems: string[] = [];
  const events = file.events.map((event, index) => {
    const overheat = toOverheat(event);
    const site = file.sites[overheat.site];
    const lineNames = Array.from({ length: site?.lines ?? 0 }, (_, line) => lineName(line));
    const machineNames = Array.from({ length: site?.machinesPerLine ?? 0 }, (_, machine) =>
      machineName(machine),
    );
    if (!lineNames.includes(overheat.line) || !machineNames.includes(overheat.machine)) {
      problems.push(
        `${at(offsetOf(document, ["events", index, "overheat"]))}: no machine ${event.overheat}; machines are named like ${Object.keys(file.sites)[0]}/${lineName(0)}/${machineName(0)}`,
      );
    }
    return overheat;
  });
  for (const [rule, { above, clearBelow }] of Object.entries(file.rules)) {
    if (clearBelow !== undefined && clearBelow > above) {
      problems.push(
        `${at(offsetOf(document, ["rules", rule, "clearBelow"]))}: clearBelow ${clearBelow} is above the limit ${above}`,
      );
    }
  }
  refuseProblems(path, problems);
  for (const site of options.brokers?.keys() ?? []) {
    if (file.sites[site] === undefined) {
      throw new MillraceError("wrong_usage", {
        command: "millrace-sim",
        reason: `--broker names site "${site}", which the plan has not`,
      });
    }
  }
  return toPlan(path, file, events, options);
}

function toPlan(
  path: string,
  file: PlanFile,
  events: readonly OverheatPlan[],
  options: LoadPlanOptions,
): Plan {
  const { tau, restartAfter, driftPerHour, spike, ...signals } = file.signals;
  return {
    path,
    seed: options.seed ?? file.seed,
    readingsPerSecond: file.readingsPerSecond,
    connectionPer: file.connectionPer,
    sites: Object.entries(file.sites).map(([site, plan]) => ({
      site,
      ...plan,
      broker: options.brokers?.get(site) ?? plan.broker,
    })),
    signals: {
      ...signals,
      tauMs: Math.max(1, tau),
      restartAfterMs: restartAfter,
      driftPerHour: forEachMetric(driftPerHour),
      spike: forEachMetric(spike),
    },
    events,
    rules: Object.entries(file.rules).map(([rule, { metric, above, clearBelow }]) => ({
      rule,
      metric,
      above,
      clearBelow: clearBelow ?? above,
    })),
    publish: file.publish,
  };
}

function forEachMetric(given: Readonly<Partial<Record<Metric, number>>>): Record<Metric, number> {
  return {
    temperature: given.temperature ?? 0,
    vibration: given.vibration ?? 0,
    pressure: given.pressure ?? 0,
  };
}

function toOverheat(event: PlanFile["events"][number]): OverheatPlan {
  const [site = "", line = "", machine = ""] = event.overheat.split("/");
  return { site, line, machine, atMs: event.at, targetCelsius: event.targetCelsius };
}

function refuseProblems(path: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? "1 line" : `${problems.length} lines`;
  throw new MillraceError("config_invalid", {
    path,
    count,
    problems: problems.map((problem) => `  ${problem}`).join("\n"),
  });
}

/** Where the node at a path begins: its key if asked, else its value, else the nearest parent that is there. */
function offsetOf(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  isKey = false,
): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const steps = path.slice(0, length);
    if (isKey && length === path.length) {
      const parent = length === 1 ? document.contents : document.getIn(steps.slice(0, -1), true);
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && item.key.value === steps.at(-1))
        : undefined;
      if (isScalar(pair?.key)) return pair.key.range?.[0];
    }
    const node = document.getIn(steps, true);
    if (isNode(node)) return node.range?.[0];
  }
  return document.contents?.range?.[0];
}
