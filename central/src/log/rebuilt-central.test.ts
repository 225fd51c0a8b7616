// A central that has lost its store reads its log anew, one partition before another: what it says then is what the one
// before it said, and never more than it can know.
import type { WindowRuleSpec } from "@millrace/detect";
import type { WindowSpec } from "@millrace/stream";
import { SimulatedTime } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CentralChange } from "../api/central-reader.ts";
import type { Central } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "../records/open-central.test-support.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "../seconds.test-support.ts";
import { RecordedLog } from "./recorded-log.test-support.ts";

const START_MS = 1_699_999_980_000;
const BY_SITE: WindowSpec = { ...WINDOW, name: "by_site" };
const OVER_ALL: WindowSpec = { ...BY_SITE, name: "over_all", by: [] };
const HOT: WindowRuleSpec = {
  name: "hot",
  metric: "t",
  window: { name: "over_all", value: "mean" },
  when: { kind: "above", limit: 80, clear: 80, forAtLeastMs: 0 },
  severity: 700,
  message: "too hot on the whole",
  action: null,
  judgedAt: "complete",
  reportingMin: 0,
  isLatched: false,
};

interface Life {
  readonly log: RecordedLog;
  readonly time?: SimulatedTime;
  readonly store?: CrashingStore;
  readonly sites?: readonly string[];
}

interface World {
  readonly central: Central;
  readonly time: SimulatedTime;
  readonly store: CrashingStore;
  readonly changes: CentralChange[];
}

async function start({
  log,
  time = new SimulatedTime(START_MS),
  store = new CrashingStore(),
  sites = [...log.partitions.keys()],
}: Life): Promise<World> {
  const central = await openCentral({
    agents: sites.map((site) => ({ id: `${site}-1`, site })),
    pipeline: { metrics: [METRIC], windows: [BY_SITE, OVER_ALL], windowRules: [HOT] },
    store,
    uplinkLog: { name: "log", log },
    clock: time.clock(),
  });
  const changes: CentralChange[] = [];
  central.subscribe((change) => changes.push(change));
  return { central, time, store, changes };
}

const at = (second: number): number => START_MS + 1_000 * second;

/** What there is to be known of all windows: not how often they were revised on the way. */
async function windowsOf(central: Central, window: WindowSpec): Promise<string[]> {
  const all = { group: {}, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10_000, cursor: null };
  const { windows } = await central.windows({ ...all, window: window.name });
  return windows
    .map(({ group, startMs, state, values, completeness }) => {
      const { agentsExpected, agentsReporting, agentsMissing } = completeness;
      const who = `${agentsReporting}/${agentsExpected} ${agentsMissing.join()}`;
      const second = (startMs - START_MS) / 1_000;
      return `${group["site"] ?? "all"} ${second} ${state} ${values["count"]} ${values["mean"]} ${who}`.trim();
    })
    .sort();
}

/** When it was too hot, not by how much as it was first told. */
const alarmsOf = (central: Central): string[] =>
  central
    .alarms()
    .filter(({ rule, endReason }) => rule === "hot" && endReason !== "withdrawn")
    .map(({ activeAtMs, clearedAtMs, isActive }) => `${activeAtMs} ${clearedAtMs} ${isActive}`)
    .sort();

/** Of each site and second, when what it measures is sent, and what that is; null: nothing. */
type Sent = readonly (readonly [delayMs: number, value: number] | null)[];

/** A central's life with these agents; `early`: its store after twenty seconds. */
async function lived(sent: Readonly<Record<string, Sent>>) {
  const log = new RecordedLog();
  const world = await start({ log, sites: Object.keys(sent) });
  const { central, time } = world;
  for (const [index, [site, batches]] of Object.entries(sent).entries()) {
    const storeId = String(index).repeat(32);
    const agent = new ScriptedAgent(central, () => time.nowMs, { agent: `${site}-1`, site, storeId });
    agent.hello();
    let dueMs = 0;
    for (const [second, batch] of batches.entries()) {
      if (batch === null) continue;
      const [delayMs, value] = batch;
      dueMs = Math.max(dueMs, at(second + 1) + delayMs);
      const number = second + 1;
      const frontier = { number, watermarkMs: at(second + 1) };
      time.after(dueMs - START_MS, () =>
        agent.panes(sequenceOf(batches, second), at(second), { value, frontier }),
      );
    }
  }
  await time.run(20_000);
  const early = world.store.snapshot();
  await time.run(1_000 * Math.max(...Object.values(sent).map(({ length }) => length)));
  return { ...world, log, early };
}

/** The gap-free number of a second's batch. */
const sequenceOf = (batches: Sent, second: number): number =>
  batches.slice(0, second + 1).filter((batch) => batch !== null).length;

/** Of each partition all that it holds, one after the other. */
const oneByOne = (log: RecordedLog): string[] =>
  [...log.partitions].flatMap(([site, entries]) => entries.map(() => site));

const hotAlarms = ({ changes }: World) =>
  changes.flatMap(({ alarms }) => alarms).filter(({ rule }) => rule === "hot");

const steady = (value: number, seconds: number): Sent =>
  Array.from({ length: seconds }, () => [0, value] as const);

test("windows of two sites are not complete with one, nor raise alarms, before the other's partition is read", async () => {
  const before = await lived({ alpha: steady(90, 100), beta: steady(60, 100) });
  expect(alarmsOf(before.central)).toEqual([]);
  const log = new RecordedLog(before.log, oneByOne(before.log));
  const rebuilt = await start({ log, time: new SimulatedTime(at(200)) });
  await rebuilt.time.run(60_000);
  expect(log.isCaughtUp).toBe(true);
  const windows = rebuilt.changes.flatMap((change) => change.windows);
  const complete = windows.filter(({ window, state }) => window === "over_all" && state === "complete");
  expect(new Set(complete.map(({ completeness }) => completeness.agentsExpected))).toEqual(new Set([2]));
  expect(hotAlarms(rebuilt)).toEqual([]);
  for (const window of [BY_SITE, OVER_ALL])
    expect(await windowsOf(rebuilt.central, window)).toEqual(await windowsOf(before.central, window));
});

test("what has been read in every partition is complete before the log's end is", async () => {
  const before = await lived({ alpha: steady(60, 200), beta: steady(60, 200) });
  const inTurn = oneByOne(before.log)
    .toSorted()
    .flatMap((_, turn) => (turn % 2 === 0 ? "alpha" : "beta"));
  const log = new RecordedLog(before.log, inTurn);
  const rebuilt = await start({ log, time: new SimulatedTime(at(400)) });
  await rebuilt.time.run(250 * 300);
  expect(log.isCaughtUp).toBe(false);
  const complete = (await windowsOf(rebuilt.central, OVER_ALL)).filter((window) =>
    window.includes(" complete "),
  );
  // A minute, by which clocks may differ, behind the 150 seconds that are read.
  expect(complete.length).toBeGreaterThan(70);
  expect(complete.length).toBeLessThan(95);
});

test("an agent whose hello the log does not hold any more belongs from what it holds", async () => {
  const before = await lived({ alpha: steady(60, 100), beta: steady(60, 100) });
  for (const entries of before.log.partitions.values()) entries.splice(0, 20);
  const log = new RecordedLog(before.log, oneByOne(before.log));
  const rebuilt = await start({ log, time: new SimulatedTime(at(200)) });
  await rebuilt.time.run(60_000);
  const isFrom20 = (window: string) => Number(window.split(" ")[1]) >= 20;
  const expected = (await windowsOf(before.central, OVER_ALL)).filter(isFrom20);
  expect((await windowsOf(rebuilt.central, OVER_ALL)).filter(isFrom20)).toEqual(expected);
});

test("killed while it reads, it goes on to look for who belonged; an ordinary restart holds nothing back", async () => {
  const before = await lived({ alpha: steady(90, 50), beta: steady(60, 50) });
  const order = oneByOne(before.log);
  const store = new CrashingStore();
  const first = await start({
    log: new RecordedLog(before.log, order),
    store,
    time: new SimulatedTime(at(100)),
  });
  await first.time.run(250 * 60);
  const killed = new CrashingStore(store.snapshot());
  const log = new RecordedLog(before.log, order.slice(60));
  const second = await start({ log, store: killed, time: new SimulatedTime(at(200)) });
  await second.time.run(30_000);
  expect(log.isCaughtUp).toBe(true);
  expect([...hotAlarms(first), ...hotAlarms(second)]).toEqual([]);
  expect(await windowsOf(second.central, OVER_ALL)).toEqual(await windowsOf(before.central, OVER_ALL));

  const alone = [
    ...oneByOne(before.log).filter((site) => site === "alpha"),
    ...Array.from({ length: 1_000 }, () => "none"),
  ];
  const behind = new RecordedLog(before.log, alone);
  const third = await start({
    log: behind,
    store: new CrashingStore(before.early),
    time: new SimulatedTime(at(200)),
  });
  await third.time.run(20_000);
  expect(behind.isCaughtUp).toBe(false);
  const ofAlpha = async ({ central }: World) =>
    (await windowsOf(central, BY_SITE)).filter((window) => window.startsWith("alpha"));
  expect(await ofAlpha(third)).toEqual(await ofAlpha(before));
});

test("any readings of three sites, late and missing, read in any order of partitions: windows, completeness and alarms are those of before", async () => {
  const batch = fc.option(fc.tuple(fc.constantFrom(0, 0, 700, 5_000), fc.integer({ min: 60, max: 100 })), {
    freq: 6,
  });
  const sent = fc.array(batch, { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      sent,
      sent,
      sent,
      fc.infiniteStream(fc.constantFrom("alpha", "beta", "gamma")),
      async (a, b, c, order) => {
        const before = await lived({ alpha: a, beta: b, gamma: c });
        const some = Array.from({ length: 60 }, () => order.next().value ?? "alpha");
        const log = new RecordedLog(before.log, some);
        const rebuilt = await start({ log, time: new SimulatedTime(at(200)) });
        await rebuilt.time.run(30_000);
        for (const window of [BY_SITE, OVER_ALL])
          expect(await windowsOf(rebuilt.central, window)).toEqual(await windowsOf(before.central, window));
        expect(alarmsOf(rebuilt.central)).toEqual(alarmsOf(before.central));
        const isTooEarly = rebuilt.changes
          .flatMap(({ windows }) => windows)
          .some(
            ({ state, window, completeness }) =>
              state === "complete" && window === "over_all" && completeness.agentsExpected < 3,
          );
        expect(isTooEarly).toBe(false);
      },
    ),
    { numRuns: 25, seed: 7 },
  );
});
