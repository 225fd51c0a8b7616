import type { WindowPage } from "@millrace/central";
import type { WindowResult } from "@millrace/stream";
import { differences, trueWindows } from "./oracle.ts";
import type { SimulatedSite, World } from "./world.ts";

/** The engine's slowest revision is that of a backlog. */
const SETTLE_MS = 70_000;
const WINDOW = "temperature_10s";
const WINDOW_MS = 10_000;
const STEPS_MS = [10_000, 60_000, 3_600_000];

/**
 * With all faults off and the sensors silent, everything must come to the truth within bounded time. `problems`: what did
 * not, in words; `windows`: how many were compared.
 */
export async function converge(
  world: World,
  { drainMsMax }: { readonly drainMsMax: number },
): Promise<{ readonly problems: string[]; readonly windows: number }> {
  const isDrained = await world.time.runUntil(() => world.isDrained(), drainMsMax);
  await world.time.run(SETTLE_MS);

  const problems = isDrained
    ? []
    : ["not drained: " + JSON.stringify(world.sites.map((site) => site.status()?.ledger))];
  const shown = await world.time.during(lastRevisions(world, WINDOW));
  problems.push(...differences(trueWindows(world.truth(), WINDOW_MS), shown));
  for (const { group, startMs, state } of shown)
    if (state !== "complete") problems.push(`window ${group["site"]} ${startMs} is ${state}`);
  for (const site of world.sites) {
    problems.push(...ledgerProblems(world, site));
    const aheadMs = (site.status()?.watermarkMs ?? -Infinity) - world.time.nowMs;
    if (aheadMs > 0) problems.push(`${site.name}: its watermark is ${aheadMs} ms ahead`);
  }
  for (const { name } of world.pipeline.windows) {
    for (const window of await world.time.during(lastRevisions(world, name))) world.publications.kept(window);
  }
  problems.push(...world.publications.problems);
  for (const stepMs of STEPS_MS) problems.push(...(await historyProblems(world, stepMs)));
  return { problems, windows: shown.length };
}

/** At every zoom the history says what the truth says: what is rolled up, and what is still in panes only. */
async function historyProblems(world: World, stepMs: number): Promise<string[]> {
  const truth = trueWindows(world.truth(), stepMs);
  const starts = [...truth.values()].map(({ startMs }) => startMs);
  if (world.central === undefined || starts.length === 0) return [];
  const page = await world.time.during(
    world.central.series({
      metric: "temperature",
      by: ["site"],
      group: {},
      fromMs: Math.min(...starts),
      toMs: Math.max(...starts) + stepMs,
      stepMs,
      maxPoints: 1_000,
      values: ["count", "min", "max", "sum"],
      limit: 1_000,
      cursor: null,
    }),
  );
  if ("reason" in page) return [`history: ${page.detail}`];
  const points = page.series.flatMap(({ labels, startMs, values }) =>
    startMs.map((atMs, index) => ({
      group: labels,
      startMs: atMs,
      values: Object.fromEntries(
        Object.entries(values).map(([name, column]) => [name, column[index] ?? NaN]),
      ),
    })),
  );
  return differences(truth, points).map((problem) => `history by ${page.stepMs} ms: ${problem}`);
}

async function lastRevisions(world: World, window: string): Promise<WindowResult[]> {
  const windows: WindowResult[] = [];
  let cursor: string | null = null;
  do {
    const page: WindowPage | undefined = await world.central?.windows({
      window,
      group: {},
      fromMs: 0,
      toMs: Number.MAX_SAFE_INTEGER,
      limit: 1_000,
      cursor,
    });
    windows.push(...(page?.windows ?? []));
    cursor = page?.cursor ?? null;
  } while (cursor !== null);
  return windows;
}

/** The loss ledger of one site: every stage adds up, and the stages meet. */
function ledgerProblems(world: World, site: SimulatedSite): string[] {
  const ledger = site.status()?.ledger;
  const central = world.central?.ledger().get(`${site.name}-1`);
  if (ledger === undefined || central === undefined) return [`${site.name}: no ledger`];
  const problems: string[] = [];
  const expect = (name: string, left: number, right: number) => {
    if (left !== right) problems.push(`${site.name}: ${name}: ${left} is not ${right}`);
  };
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  expect(
    "received",
    ledger.received,
    ledger.aggregated + ledger.ruleOnly + ledger.duplicate + rejected + ledger.held + ledger.pending,
  );
  expect(
    "aggregated",
    ledger.aggregated,
    ledger.open + ledger.queued + ledger.forwarded + ledger.evicted + ledger.damaged,
  );
  expect("aggregated, against the truth", ledger.aggregated, site.truth.length);
  expect("held", ledger.held, 0);
  expect("damaged", ledger.damaged, 0);
  expect("received by central", central.received, ledger.forwarded);
  expect("merged", central.received, central.merged + central.tooLate + central.unwindowed);
  return problems;
}
