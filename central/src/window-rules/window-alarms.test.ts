// Rules on windows, through the whole of central: alarms are raised, corrected and ended in the commits that hold the windows.
import { MemoryLogger, silentLogger } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import type { WindowRuleSpec } from "@millrace/detect";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Central, CentralOptions } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { EmbeddedLog } from "../log/embedded-log.ts";
import type { UplinkLog } from "../log/uplink-log.ts";
import { openCentral } from "../records/open-central.test-support.ts";
import { bytesOf, ORDERS } from "../records/staged-records.test-support.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "../seconds.test-support.ts";

/** The beginning of a minute. */
const START_MS = 1_699_999_980_000;
const SECOND: WindowSpec = { ...WINDOW, by: [] };
const RULE: WindowRuleSpec = {
  name: "hot",
  metric: "t",
  window: { name: "t_1s", value: "mean" },
  when: { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 },
  severity: 700,
  message: "too hot on the whole",
  action: null,
  judgedAt: "complete",
  reportingMin: 0,
  isLatched: false,
};
const AGENTS = [
  { id: "alpha-1", site: "alpha" },
  { id: "beta-1", site: "beta" },
];
const BETA = { agent: "beta-1", site: "beta", storeId: "b".repeat(32) };

interface World {
  readonly time: SimulatedTime;
  readonly store: CrashingStore;
  readonly central: Central;
  readonly agents: readonly [ScriptedAgent, ScriptedAgent];
}

async function start({
  store = new CrashingStore(),
  time = new SimulatedTime(START_MS),
  windowRules = [RULE],
  windows = [SECOND],
  known = [],
  log = new EmbeddedLog(),
  limits = { ruleGroupsMax: 20_000 },
  logger = silentLogger,
}: Partial<{
  readonly store: CrashingStore;
  readonly time: SimulatedTime;
  readonly windowRules: readonly WindowRuleSpec[];
  readonly windows: readonly WindowSpec[];
  /** What each agent says of itself. */
  readonly known: readonly Parameters<ScriptedAgent["hello"]>[0][];
  readonly log: UplinkLog;
  readonly limits: NonNullable<CentralOptions["limits"]>;
  readonly logger: Logger;
}> = {}): Promise<World> {
  const pipeline = { metrics: [METRIC], windows, windowRules };
  const uplinkLog = { name: "", log };
  const central = await openCentral({
    agents: AGENTS,
    pipeline,
    store,
    uplinkLog,
    limits,
    clock: time.clock(),
    log: logger,
  });
  const clock = (): number => Math.floor(time.nowMs);
  const agents = [new ScriptedAgent(central, clock), new ScriptedAgent(central, clock, BETA)] as const;
  for (const [index, agent] of agents.entries()) agent.hello(known[index]);
  await time.run(10);
  return { time, store, central, agents };
}

/** Of the second that begins then. */
const at = (second: number): number => START_MS + 1_000 * second;
const passed = (second: number) => ({ watermarkMs: at(second) });

/** Without those that central raises of agents. */
const own = (central: Central) => central.alarms().filter(({ metric }) => metric !== "");

const shown = (central: Central): string[] =>
  own(central)
    .toSorted((a, b) => a.activeAtMs - b.activeAtMs)
    .map(({ rule, activeAtMs, clearedAtMs, isActive, step, endReason = "", window }) => {
      const [from, to] = [activeAtMs, clearedAtMs].map((ms) => (ms === null ? "" : (ms - START_MS) / 1_000));
      const who = `${window?.agentsReporting}/${window?.agentsExpected}`;
      return `${rule} ${from}-${to} ${isActive ? "active" : "over"} ${step} ${who} ${endReason}`.trim();
    });

test("a window of all sites is judged once all have passed; the alarm is in the list, with its window", async () => {
  const { time, central, agents } = await start();
  const [alpha, beta] = agents;
  alpha.panes(1, at(0), { value: 90, frontier: passed(0) });
  beta.panes(1, at(0), { value: 80, frontier: passed(0) });
  await time.run(2_000);
  alpha.beat({ number: 2, ...passed(1) });
  await time.run(500);
  expect(shown(central)).toEqual([]);
  beta.beat({ number: 2, ...passed(1) });
  await time.run(500);
  expect(central.alarms()).toMatchObject([
    {
      id: `hot:t_1s []:${at(1)}`,
      agent: "",
      site: "",
      isActive: true,
      isHistorical: false,
      severity: 700,
      value: 85,
      limit: 80,
      labels: {},
      message: "too hot on the whole",
      window: { name: "t_1s", value: "mean", startMs: at(0), isComplete: true, agentsMissing: [] },
    },
  ]);
  // Between the limits it goes on.
  for (const agent of agents) agent.panes(2, at(1), { value: 78, frontier: { number: 3, ...passed(2) } });
  await time.run(500);
  expect(shown(central)).toEqual(["hot 1- active 1 2/2"]);
  for (const agent of agents) agent.panes(3, at(2), { value: 60, frontier: { number: 4, ...passed(3) } });
  await time.run(1_000);
  expect(shown(central)).toEqual(["hot 1-3 over 2 2/2"]);
});

test("where a site is away the window is judged after the grace, and says so; when it comes back the alarm is corrected, not doubled", async () => {
  const { time, central, agents } = await start();
  const [alpha, beta] = agents;
  alpha.panes(1, at(0), { value: 90, frontier: passed(1) });
  await time.run(2_500);
  expect(shown(central)).toEqual([]);
  await time.run(1_000);
  expect(shown(central)).toEqual(["hot 1- active 1 1/2"]);
  expect(own(central)[0]).toMatchObject({ window: { isComplete: false, agentsMissing: ["beta-1"] } });
  beta.panes(1, at(0), { value: 90, frontier: passed(1) });
  await time.run(500);
  expect(shown(central)).toEqual(["hot 1- active 2 2/2"]);
  beta.panes(2, at(0), { value: 0, frontier: { number: 2, ...passed(1) } });
  await time.run(2_000);
  expect(shown(central)).toEqual(["hot 1-1 over 3 2/2 withdrawn"]);
  alpha.panes(2, at(0), { value: 200, frontier: { number: 2, ...passed(1) } });
  await time.run(2_000);
  expect(shown(central)).toEqual(["hot 1- active 4 2/2"]);
});

test("of two rules on one window each is judged where its last revision and the end of the grace meet in one tick", async () => {
  const { time, central, agents } = await start({ windowRules: [RULE, { ...RULE, name: "hot_too" }] });
  const [alpha] = agents;
  alpha.panes(1, at(0), { value: 70, frontier: passed(1) });
  await time.run(2_800);
  alpha.panes(2, at(0), { value: 150, frontier: { number: 2, ...passed(1) } });
  await time.run(60_000);
  expect(shown(central)).toEqual(["hot 1- active 1 1/2", "hot_too 1- active 1 1/2"]);
});

test("all rules together watch no more groups than they may; whose windows are not judged is counted and told", async () => {
  const logger = new MemoryLogger();
  const bySite: WindowSpec = { ...SECOND, name: "by_site", by: ["site"] };
  const siteHot: WindowRuleSpec = { ...RULE, name: "site_hot", window: { name: "by_site", value: "mean" } };
  const windows = [bySite, SECOND];
  const windowRules = [siteHot, RULE];
  const { time, central, agents } = await start({
    windows,
    windowRules,
    limits: { ruleGroupsMax: 2 },
    logger,
  });
  for (const agent of agents) {
    agent.panes(1, at(0), { value: 90, frontier: passed(1) });
    agent.panes(2, at(1), { value: 90, frontier: passed(2) });
  }
  await time.run(5_000);
  const counts = central.windowRuleCounts();
  expect(counts.reduce((sum, { groups }) => sum + groups, 0)).toBe(2);
  const over = counts.filter(({ overLimit }) => overLimit > 0);
  expect(over).toMatchObject([{ overLimitGroup: expect.any(Object) }]);
  const told = logger.lines.filter(({ message }) => message.includes("no room for another group"));
  expect(told.at(-1)?.fields).toMatchObject({
    rule: over[0].rule,
    since_start: over[0].overLimit,
    left_out: JSON.stringify(over[0].overLimitGroup),
  });
});

test("with reportingAtLeast a window of too few agents is not judged before it is complete", async () => {
  const { time, central, agents } = await start({ windowRules: [{ ...RULE, reportingMin: 0.6 }] });
  agents[0].panes(1, at(0), { value: 90, frontier: passed(1) });
  await time.run(10_000);
  expect(shown(central)).toEqual([]);
  agents[1].beat(passed(1));
  await time.run(500);
  expect(shown(central)).toEqual(["hot 1- active 1 2/2"]);
});

test("a count cannot come back: it raises while the window still fills", async () => {
  const when = { kind: "above", limit: 0, clear: 0, forAtLeastMs: 0 } as const;
  const windowRules = [{ ...RULE, when, window: { name: "t_1s", value: "count" } }];
  const { time, central, agents } = await start({ windowRules });
  agents[0].panes(1, at(0), { value: 90, frontier: passed(0) });
  await time.run(300);
  expect(shown(central)).toEqual(["hot 1- active 1 0/2"]);
});

test("a group that is silent, though others speak; not because central was away", async () => {
  const bySite = { ...SECOND, by: ["site"] };
  const silent: WindowRuleSpec = {
    ...RULE,
    name: "silent",
    window: { name: "t_1s", value: "" },
    when: { kind: "missing", forMs: 30_000, forAtLeastMs: 0 },
  };
  const options = { windowRules: [silent], windows: [bySite] };
  let { time, central, agents, store } = await start(options);
  agents[0].panes(1, at(0), { frontier: passed(0) });
  agents[1].panes(1, at(0), { frontier: passed(0) });
  for (let second = 1; second < 40; second += 1) {
    await time.run(1_000);
    agents[0].panes(second + 1, at(second), { frontier: { number: second + 1, ...passed(second) } });
  }
  await time.run(1_000);
  expect(own(central)).toMatchObject([
    { rule: "silent", labels: { site: "beta" }, isActive: true, activeAtMs: at(31), value: 30, limit: 30 },
  ]);
  await central.close();
  await time.run(3_600_000);
  ({ central, agents } = await start({ ...options, store, time }));
  await time.run(20_000);
  expect(shown(central)).toHaveLength(1);
  agents[0].panes(41, at(3_650), { frontier: { number: 41, ...passed(3_640) } });
  agents[1].panes(2, at(3_650), { frontier: { number: 41, ...passed(3_640) } });
  await time.run(20_000);
  // Alpha's silence while central was down is one between its windows, and is told when they have come.
  expect(shown(central).filter((each) => each.includes("active"))).toEqual([]);
});

test("no group is silent because what it has said stands in the log and is not read yet", async () => {
  class LaggingLog extends EmbeddedLog {
    override takenToMs = Infinity;
  }
  const log = new LaggingLog();
  const silent: WindowRuleSpec = {
    ...RULE,
    window: { name: "t_1s", value: "" },
    when: { kind: "missing", forMs: 30_000, forAtLeastMs: 0 },
  };
  const { time, central, agents } = await start({ windowRules: [silent], log });
  for (const agent of agents) agent.panes(1, at(0), { frontier: passed(0) });
  await time.run(2_000);
  log.takenToMs = at(2);
  await time.run(60_000);
  expect(shown(central)).toEqual([]);
  log.takenToMs = Infinity;
  await time.run(1_000);
  expect(shown(central)).toEqual(["hot 31- active 1 0/2"]);
});

describe("latched", () => {
  test("it stays until somebody resets it, and the reset is durable before it is answered", async () => {
    const store = new CrashingStore();
    const { time, central, agents } = await start({ store, windowRules: [{ ...RULE, isLatched: true }] });
    for (const [value, second] of [[90, 0] as const, [10, 1] as const])
      for (const agent of agents)
        agent.panes(second + 1, at(second), {
          value,
          frontier: { number: second + 1, ...passed(second + 1) },
        });
    await time.run(3_000);
    const [{ id, isActive, isLatched, clearedAtMs }] = own(central);
    expect([isActive, isLatched, clearedAtMs]).toEqual([true, true, at(2)]);
    const reset = async (alarm: string) => {
      const answer = central.resetAlarm("", alarm, "ann");
      await time.run(500);
      return answer;
    };
    expect(await reset("another")).toBe("no_such_alarm");
    expect(await reset(id)).toBe("done");
    expect(await reset(id)).toBe("no_such_alarm");
    const after = await start({ store: new CrashingStore(store.snapshot()), time });
    expect(own(after.central)[0]).toMatchObject({ isActive: false, isLatched: false, by: "ann" });
  });

  test("not while its condition holds", async () => {
    const { time, central, agents } = await start({ windowRules: [{ ...RULE, isLatched: true }] });
    for (const agent of agents) agent.panes(1, at(0), { value: 90, frontier: passed(1) });
    await time.run(2_000);
    const answer = central.resetAlarm("", own(central)[0].id, "ann");
    await time.run(500);
    expect(await answer).toBe("condition_holds");
  });
});

test.each([
  ["that is gone", [], "rule_removed"],
  [
    "with another limit",
    [{ ...RULE, when: { kind: "above", limit: 99, clear: 99, forAtLeastMs: 0 } } as const],
    "condition_changed",
  ],
])(
  "a rule %s: its alarm ends with the reason, and its state leaves the store",
  async (_, windowRules, endReason) => {
    const { time, central, agents, store } = await start();
    for (const agent of agents) agent.panes(1, at(0), { value: 90, frontier: passed(1) });
    await time.run(2_000);
    expect(shown(central)).toHaveLength(1);
    await central.close();
    const changed = await start({ store, time, windowRules });
    await time.run(1_000);
    expect(own(changed.central)[0]).toMatchObject({ rule: "hot", isActive: false, endReason, step: 2 });
    await changed.central.close();
    const keys: string[] = [];
    for await (const { key } of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) }))
      keys.push(String.fromCharCode(key[0]));
    expect(keys.filter((key) => key === "y" || key === "Y")).toEqual([]);
  },
);

test("a rule that was changed raises the same window again, under the same id", async () => {
  const { time, central, agents, store } = await start();
  for (const agent of agents) agent.panes(1, at(0), { value: 90, frontier: passed(1) });
  await time.run(2_000);
  const [{ id }] = own(central);
  await central.close();
  const when = { kind: "above", limit: 70, clear: 70, forAtLeastMs: 0 } as const;
  const live = { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] };
  const known = [0, 1].map(() => ({ epoch: 1, lanes: { live } }));
  const changed = await start({ store, time, known, windowRules: [{ ...RULE, when }] });
  expect(own(changed.central)).toMatchObject([{ id, isActive: false, endReason: "condition_changed" }]);
  changed.agents[0].panes(2, at(0), { value: 80, frontier: { number: 9, ...passed(1) } });
  await time.run(2_000);
  expect(own(changed.central)).toMatchObject([{ id, isActive: true, limit: 70 }]);
  expect(own(changed.central)[0].endReason).toBeUndefined();
});

/** What happens in the world: a site hands over panes of a second, or says how far it is. */
interface Step {
  readonly agent: 0 | 1;
  readonly second: number;
  readonly value: number;
  readonly waitMs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  agent: fc.constantFrom(0, 1),
  second: fc.integer({ min: 0, max: 12 }),
  value: fc.constantFrom(60, 77, 90),
  waitMs: fc.constantFrom(0, 300, 1_200, 4_000),
});

/** By the definition, over the windows as they are in the end. */
function expectedOf(windows: readonly WindowResult[]): string[] {
  const alarms: string[] = [];
  let activeAt: number | null = null;
  for (const { values, endMs } of windows.toSorted((a, b) => a.startMs - b.startMs)) {
    const mean = values["mean"] ?? NaN;
    if (activeAt === null && mean > 80) activeAt = endMs;
    if (activeAt === null || !(mean < 75)) continue;
    alarms.push(`${activeAt}-${endMs}`);
    activeAt = null;
  }
  return activeAt === null ? alarms : [...alarms, `${activeAt}-`];
}

/** Everything that the agents have said, played to a central that dies at some commits; each life is told all again. */
async function play(steps: readonly Step[], dies: ReadonlySet<number>) {
  const time = new SimulatedTime(START_MS);
  let store = new CrashingStore();
  let commits = 0;
  let isDead = false;
  const sent: [Step[], Step[]] = [[], []];
  const isKnown = [false, false];
  const open = async () => {
    isDead = false;
    store.fate = () => {
      commits += 1;
      if (!dies.has(commits)) return "done";
      isDead = true;
      return commits % 2 === 0 ? "crash_before" : "crash_after";
    };
    const known = ([0, 1] as const).map((agent) => {
      const epoch = isKnown[agent] ? 1 : 0;
      const count = sent[agent].length;
      return {
        epoch,
        lanes: { live: { sent: epoch * count, next: count + 1, epochs: [{ epoch, from: 1 }] } },
      };
    });
    const world = await start({ store, time, known });
    for (const agent of [0, 1] as const) isKnown[agent] ||= world.agents[agent].welcome !== undefined;
    return world;
  };
  let world = await open();
  let number = 0;
  let isOver = false;
  const frontierOf = (agent: 0 | 1) => {
    const passedTo = isOver ? 20 : Math.max(0, ...sent[agent].map(({ second }) => second + 1));
    return { number: (number += 1), watermarkMs: at(passedTo) };
  };
  const say = (agent: 0 | 1, sequence: number, { second, value }: Step): void =>
    world.agents[agent].panes(sequence, at(second), { value, frontier: frontierOf(agent) });
  const revive = async () => {
    store = new CrashingStore(store.snapshot());
    world = await open();
    for (const agent of [0, 1] as const)
      for (const [index, each] of sent[agent].entries()) say(agent, index + 1, each);
  };
  const live = async (waitMs: number) => {
    for (let waitedMs = 0; waitedMs < waitMs || isDead; waitedMs += 1_000) {
      if (isDead) await revive();
      for (const agent of [0, 1] as const) world.agents[agent].beat(frontierOf(agent));
      await time.run(Math.max(300, Math.min(1_000, waitMs - waitedMs)));
    }
  };
  for (const each of steps) {
    sent[each.agent].push(each);
    say(each.agent, sent[each.agent].length, each);
    await live(each.waitMs);
  }
  isOver = true;
  await live(40_000);
  const page = await world.central.windows({
    window: "t_1s",
    group: {},
    fromMs: 0,
    toMs: Number.MAX_SAFE_INTEGER,
    limit: 1_000,
    cursor: null,
  });
  const alarms = own(world.central)
    .filter(({ endReason }) => endReason === undefined)
    .map(({ activeAtMs, clearedAtMs }) => `${activeAtMs}-${clearedAtMs ?? ""}`)
    .toSorted();
  return { alarms, windows: page.windows };
}

test("any panes of two sites, late and in any order, central killed at some commits: the alarms of the windows as they are in the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.array(fc.integer({ min: 3, max: 80 }), { maxLength: 3 }),
      async (steps, dies) => {
        const { alarms, windows } = await play(steps, new Set(dies));
        expect(windows.every(({ state }) => state === "complete")).toBe(true);
        expect(alarms).toEqual(expectedOf(windows).toSorted());
      },
    ),
    { numRuns: 30 },
  );
}, 120_000);

test("a crash at every commit, before or after it: the same alarms, each step once", async () => {
  const random = new SeededRandom(7);
  const steps: Step[] = Array.from({ length: 12 }, (_, index) => ({
    agent: index % 2 === 0 ? 0 : 1,
    second: Math.floor(random.next() * 8),
    value: [60, 77, 90][Math.floor(random.next() * 3)],
    waitMs: 1_200,
  }));
  const { alarms } = await play(steps, new Set());
  expect(alarms.length).toBeGreaterThan(0);
  for (let commit = 1; commit < 90; commit += 1)
    expect([commit, (await play(steps, new Set([commit]))).alarms]).toEqual([commit, alarms]);
}, 120_000);

describe("of records", () => {
  const FAILED: CentralOptions["pipeline"] = {
    metrics: [
      {
        name: "failed",
        unit: "1",
        accumulate: ["count", "mean"],
        isLive: false,
        paneMs: 60_000,
        stream: "orders",
        source: {
          kind: "records",
          stream: "orders",
          id: ["id"],
          time: { path: ["t"], unit: "ms", timeZone: null },
          measure: {
            metric: "failed",
            path: ["failed"],
            map: null,
            isOptional: false,
            adjustment: null,
            labels: [{ name: "region", path: ["region"] }],
          },
        },
      },
    ],
    windows: [
      { ...SECOND, name: "failed_1m", metric: "failed", sizeMs: 60_000, slideMs: 60_000, by: ["region"] },
    ],
    windowRules: [
      {
        ...RULE,
        name: "many_fail",
        metric: "failed",
        window: { name: "failed_1m", value: "mean" },
        when: { kind: "above", limit: 0.3, clear: 0.3, forAtLeastMs: 60_000 },
      },
    ],
  };
  const order = (id: number, minute: number, failed: number, region = "北京") =>
    bytesOf({ id, t: START_MS + 60_000 * minute + 1_000 * (id % 50), region, failed });
  const posted = (values: readonly Uint8Array[]) => ({
    partition: 0,
    values,
    offsets: null,
    nextOffset: null,
    isAtEnd: true,
  });

  test("a failure rate by region, that lasts for two windows; a late record takes the alarm back", async () => {
    const time = new SimulatedTime(START_MS + 600_000);
    const central = await openCentral({
      agents: [],
      pipeline: FAILED,
      records: [{ ...ORDERS, name: "orders" }],
      store: new CrashingStore(),
      clock: time.clock(),
    });
    const rates = [0, 1, 1, 0, 1, 0];
    const orders = rates.flatMap((failed, minute) => [
      order(2 * minute, minute, failed),
      order(2 * minute + 1, minute, 0, "上海"),
    ]);
    void central.offerRecords("orders", posted(orders));
    await time.run(60_000);
    const rows = () =>
      central
        .alarms()
        .filter(({ rule }) => rule === "many_fail")
        .map(({ labels, activeAtMs, clearedAtMs, endReason }) => [
          labels["region"],
          (activeAtMs - START_MS) / 60_000,
          clearedAtMs === null ? null : (clearedAtMs - START_MS) / 60_000,
          endReason,
        ]);
    expect(rows()).toEqual([["北京", 3, 4, undefined]]);
    const late = [20, 21, 22].map((id) => order(id, 1, 0));
    void central.offerRecords("orders", posted(late));
    await time.run(60_000);
    expect(rows()).toEqual([["北京", 3, 4, "withdrawn"]]);
  });

  test("a region that falls silent, by the time of the stream", async () => {
    const time = new SimulatedTime(START_MS + 7_200_000);
    const when = { kind: "missing", forMs: 180_000, forAtLeastMs: 0 } as const;
    const [rule] = FAILED.windowRules ?? [];
    const windowRules = [{ ...rule, name: "silent", when, window: { name: "failed_1m", value: "" } }];
    const central = await openCentral({
      agents: [],
      pipeline: { ...FAILED, windowRules },
      records: [{ ...ORDERS, name: "orders" }],
      store: new CrashingStore(),
      clock: time.clock(),
    });
    // A backlog of an hour, read at once.
    const minutes = Array.from({ length: 60 }, (_, minute) => minute);
    const orders = minutes.flatMap((minute) => [
      order(2 * minute, minute, 0),
      ...(minute < 20 || (minute > 30 && minute < 40) ? [order(2 * minute + 1, minute, 0, "上海")] : []),
    ]);
    void central.offerRecords("orders", posted(orders));
    await time.run(2_000);
    const silences = central
      .alarms()
      .filter(({ rule: name }) => name === "silent")
      .map(({ labels, activeAtMs, clearedAtMs }) => [
        labels["region"],
        (activeAtMs - START_MS) / 60_000,
        clearedAtMs === null ? null : (clearedAtMs - START_MS) / 60_000,
      ]);
    expect(silences).toEqual([
      ["上海", 43, null],
      ["上海", 23, 31],
    ]);
  });
});
