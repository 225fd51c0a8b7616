// Each of the simulator's ready plans against real agents and central: a factory, a sale, lines that fail, load, and everything at
// once end in a verdict without a wrong window and without a difference that is not explained. With MILLRACE_LONG longer, and with
// all of their sites.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkoutPath } from "../../scripts/start/run-folder.ts";
import { recordStreams } from "../../simulator/src/business/plan/record-streams.ts";
import { parsePlan } from "../../simulator/src/plan/load-plan.ts";
import type { Verdict } from "../../simulator/src/verify/verify-truth.ts";
import { CentralHarness } from "./central-harness.ts";
import { expectRepeat } from "./expect-repeat.ts";
import { expectVerdict } from "./expect-verdict.ts";
import { FLAT_DAY } from "./flat-day.ts";
import type { ProgramProcess } from "./program-process.ts";
import { simulatedPipeline } from "./simulated-pipeline.ts";
import { recordMetrics } from "./simulated-record-metrics.ts";
import { SiteHarness } from "./site-harness.ts";
import { Works } from "./works.ts";

/** Links that are down no longer than 4 s. */
const SHORT_CUTS = [
  /down: \{ least: 1s, shape: 1.0, max: 1m/,
  "down: { least: 1s, shape: 1.0, max: 4s",
] as const;
const isLong = process.env["MILLRACE_LONG"] === "1";

const WINDOWS = {
  temperature_2s: { metric: "temperature", size: "2s", by: ["site", "line", "machine"] },
  vibration_10s: { metric: "vibration", size: "10s", slide: "5s", by: ["site"] },
  pressure_5s: { metric: "pressure", size: "5s", by: ["site", "line"] },
  pressure_day: { metric: "pressure", size: "1d", timeZone: "Europe/Berlin", by: ["site"] },
  vibration_session: { metric: "vibration", session: { gap: "2s" }, by: ["site", "line", "machine"] },
};
const TIMES = {
  "epoch-ms": { unit: "ms" },
  iso: { unit: "iso" },
  local: { unit: "iso", timeZone: "Asia/Shanghai" },
};

const STARTED_AT_ONCE = 4;

interface PlannedRun {
  readonly works: Works;
  readonly sites: ReadonlyMap<string, SiteHarness>;
  readonly simulator: ProgramProcess;
  /** The verdict once it is right, of a run that can be made again; throws with the verdict as it stands. */
  judged(limitMs: number): Promise<Verdict>;
}

/** A plan's text, with other settings in place of some. */
function planText(name: string, replaced: readonly (readonly [RegExp, string])[]): string {
  let text = readFileSync(checkoutPath(`simulator/plans/${name}.yaml`), "utf8");
  for (const [pattern, by] of replaced) {
    expect(text).toMatch(pattern);
    text = text.replace(pattern, by);
  }
  return text;
}

/** Starts central, an agent for each site, and the plan, whose links lie between them if it has some. */
async function startPlan(text: string, flags: readonly string[]): Promise<PlannedRun> {
  const works = new Works();
  const names = [...text.matchAll(/^ {2}(\S+): \{ broker:/gm)].map(([, site]) => site);
  const { business } = parsePlan(text, "plan");
  const streams = business === null ? [] : recordStreams(business);
  const records = recordMetrics(streams, { time: TIMES[business?.timeFormat ?? "iso"], size: "10s" });
  const windows = { ...(names.length === 0 ? {} : WINDOWS), ...records.windows };
  const pipelinePath = works.write("pipeline.yaml", simulatedPipeline(windows, records.metrics));
  const agents = names.map((site) => ({ agent: site, site }));
  const central = await CentralHarness.prepare({
    works,
    pipelinePath,
    agents,
    config: {
      // Trucks are silent for as long as half an hour.
      records: Object.fromEntries(streams.map((name) => [name, { http: {}, dedupe: { horizon: "2h" } }])),
    },
  });
  const hasLinks = /^links:/m.test(text);
  const linksFrom = await portsInARow(works, names.length);
  const sites = new Map<string, SiteHarness>();
  for (const [index, { agent, site }] of agents.entries()) {
    const uplinkPort = hasLinks ? linksFrom + index : central.intakePort;
    sites.set(site, await SiteHarness.prepare({ works, agent, site, pipelinePath, uplinkPort }));
  }
  const truthPath = works.path("truth.jsonl");
  const simulator = works.process("simulator", "simulator/src/main.ts", [
    "run",
    "--plan",
    works.write("plan.yaml", text),
    "--truth",
    truthPath,
    ...[...sites].flatMap(([site, { brokerPort }]) => ["--broker", `${site}=mqtt://127.0.0.1:${brokerPort}`]),
    ...(hasLinks
      ? ["--links-to", `127.0.0.1:${central.intakePort}`, "--links-from", String(linksFrom), "--keep-links"]
      : []),
    ...(business === null ? [] : ["--http", `http://127.0.0.1:${central.httpPort}/api/v1/records`]),
    ...flags,
  ]);
  await central.start();
  // Forty programs that start at once would each wait for the others.
  const waiting = [...sites.values()];
  while (waiting.length > 0) {
    const group = waiting.splice(0, STARTED_AT_ONCE);
    for (const site of group) site.process.start();
    await Promise.all(group.map((site) => site.ready()));
  }
  simulator.start();
  return {
    works,
    sites,
    simulator,
    async judged(limitMs) {
      const hasEnded = ({ readings, records: ofRecords }: Verdict): boolean =>
        (names.length === 0 || readings.hasEnded) && ofRecords?.hasEnded !== false;
      const verdict = await expectVerdict(central, truthPath, limitMs, hasEnded);
      expectRepeat(truthPath);
      return verdict;
    },
  };
}

/** The first of them. */
async function portsInARow(works: Works, count: number): Promise<number> {
  let first = await works.freePort();
  for (let last = first; last < first + count - 1;) {
    const next = await works.freePort();
    if (next !== last + 1) first = next;
    last = next;
  }
  return first;
}

test(
  "bad-links: whatever the lines do, every window is right in the end",
  { timeout: isLong ? 900_000 : 300_000 },
  async () => {
    const text = isLong
      ? planText("bad-links", [])
      : planText("bad-links", [
          [/^ {2}site-(0[4-9]|[1-4]\d): .*\n/gm, ""],
          [/^.*machine: site-17.*\n/m, ""],
          [/at: 1m/, "at: 2s"],
          [/tau: 5m/, "tau: 3s"],
          [/up: \{ least: 20s/, "up: { least: 2s"],
          [/down: \{ least: 2s, shape: 0.9, max: 1h/, "down: { least: 1s, shape: 0.9, max: 5s"],
        ]);
    const run = await startPlan(text, ["--for", isLong ? "3m" : "10s"]);
    const verdict = await run.judged(isLong ? 300_000 : 180_000);
    expect(verdict.alarms.right).toBeGreaterThan(0);
    const { links } = linkCounts(run.works.path("truth.jsonl"));
    expect(links).toBeGreaterThan(2);
    expect(await run.simulator.stop()).toBe(0);
  },
);

test(
  "storm: as fast as the agents take it, nothing is lost",
  { timeout: isLong ? 900_000 : 300_000 },
  async () => {
    const text = isLong
      ? planText("storm", [])
      : planText("storm", [[/machinesPerLine: 50/g, "machinesPerLine: 5"]]);
    const run = await startPlan(text, ["--speed", "max", "--for", isLong ? "60s" : "20s"]);
    expect(await run.simulator.exit(isLong ? 300_000 : 180_000)).toBe(0);
    const verdict = await run.judged(120_000);
    expect(verdict.readings.generated).toBeGreaterThan(isLong ? 1_700_000 : 55_000);
    expect(verdict.alarms.right).toBeGreaterThanOrEqual(3);
  },
);

test(
  "chaos: faults, bad delivery, bad lines, and an agent that is killed",
  { timeout: isLong ? 900_000 : 300_000 },
  async () => {
    const text = planText("chaos", [
      [/orders:\n/, `orders:\n    ${FLAT_DAY}\n`],
      [/transfers:\n/, `transfers:\n    ${FLAT_DAY}\n`],
      [/appOpens: \{/, `appOpens: { ${FLAT_DAY},`],
      ...(isLong ? [] : [SHORT_CUTS]),
    ]);
    const run = await startPlan(text, ["--for", isLong ? "3m" : "25s"]);
    const beta = run.sites.get("beta");
    await beta?.until("it is in the middle", ({ ledger }) => ledger.received > 100);
    await beta?.process.kill();
    beta?.process.start();
    const verdict = await run.judged(isLong ? 300_000 : 180_000);
    expect(verdict.alarms.right).toBeGreaterThan(0);
    const { lost, spoilt, again } = verdict.readings;
    expect(Math.min(lost, spoilt, again)).toBeGreaterThan(0);
    const records = verdict.records;
    expect(records?.windows.map(({ window, wrong, right }) => [window, wrong, right > 2])).toEqual(
      ["order_amount", "refund_amount", "transfer_amount", "truck_speed", "app_opens"].map((metric) => [
        `${metric}_10s`,
        0,
        true,
      ]),
    );
    expect(Math.min(records?.again ?? 0, records?.spoilt ?? 0)).toBeGreaterThan(5);
    expect(await run.simulator.stop()).toBe(0);
  },
);

test.each([
  // A quarter of an hour before midnight in Shanghai; the rush begins with the day.
  ["festival", `${Date.UTC(2025, 10, 10, 15, 58)}`, "3m", "10m"],
  // Noon there: at night hardly anybody pays, or opens an app.
  ["fraud", `${Date.UTC(2025, 10, 10, 4)}`, "2m", "15m"],
  ["app-users", `${Date.UTC(2025, 10, 10, 4)}`, "3m", "30m"],
  ["fleet", null, "30m", "5h"],
] as const)(
  "%s: each window of its records is the truth's",
  { timeout: isLong ? 600_000 : 300_000 },
  async (name, start, short, long) => {
    const pace = ["--speed", "max", "--for", isLong ? long : short];
    const run = await startPlan(planText(name, []), start === null ? pace : [...pace, "--start", start]);
    expect(await run.simulator.exit(isLong ? 400_000 : 240_000)).toBe(0);
    const { records } = await run.judged(120_000);
    expect(records?.unjudged).toEqual([]);
    expect(records?.windows[0]?.right).toBeGreaterThan(10);
    expect(records?.sent).toBeGreaterThan(4_000);
  },
);

test.each([
  ["newcomer", "20s", "2m", 1],
  ["factory-week", "4m", "30m", 0],
] as const)(
  "%s: machines that nothing disturbs but their own faults",
  { timeout: isLong ? 600_000 : 300_000 },
  async (name, short, long, alarms) => {
    const run = await startPlan(planText(name, []), ["--speed", "max", "--for", isLong ? long : short]);
    expect(await run.simulator.exit(isLong ? 400_000 : 240_000)).toBe(0);
    const verdict = await run.judged(120_000);
    expect(verdict.alarms.right).toBeGreaterThanOrEqual(alarms);
    expect(verdict.readings.generated).toBeGreaterThan(3_000);
  },
);

function linkCounts(path: string): { readonly links: number } {
  return {
    links: readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line.startsWith('{"type":"link"')).length,
  };
}
