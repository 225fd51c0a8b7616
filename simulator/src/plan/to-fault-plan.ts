import { orNearest } from "@millrace/runtime";
import type { FaultPlan, FaultTimes } from "./fault-plan.ts";
import { METRICS, type Metric } from "./metric.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";
import { lineName, machineName } from "./plan.ts";

/** A fault of the file, resolved; what it names must be there. */
export function toFaultPlan(
  file: PlanFile,
  index: number,
  source: Pick<PlanSource, "addProblem">,
): FaultPlan {
  const given = file.faults[index];
  const problem = (key: string, message: string): void => source.addProblem(["faults", index, key], message);
  const growthMs = "growth" in given ? given.growth : 0;
  const times: FaultTimes = {
    number: index + 1,
    atMs: given.at,
    growthMs,
    endMs: given.for === undefined ? Infinity : given.at + given.for,
  };
  if (given.for === 0)
    problem("for", "a fault lasts longer than nothing; leave out for, and it lasts for good");
  if (given.for !== undefined && growthMs > given.for)
    problem("growth", "the fault would end before it is full grown: growth is longer than for");

  if (given.fault === "power-cut" || given.fault === "gateway-reboot") {
    const { fault, site } = given;
    if (!Object.hasOwn(file.sites, site))
      problem("site", `no site ${site}; ${orNearest(site, Object.keys(file.sites))}`);
    return { ...times, fault, site };
  }
  const isSensor = "sensor" in given;
  const name = isSensor ? given.sensor : given.machine;
  const [site = "", line = "", machine = "", metric, ...rest] = name.split("/");
  const place = { site, line, machine };
  const isShaped = rest.length === 0 && isSensor === (metric !== undefined);
  if (!isShaped || !isMachine(file, place)) {
    const example = `${Object.keys(file.sites)[0] ?? "site"}/${lineName(0)}/${machineName(0)}`;
    problem(
      isSensor ? "sensor" : "machine",
      isSensor
        ? `no sensor ${name}; sensors are named like ${example}/${METRICS[0]}`
        : `no machine ${name}; machines are named like ${example}`,
    );
  }
  const reported = METRICS.filter((each) => each in file.signals);
  const sensorMetric = (metric ?? "") as Metric;
  if (isSensor && isShaped && !reported.includes(sensorMetric))
    problem("sensor", `no machine reports ${metric}; ${orNearest(sensorMetric, reported)}`);

  switch (given.fault) {
    case "overheating":
      return { ...times, ...place, fault: given.fault, targetCelsius: given.targetCelsius };
    case "bearing-wear":
      return { ...times, ...place, fault: given.fault, defect: given.defect, vibration: given.vibration };
    case "leak":
      return { ...times, ...place, fault: given.fault, share: given.share };
    case "stuck":
      return { ...times, ...place, metric: sensorMetric, fault: given.fault };
    case "drift":
      return { ...times, ...place, metric: sensorMetric, fault: given.fault, by: given.by };
    case "noise":
      return { ...times, ...place, metric: sensorMetric, fault: given.fault, factor: given.factor };
    case "spikes": {
      const { fault, probability, height } = given;
      return { ...times, ...place, metric: sensorMetric, fault, probability, height };
    }
    case "dropout": {
      const { fault, probability } = given;
      return { ...times, ...place, metric: sensorMetric, fault, probability };
    }
    case "swapped": {
      const { fault, metrics } = given;
      for (const each of metrics)
        if (!reported.includes(each))
          problem("metrics", `no machine reports ${each}; ${orNearest(each, reported)}`);
      if (metrics[0] === metrics[1]) problem("metrics", "a sensor is not swapped with itself");
      return { ...times, ...place, fault, metrics };
    }
    case "clock": {
      const { fault, offsetMs, driftMsPerHour } = given;
      return { ...times, ...place, fault, offsetMs, driftMsPerHour };
    }
  }
}

function isMachine(
  { sites }: PlanFile,
  { site, line, machine }: { readonly site: string; readonly line: string; readonly machine: string },
): boolean {
  if (!Object.hasOwn(sites, site)) return false;
  const { lines, machinesPerLine } = sites[site];
  return numberOf(line, lineName(0)) <= lines && numberOf(machine, machineName(0)) <= machinesPerLine;
}

/** The number in a name that is formed like `first`; Infinity: it is not. */
function numberOf(name: string, first: string): number {
  const [, digits] = name.startsWith(first.slice(0, -1)) ? (/-([1-9]\d*)$/.exec(name) ?? []) : [];
  return digits !== undefined && name === first.slice(0, -1) + digits ? Number(digits) : Infinity;
}
