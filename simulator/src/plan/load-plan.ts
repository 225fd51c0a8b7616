import { readFileSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { toBusinessPlan } from "../business/plan/to-business-plan.ts";
import { FORMAT_TRAITS } from "../format/reading-format.ts";
import { formatOf } from "./format-of.ts";
import { METRIC_TRAITS, METRICS, type Metric } from "./metric.ts";
import type { PlanFile } from "./plan-schema.ts";
import { planSchema, WEEKDAYS } from "./plan-schema.ts";
import { PlanSource } from "./plan-source.ts";
import type { DutyPlan, Plan, SignalPlan, WaveformPlan } from "./plan.ts";
import { toDeliveryPlan } from "./to-delivery-plan.ts";
import { toFaultPlan } from "./to-fault-plan.ts";
import { toLinkPlan } from "./to-link-plan.ts";
import { toOutputPlan } from "./to-output-plan.ts";

export interface LoadPlanOptions {
  /** Instead of the file's. */
  readonly seed?: number | undefined;
  /** Site to broker address, instead of where the file has its readings go. */
  readonly brokers?: ReadonlyMap<string, string>;
  /** Instead of the file's `links.to` and `links.firstPort`. */
  readonly linksTo?: string | undefined;
  readonly linksFrom?: number | undefined;
}

/** Reads and checks a plan file. Throws plan_unreadable, or config_invalid with every problem as file:line:column. */
export function loadPlan(path: string, options: LoadPlanOptions = {}): Plan {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new MillraceError("plan_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
  return parsePlan(text, path, options);
}

export function parsePlan(text: string, path: string, options: LoadPlanOptions = {}): Plan {
  const source = new PlanSource(text, path);
  const file = withLinks(source.parse(planSchema), options);
  const tickMs = 1_000 / file.readingsPerSecond;
  /** How many ticks `ms` are; a problem if they are not whole. */
  const ticksOf = (ms: number, path: readonly PropertyKey[]): number => {
    const ticks = Math.round(ms / tickMs);
    if (ticks < 1 || Math.abs(ticks * tickMs - ms) > 1e-6 * ms)
      source.addProblem(
        path,
        `${path.join(".")} must be a multiple of ${tickMs} ms, the time between readings`,
      );
    return Math.max(1, ticks);
  };
  const sites = Object.entries(file.sites).map(([site, { lines, machinesPerLine, format }]) => ({
    site,
    lines,
    machinesPerLine,
    format: format ?? null,
    output: toOutputPlan(withBroker(file, site, options.brokers?.get(site)), site, source),
  }));
  const plan: Plan = {
    text,
    seed: options.seed ?? file.seed,
    readingsPerSecond: file.readingsPerSecond,
    connectionPer: file.connectionPer,
    sites,
    signals: toSignals(file, ticksOf),
    heat: {
      tauMs: file.heat.tau,
      stillTauMs: file.heat.stillTau ?? file.heat.tau,
      riseCelsius: file.heat.riseCelsius,
    },
    weather: file.weather,
    duty: toDuty(file, source),
    waveform: toWaveform(file, source, ticksOf),
    faults: file.faults.map((_, index) => toFaultPlan(file, index, source)),
    rules: Object.entries(file.rules).map(([rule, { metric, above, clearBelow }]) => ({
      rule,
      metric,
      above,
      clearBelow: clearBelow ?? above,
    })),
    delivery: toDeliveryPlan(file, sites, source),
    links: toLinkPlan(file, source),
    publish: file.publish,
    business: file.business === undefined ? null : toBusinessPlan(file.business, source),
  };
  if (plan.sites.length === 0 && plan.business === null)
    source.addProblem(["sites"], "name at least one site, or business that makes records");
  checkRules(plan, file, source);
  source.refuseProblems();
  for (const site of options.brokers?.keys() ?? []) {
    if (file.sites[site] === undefined) {
      throw new MillraceError("wrong_usage", {
        command: "millrace-sim",
        reason: `--broker names site "${site}", which the plan has not`,
      });
    }
  }
  return plan;
}

/** The file, with another broker in place of the site's way. */
function withBroker(file: PlanFile, site: string, broker: string | undefined): PlanFile {
  if (broker === undefined || file.sites[site] === undefined) return file;
  const { http: _http, kafka: _kafka, files: _files, tokenFile: _tokenFile, ...rest } = file.sites[site];
  return { ...file, sites: { ...file.sites, [site]: { ...rest, broker } } };
}

function withLinks(file: PlanFile, { linksTo, linksFrom }: LoadPlanOptions): PlanFile {
  const { links } = file;
  if (links === undefined) return file;
  return { ...file, links: { ...links, to: linksTo ?? links.to, firstPort: linksFrom ?? links.firstPort } };
}

/** The file by itself, its names not yet looked up. */
export function parsePlanFile(text: string, path: string): PlanFile {
  return new PlanSource(text, path).parse(planSchema);
}

type TicksOf = (ms: number, path: readonly PropertyKey[]) => number;

function toSignals(file: PlanFile, ticksOf: TicksOf): SignalPlan[] {
  return METRICS.filter((metric) => metric in file.signals).map((metric) => {
    const given = file.signals[metric] ?? null;
    return {
      metric,
      format: given?.format ?? "json",
      everyTicks: given?.every === undefined ? 1 : ticksOf(given.every, ["signals", metric, "every"]),
      noise: given?.noise ?? METRIC_TRAITS[metric].noise,
      noiseTauMs: given?.noiseTau ?? 0,
      driftPerHour: given?.driftPerHour ?? 0,
      spikeProbability: given?.spikes.probability ?? 0,
      spikeHeight: given?.spikes.height ?? 0,
    };
  });
}

function toDuty({ duty }: PlanFile, source: PlanSource): DutyPlan {
  const { run, idle, restart, maintenance, shifts = [] } = duty;
  if ((run === undefined) !== (idle === undefined))
    source.addProblem(["duty"], "run and idle go together: name both, or neither");
  for (const [key, span] of Object.entries({ run, idle })) {
    if (span !== undefined && (span[0] > span[1] || span[1] === 0))
      source.addProblem(["duty", key], `${key} must be a length, or a shortest and a longest one`);
  }
  if (maintenance !== undefined && maintenance.for >= maintenance.every)
    source.addProblem(["duty", "maintenance", "for"], "maintenance must be over before it comes again");
  return {
    startMs: duty.start,
    spells: run === undefined || idle === undefined ? null : { runMs: run, idleMs: idle },
    restart: restart === "never" ? null : { belowCelsius: restart.belowCelsius, afterMs: restart.after },
    maintenance: maintenance === undefined ? null : { everyMs: maintenance.every, forMs: maintenance.for },
    shifts: shifts.map(({ days, from, to }) => ({
      days: days.map((day) => WEEKDAYS.indexOf(day)),
      fromMinute: from,
      toMinute: to,
    })),
    utcOffsetMinutes: duty.utcOffset,
    countersResetMinute: duty.countersResetAt,
  };
}

function toWaveform({ waveform }: PlanFile, source: PlanSource, ticksOf: TicksOf): WaveformPlan | null {
  if (waveform === undefined) return null;
  const { every, samples, sampleHz, bearing } = waveform;
  if (bearing.ballDiameterMm >= bearing.pitchDiameterMm)
    source.addProblem(["waveform", "bearing", "ballDiameterMm"], "the balls do not fit into the bearing");
  return { everyTicks: ticksOf(every, ["waveform", "every"]), samples, sampleHz, bearing };
}

function checkRules(plan: Plan, { rules, signals }: PlanFile, source: PlanSource): void {
  for (const [rule, { metric, above, clearBelow }] of Object.entries(rules)) {
    if (plan.sites.some(({ site }) => !FORMAT_TRAITS[formatOf(plan, site, metric)].hasTime))
      source.addProblem(
        ["rules", rule, "metric"],
        `${metric} brings no time of its own, so that nobody can say when it must raise an alarm`,
      );
    if (!isReported(signals, metric))
      source.addProblem(
        ["rules", rule, "metric"],
        `no machine reports ${metric}; it is not among the signals`,
      );
    if (clearBelow !== undefined && clearBelow > above)
      source.addProblem(
        ["rules", rule, "clearBelow"],
        `clearBelow ${clearBelow} is above the limit ${above}`,
      );
  }
}

function isReported(signals: PlanFile["signals"], metric: Metric): boolean {
  return metric in signals;
}
