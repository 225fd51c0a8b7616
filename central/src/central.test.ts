// Shows what central promises agents: each batch counts once, whatever is doubled, reordered, rolled back, cloned or
// crashed, and nothing is said before it is durable.
import { createHash } from "node:crypto";
import type { Entry } from "@millrace/queue";
import { MillraceError, silentLogger } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import type { WindowSpec, WindowResult } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { encodeSkippedBatch } from "@millrace/wire";
import type { AlarmEvent, StoreRun } from "@millrace/wire";
import { expect, test } from "vitest";
import { Central } from "./central.ts";
import type { CentralOptions } from "./central.ts";
import type { AlarmView } from "./alarms/alarm-view.ts";
import { FUTURE_MS_MAX, SKIPPED_AHEAD_MAX } from "./commit/message-applier.ts";
import { SEQUENCES_ABOVE_MAX } from "./deduplication/sequence-set.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { EmbeddedLog } from "./log/embedded-log.ts";
import type { LogGap, LogTurn } from "./log/uplink-log.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";
import { AlarmStream } from "./sinks/alarm-stream.ts";

const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const ALL = {
  window: "t_1s",
  group: {},
  fromMs: 0,
  toMs: Number.MAX_SAFE_INTEGER,
  limit: 1_000,
  cursor: null,
};

interface World {
  readonly time: SimulatedTime;
  readonly store: CrashingStore;
  readonly central: Central;
}

async function start(
  store = new CrashingStore(),
  options: Partial<Omit<CentralOptions, "store">> & { time?: SimulatedTime } = {},
): Promise<World> {
  const { time = new SimulatedTime(START_MS), ...rest } = options;
  const central = new Central({
    agents: [
      { id: "alpha-1", site: "alpha" },
      { id: "beta-1", site: "beta" },
    ],
    pipeline: { metrics: [METRIC], windows: [WINDOW] },
    graceMs: 2_000,
    retainMs: 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    silentAfterMs: 3_000,
    store,
    clock: time.clock(),
    random: new SeededRandom(1),
    log: silentLogger,
    compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
    ...rest,
  });
  await central.open();
  return { time, store, central };
}

/** A clock of a process that can be stopped: what was due meanwhile comes when it goes on. */
function freezable() {
  const time = new SimulatedTime(START_MS);
  const plain = time.clock();
  const held: (() => void)[] = [];
  let isFrozen = false;
  const clock: Clock = {
    ...plain,
    after: (delayMs, callback) => plain.after(delayMs, () => (isFrozen ? held.push(callback) : callback())),
  };
  const thaw = () => {
    isFrozen = false;
    for (const callback of held.splice(0)) callback();
  };
  return { time, clock, freeze: () => (isFrozen = true), thaw };
}

/** A run that began with this sequence of the live lane. */
function run(name: string, live: number): StoreRun {
  return { run: name, from: { alarm: 1, live, backfill: 1, evidence: 1 } };
}

type AgentOptions = ConstructorParameters<typeof ScriptedAgent>[2];

function agentOf(world: World, options?: AgentOptions): ScriptedAgent {
  return new ScriptedAgent(world.central, () => Math.floor(world.time.nowMs), options);
}

function welcomed(world: World, options: AgentOptions = {}): Promise<ScriptedAgent> {
  return welcomedAfter(world, 10, options);
}

async function welcomedAfter(
  world: World,
  waitMs: number,
  options: AgentOptions = {},
): Promise<ScriptedAgent> {
  const agent = agentOf(world, options);
  agent.hello();
  await world.time.run(waitMs);
  expect(agent.refusal).toBeUndefined();
  return agent;
}

async function welcomedWith(world: World, runs: readonly StoreRun[]): Promise<ScriptedAgent> {
  const agent = agentOf(world);
  agent.hello({ runs });
  await world.time.run(10);
  expect(agent.welcome?.epoch).toBe(1);
  return agent;
}

function activeAlarms(central: Central): string[] {
  return central
    .alarms()
    .filter((alarm) => alarm.isActive)
    .map((alarm) => alarm.rule);
}

async function countsByStart(central: Central): Promise<Record<number, number>> {
  const { windows } = await central.windows(ALL);
  return Object.fromEntries(
    windows.map((window) => [(window.startMs - START_MS) / 1_000, window.values["count"] ?? 0]),
  );
}

test("a first contact gets epoch 1 and no alarm; nothing is taken before the hello", async () => {
  const world = await start();
  const agent = agentOf(world);
  agent.panes(1, START_MS);
  agent.beat();
  agent.hello();
  await world.time.run(10);
  expect(agent.welcome).toMatchObject({ epoch: 1, marks: { alarm: 0, live: 0, backfill: 0 } });
  expect(agent.acks).toEqual({});
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 0, rejected: { no_session: 2 } });
  expect(world.central.alarms()).toEqual([]);
});

test("what is live is held before another agent's backlog that came first, and before its own", async () => {
  const world = await start();
  const greedy = await welcomed(world);
  const other = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  for (let sequence = 1; sequence <= 500; sequence += 1)
    greedy.panes(sequence, START_MS - DAY_MS / 48 + sequence, { lane: "backfill" });
  greedy.panes(1, START_MS);
  other.panes(1, START_MS);
  let heldOfBacklog = -1;
  Object.defineProperty(other.acks, "live", {
    set: () => {
      heldOfBacklog = greedy.acks.backfill ?? 0;
    },
  });
  await world.time.run(1_000);
  expect(heldOfBacklog).toBeGreaterThanOrEqual(0);
  expect(heldOfBacklog).toBeLessThan(200);
  expect(greedy.acks).toMatchObject({ live: 1, backfill: 500 });
});

test("batches in any order and any number of copies count once; the mark waits for gaps", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const sequence of [3, 1, 3, 5, 1]) agent.panes(sequence, START_MS);
  await world.time.run(10);
  expect(agent.acks.live).toBe(1);
  for (const sequence of [2, 5, 4, 2]) agent.panes(sequence, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 5 });
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 5,
    merged: 5,
    tooLate: 0,
    batches: 5,
    duplicates: 4,
  });
  agent.panes(6 + SEQUENCES_ABOVE_MAX, START_MS);
  await world.time.run(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ batches: 5, beyond: 1 });
});

test("nothing is acknowledged, welcomed or published before its commit", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const published: number[] = [];
  world.central.subscribe(({ windows }) => published.push(...windows.map((window) => window.revision)));
  await world.time.run(300);
  world.store.fate = () => "refused";
  agent.panes(1, START_MS);
  await world.time.run(1_000);
  expect([agent.acks, published]).toEqual([{}, []]);
  world.store.fate = () => "done";
  await world.time.run(5_000);
  expect(agent.acks).toEqual({ live: 1 });
  expect(published).toContain(1);
});

test("the N-th commit that fails is tried again with the same changes, and nothing is lost or doubled", async () => {
  for (let failing = 1; failing <= 6; failing++) {
    const world = await start();
    world.store.fate = (commit) => (commit === failing ? "refused" : "done");
    const agent = await welcomedAfter(world, 2_000);
    for (let sequence = 1; sequence <= 4; sequence++) {
      agent.panes(sequence, START_MS);
      await world.time.run(600);
    }
    expect([failing, agent.acks.live, await countsByStart(world.central)]).toEqual([failing, 4, { 0: 4 }]);
    const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
    expect(again.central.ledger().get("alpha-1")).toMatchObject({ received: 4, merged: 4, batches: 4 });
  }
});

test("commits that fail for good end central: sessions close and it says it is not alive", async () => {
  let failures = 0;
  const world = await start(undefined, { onFailed: () => (failures += 1) });
  const agent = await welcomed(world);
  world.store.fate = () => "refused";
  agent.panes(1, START_MS);
  await world.time.run(60_000);
  expect(failures).toBe(1);
  expect(world.central.health()).toMatchObject({ isAlive: false, isReady: false });
  expect(agent.closedReason).toContain("cannot write store");
});

test("a full disk is waited for: nothing is taken or acknowledged, it is not ready and says why, and then it goes on", async () => {
  let failures = 0;
  const logged: { readonly cause: string; readonly attempts: unknown }[] = [];
  const log: Logger = {
    ...silentLogger,
    repeated: (cause, _message, fields) => void logged.push({ cause, attempts: fields?.attempts }),
  };
  const world = await start(undefined, { onFailed: () => (failures += 1), log });
  const agent = await welcomed(world);
  const { commit } = world.store;
  const reason = "IO error: store/000033.log: No space left on device";
  world.store.commit = () => Promise.reject(new MillraceError("store_write", { path: "memory", reason }));
  agent.panes(1, START_MS);
  await world.time.run(600_000);
  expect(agent.acks).toEqual({});
  expect(world.central.health()).toMatchObject({ isAlive: true, isReady: false });
  expect(world.central.health().reason).toMatch(/^the disk is full: .*No space left on device/);
  const attempts = Number(logged.at(-1)?.attempts);
  expect(logged.at(-1)).toMatchObject({ cause: "disk_full" });
  expect(attempts).toBeGreaterThan(100);
  world.store.commit = commit;
  await world.time.run(10_000);
  expect(agent.acks).toEqual({ live: 1 });
  expect(await countsByStart(world.central)).toEqual({ 0: 1 });
  expect([world.central.health().isReady, failures]).toEqual([true, 0]);
});

test("central that is stopped while the disk is full ends", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const reason = "No space left on device";
  world.store.commit = () => Promise.reject(new MillraceError("store_write", { path: "memory", reason }));
  agent.panes(1, START_MS);
  await world.time.run(60_000);
  await world.time.during(world.central.close());
  expect(agent.acks).toEqual({});
});

test("a store that is gone is not tried again: central ends at once, and has acknowledged nothing", async () => {
  let failures = 0;
  const world = await start(undefined, { onFailed: () => (failures += 1) });
  const agent = await welcomed(world);
  world.store.commit = () => Promise.reject(new MillraceError("store_gone", { path: "memory" }));
  agent.panes(1, START_MS);
  await world.time.run(100);
  expect(failures).toBe(1);
  expect(agent.acks).toEqual({});
});

/** Of a central whose next commit is under way: what is asked of it then, and what became of that by now. */
async function askedDuringCommit() {
  const day = { retainMs: 400 * DAY_MS, bytesMax: 2 ** 30 };
  const history = { "1s": day, "10s": day, "1m": day, "1h": day, "1d": day };
  const world = await start(undefined, { history });
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(300);
  const { commit } = world.store;
  const underWay = Promise.withResolvers<void>();
  world.store.commit = () => underWay.promise;
  const outcomes: Record<string, unknown> = {};
  const ask = (name: string, answer: Promise<unknown>) => {
    outcomes[name] = "waits";
    answer.then(
      () => (outcomes[name] = "answered"),
      (error: unknown) => (outcomes[name] = String(error)),
    );
  };
  const span = { fromMs: START_MS, toMs: START_MS + HOUR_MS, stepMs: 1_000, maxPoints: 1_000 };
  const page = { by: null, group: {}, values: ["count"], limit: 10, cursor: null };
  const askSeries = (name: string) => ask(name, world.central.series({ metric: "t", ...span, ...page }));
  ask("taken", world.central.retire("beta"));
  await world.time.run(10);
  ask("not taken yet", world.central.setAgents([{ id: "alpha-1", site: "alpha" }]));
  askSeries("series");
  await world.time.run(100);
  expect(outcomes).toEqual({ taken: "waits", "not taken yet": "waits", series: "waits" });
  return { world, commit, underWay, ask, outcomes, askSeries };
}

class GappyLog extends EmbeddedLog {
  gap: LogGap | null = null;

  override take(): LogTurn {
    const gaps = this.gap === null ? [] : [this.gap];
    this.gap = null;
    return { ...super.take(), gaps };
  }
}

test("what is shown of agents, their ledger and the log's loss is durable: kill -9 during any commit takes nothing back", async () => {
  const time = new SimulatedTime(START_MS);
  const log = new GappyLog();
  const world = await start(new CrashingStore(), { time, uplinkLog: { name: "log", log } });
  const agent = await welcomed(world);
  const shown = ({ central }: World) => {
    const {
      received = 0,
      batches = 0,
      duplicates = 0,
      rejected = {},
    } = central.ledger().get("alpha-1") ?? {};
    const alpha = central.agents().find((each) => each.agent === "alpha-1");
    return {
      counts: [received, batches, duplicates, rejected.malformed_batch ?? 0, central.ledgerSum().received],
      watermarkMs: alpha?.watermarkMs ?? 0,
      lastSeenMs: alpha?.lastSeenMs ?? 0,
      lost: central.ledgerSum().logLost?.records ?? 0,
    };
  };
  for (let sequence = 1; sequence <= 5; sequence++) {
    const second = START_MS + 1_000 * sequence;
    const { commit } = world.store;
    const underWay = Promise.withResolvers<void>();
    world.store.commit = async (...changes) => {
      await underWay.promise;
      return commit.apply(world.store, changes);
    };
    agent.panes(sequence, second, { frontier: { number: sequence, watermarkMs: second } });
    agent.panes(sequence, second);
    agent.send("batch", new Uint8Array(5));
    log.gap = { partition: 0, from: 0, next: sequence, untilMs: START_MS };
    await world.time.run(300);
    const during = shown(world);
    const again = await start(new CrashingStore(world.store.snapshot()), {
      uplinkLog: { name: "log", log: new GappyLog() },
    });
    expect(shown(again)).toEqual(during);
    await again.central.close();
    underWay.resolve();
    world.store.commit = commit;
    await world.time.run(1_000);
    expect(shown(world)).toMatchObject({
      counts: [sequence, sequence, sequence, sequence, sequence],
      watermarkMs: second,
    });
    expect(shown(world).lost).toBeGreaterThan(during.lost);
  }
});

test("where central fails for good, all who wait are told, and nobody is shown what is not durable", async () => {
  const { world, underWay, outcomes, askSeries } = await askedDuringCommit();
  underWay.reject(new MillraceError("store_gone", { path: "memory" }));
  await world.time.run(10);
  askSeries("series later");
  await world.time.run(10);
  expect(world.central.health().isAlive).toBe(false);
  const failure = expect.stringMatching(/^Error: commits fail: /);
  expect(outcomes).toEqual({
    taken: failure,
    "not taken yet": failure,
    series: failure,
    "series later": failure,
  });
});

test("where the disk becomes full, all who wait are told, and those who come later; what has begun is done once there is room", async () => {
  const { world, commit, underWay, ask, outcomes, askSeries } = await askedDuringCommit();
  const reset = (name: string) => ask(name, world.central.resetAlarm("", "none", "somebody"));
  reset("not begun");
  ask("asked of an agent", world.central.resetAlarm("alpha-1", "none", "somebody"));
  const reason = "IO error: store/000033.log: No space left on device";
  underWay.reject(new MillraceError("store_write", { path: "memory", reason }));
  await world.time.run(10);
  askSeries("series later");
  reset("later");
  await world.time.run(30_000);
  const full = (what = "") => expect.stringMatching(new RegExp(`^Error: the disk is full: .*${what}$`));
  const told = {
    taken: full("; it is done once commits succeed"),
    "not begun": full("; nothing was done"),
    later: full("; nothing was done"),
    "asked of an agent": "answered",
    series: full(),
    "series later": full(),
  };
  // Nobody waits for a new list of agents, and it is not to be lost.
  expect(outcomes).toEqual({ ...told, "not taken yet": "waits" });
  world.store.commit = commit;
  await world.time.run(10_000);
  expect(outcomes).toEqual({ ...told, "not taken yet": "answered" });
});

test("it tells what came late: for which window, how late, from whom", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 2_000 } });
  await world.time.run(2_500);
  expect(world.central.late(10)).toEqual([]);
  agent.panes(2, START_MS);
  await world.time.run(WINDOW.latenessMs + 10_000);
  const again = await welcomed(world);
  again.panes(3, START_MS);
  await world.time.run(1_000);
  const window = { window: WINDOW.name, agent: "alpha-1", startMs: START_MS };
  expect(world.central.late(10)).toMatchObject([
    { ...window, reason: "too_late" },
    { ...window, reason: "after_complete" },
  ]);
  expect(world.central.late(1)).toHaveLength(1);
  expect(world.central.lateCounts).toEqual([
    { window: WINDOW.name, reason: "after_complete", readings: 1 },
    { window: WINDOW.name, reason: "too_late", readings: 1 },
  ]);
});

test("a crash at every commit, before or after it, ends in the same windows and ledger", async () => {
  const play = async (fate: CrashingStore["fate"]): Promise<{ outcome: unknown; commits: number }> => {
    const time = new SimulatedTime(START_MS);
    let store = new CrashingStore();
    store.fate = fate;
    let commits = 0;
    let mark = 0;
    let isKnown = false;
    for (let life = 0; life < 4; life++) {
      let isAlive = true;
      const world = await start(store, { time, clock: time.clock({ isAlive: () => isAlive }) });
      const agent = agentOf(world);
      const lane = {
        oldest: 1,
        sent: isKnown ? 8 : 0,
        next: 9,
        epochs: [{ epoch: isKnown ? 1 : 0, from: 1 }],
      };
      agent.hello({ epoch: isKnown ? 1 : 0, lanes: { live: lane }, instance: `life ${life}` });
      await time.run(300);
      if (agent.welcome !== undefined) {
        isKnown = true;
        expect(agent.welcome.epoch).toBe(1);
        expect(agent.welcome.marks.live).toBeGreaterThanOrEqual(mark);
        for (let sequence = agent.welcome.marks.live + 1; sequence <= 8; sequence++) {
          agent.panes(sequence, START_MS + 1_000 * (sequence % 3), {
            frontier: { number: sequence, watermarkMs: START_MS + 5_000 },
          });
          await time.run(100);
        }
        await time.run(4_000);
        mark = Math.max(mark, agent.welcome.marks.live, agent.acks.live ?? 0);
      }
      commits += store.triedCount;
      isAlive = false;
      // The next life finds what was durable; faults are over.
      store = new CrashingStore(store.snapshot());
    }
    const { central } = await start(store, { time });
    const { windows } = await central.windows(ALL);
    const outcome = {
      windows: windows.map(({ startMs, values, state }) => ({ startMs, values, state })),
      ledger: { ...central.ledger().get("alpha-1"), duplicates: 0 },
      alarms: central.alarms().map((alarm) => alarm.rule),
      mark,
    };
    return { outcome, commits };
  };
  const undisturbed = await play(() => "done");
  expect(undisturbed.outcome).toMatchObject({ ledger: { received: 8, merged: 8, batches: 8 }, mark: 8 });
  for (let commit = 1; commit <= undisturbed.commits; commit++) {
    for (const fate of ["crash_before", "crash_after"] as const) {
      const crashed = await play((number) => (number >= commit ? fate : "done"));
      expect({ commit, fate, outcome: crashed.outcome }).toEqual({
        commit,
        fate,
        outcome: undisturbed.outcome,
      });
    }
  }
});

test("a store that was rolled back gets a new epoch and its new batches count", async () => {
  const world = await start();
  const first = await welcomed(world);
  for (let sequence = 1; sequence <= 5; sequence++) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  // The disk of yesterday: two sent, and two new batches that take the numbers three and four again.
  const second = agentOf(world);
  second.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 5, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, marks: { live: 2 } });
  expect(activeAlarms(world.central)).toEqual(["store_rolled_back"]);
  second.panes(3, START_MS, { epoch: 2 });
  second.panes(4, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(second.acks.live).toBe(4);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
  // Back again to the same old disk: once more an epoch of its own.
  second.hangUp();
  const third = agentOf(world);
  third.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 3, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await world.time.run(10);
  expect(third.welcome).toMatchObject({ epoch: 3, marks: { live: 2 } });
});

test("a backlog that a rolled-back store shares with the one it was copied from counts once", async () => {
  const world = await start();
  const first = await welcomedWith(world, [run("one", 1)]);
  for (const sequence of [1, 2, 3, 5, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  // Copied with three and four unsent: three has arrived from the original, four not yet. Five is its own.
  const second = agentOf(world);
  second.hello({
    epoch: 1,
    lanes: { live: { oldest: 1, sent: 2, next: 6, epochs: [{ epoch: 1, from: 1 }] } },
    runs: [run("one", 1), run("two", 5)],
  });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, epochFrom: { live: 5 }, marks: { live: 3 } });
  second.panes(3, START_MS, { epoch: 1 });
  second.panes(4, START_MS, { epoch: 1 });
  second.panes(5, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(second.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
});

test("an image made before the first contact, and brought back after all was sent, counts once", async () => {
  const world = await start();
  const first = agentOf(world);
  const backlog = { live: { next: 5, epochs: [{ epoch: 0, from: 1 }] } };
  first.hello({ epoch: 0, lanes: backlog, runs: [run("one", 1)] });
  await world.time.run(10);
  expect(first.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  for (const sequence of [1, 2, 3, 4, 5, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  const back = agentOf(world);
  back.hello({
    epoch: 0,
    lanes: { live: { ...backlog.live, next: 6 } },
    runs: [run("one", 1), run("two", 5)],
  });
  await world.time.run(10);
  expect(back.welcome).toMatchObject({ epoch: 2, epochFrom: { live: 5 }, marks: { live: 4 } });
  back.panes(4, START_MS, { epoch: 1 });
  back.panes(5, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(back.acks.live).toBe(5);
  expect(await countsByStart(world.central)).toEqual({ 0: 7 });
  expect(activeAlarms(world.central)).toEqual(["store_rolled_back"]);
});

test.each(["original", "clone"])(
  "a clone that started twice offline: nothing lost, nothing twice, when the %s comes first",
  async (first) => {
    const world = await start();
    const before = await welcomedWith(world, [run("one", 1)]);
    for (const sequence of [1, 2]) before.panes(sequence, START_MS);
    await world.time.run(10);
    before.hangUp();
    // Copied with three and four unsent. The clone has five, then six and seven; the original five to eight of its own.
    const live = { sent: 2, epochs: [{ epoch: 1, from: 1 }] };
    const runs = [run("one", 1)];
    const clone = { next: 8, runs: [...runs, run("two", 5), run("three", 6)] };
    const original = { next: 9, runs: [...runs, run("four", 5)] };
    const order = first === "clone" ? [clone, original] : [original, clone];
    for (const [index, { next, runs }] of order.entries()) {
      const agent = agentOf(world);
      agent.hello({ epoch: 1, lanes: { live: { ...live, next } }, runs });
      await world.time.run(10);
      expect(agent.welcome).toMatchObject({ epoch: 1 + index, marks: { live: index === 0 ? 2 : 4 } });
      expect(agent.welcome?.epochFrom?.live).toBe(index === 0 ? undefined : 5);
      for (let sequence = 3; sequence < next; sequence += 1)
        agent.panes(sequence, START_MS, { epoch: sequence < 5 ? 1 : 1 + index });
      await world.time.run(500);
      expect(agent.acks.live).toBe(next - 1);
      agent.hangUp();
    }
    expect(await countsByStart(world.central)).toEqual({ 0: 4 + 3 + 4 });
  },
);

test("a store that starts many times offline keeps its epoch, also where a start was lost in a crash", async () => {
  const world = await start();
  const first = await welcomedWith(world, [run("one", 1)]);
  first.panes(1, START_MS);
  await world.time.run(10);
  first.hangUp();
  const live = { sent: 1, next: 6, epochs: [{ epoch: 1, from: 1 }] };
  for (const last of ["never durable", "five"]) {
    const again = agentOf(world);
    again.hello({
      epoch: 1,
      lanes: { live },
      runs: [run("one", 1), run("two", 2), run("three", 2), run("four", 4), run(last, 6)],
    });
    await world.time.run(10);
    expect(again.welcome).toMatchObject({ epoch: 1, marks: { live: 1 } });
    again.hangUp();
  }
  expect(world.central.alarms()).toEqual([]);
});

test("an epoch whose welcome was lost is granted again, without an alarm", async () => {
  const world = await start();
  (await welcomed(world)).hangUp();
  const again = agentOf(world);
  again.hello({ epoch: 0, lanes: { live: { sent: 0, next: 4, epochs: [{ epoch: 0, from: 1 }] } } });
  await world.time.run(10);
  expect(again.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  again.panes(1, START_MS);
  await world.time.run(10);
  expect(again.acks.live).toBe(1);
  expect(world.central.alarms()).toEqual([]);
});

test("batches of an older epoch that are still held are taken beside the new one's", async () => {
  const world = await start();
  const first = await welcomed(world);
  for (const sequence of [1, 2, 6]) first.panes(sequence, START_MS);
  await world.time.run(10);
  first.hangUp();
  const second = agentOf(world);
  second.hello({ epoch: 1, lanes: { live: { sent: 4, next: 6, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  expect(second.welcome).toMatchObject({ epoch: 2, marks: { live: 2 } });
  second.panes(5, START_MS, { epoch: 2 });
  await world.time.run(10);
  expect(second.acks.live).toBe(2);
  second.panes(3, START_MS, { epoch: 1 });
  second.panes(4, START_MS, { epoch: 1 });
  await world.time.run(10);
  expect(second.acks.live).toBe(5);
});

test("a wiped store is a new one: epoch 1, and an alarm that says so", async () => {
  const world = await start();
  const first = await welcomed(world);
  first.panes(1, START_MS, { frontier: { number: 900, watermarkMs: START_MS } });
  await world.time.run(10);
  first.hangUp();
  const second = await welcomed(world, { storeId: "b".repeat(32) });
  expect(second.welcome).toMatchObject({ epoch: 1, marks: { live: 0 } });
  expect(activeAlarms(world.central)).toEqual(["store_replaced"]);
  second.panes(1, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 1_000 } });
  await world.time.run(500);
  expect(await countsByStart(world.central)).toEqual({ 0: 2 });
  expect(world.central.agents()[0]).toMatchObject({ agent: "alpha-1", watermarkMs: START_MS + 1_000 });
});

test("a central restored from a backup asks for what it lost, and knows what is gone", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (let sequence = 1; sequence <= 3; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(500);
  const backup = new CrashingStore(world.store.snapshot());
  for (let sequence = 4; sequence <= 9; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(500);
  const restored = await start(backup);
  const back = agentOf(restored);
  const lane = { oldest: 6, sent: 9, next: 10, epochs: [{ epoch: 1, from: 6 }] };
  back.hello({ epoch: 1, lanes: { live: lane } });
  await restored.time.run(10);
  expect(back.welcome).toMatchObject({ epoch: 1, marks: { live: 5 } });
  expect(restored.central.alarms()).toMatchObject([{ rule: "sequence_gap", value: 2 }]);
  for (let sequence = 6; sequence <= 9; sequence++) back.panes(sequence, START_MS);
  await restored.time.run(500);
  expect(back.acks.live).toBe(9);
  expect(await countsByStart(restored.central)).toEqual({ 0: 7 });
});

test("a new central takes everything that an agent still holds, under the agent's epoch", async () => {
  const world = await start();
  const agent = agentOf(world);
  agent.hello({
    epoch: 3,
    lanes: {
      live: {
        oldest: 40,
        sent: 42,
        next: 44,
        epochs: [
          { epoch: 2, from: 40 },
          { epoch: 3, from: 42 },
        ],
      },
    },
  });
  await world.time.run(10);
  expect(agent.welcome).toMatchObject({ epoch: 3, marks: { live: 39 } });
  agent.panes(42, START_MS, { epoch: 3 });
  agent.panes(43, START_MS, { epoch: 3 });
  agent.panes(40, START_MS, { epoch: 2 });
  agent.panes(41, START_MS, { epoch: 2 });
  await world.time.run(10);
  expect(agent.acks.live).toBe(43);
  expect(world.central.alarms()).toEqual([]);
});

test("a second holder of a store is refused while the first is alive, and let in when it is silent", async () => {
  const world = await start();
  const first = await welcomed(world);
  const second = agentOf(world);
  second.hello({ instance: "two" });
  await world.time.run(10);
  expect(second.refusal).toMatchObject({ code: "store_held" });
  expect(second.closedReason).toBe("refused: store_held");
  expect(activeAlarms(world.central)).toEqual(["store_held"]);
  first.panes(1, START_MS);
  await world.time.run(10);
  expect(first.acks.live).toBe(1);
  await world.time.run(4_000);
  const third = agentOf(world);
  third.hello({
    instance: "two",
    epoch: 1,
    lanes: { live: { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await world.time.run(10);
  expect(third.welcome).toMatchObject({ epoch: 1, marks: { live: 1 } });
  expect(first.closedReason).toContain("replaced");
});

test("a store that comes under another agent's name is taken for a clone and gets an epoch of its own", async () => {
  const world = await start();
  const alpha = await welcomed(world);
  for (let sequence = 1; sequence <= 3; sequence++) alpha.panes(sequence, START_MS);
  await world.time.run(500);
  const clone = () => agentOf(world, { agent: "beta-1", site: "beta" });
  const lanes = { live: { sent: 3, next: 5, epochs: [{ epoch: 1, from: 1 }] } };
  const early = clone();
  early.hello({ instance: "two", epoch: 1, lanes });
  await world.time.run(10);
  expect(early.refusal?.code).toBe("store_held");
  alpha.hangUp();
  const late = clone();
  late.hello({ instance: "two", epoch: 1, lanes });
  await world.time.run(10);
  expect(late.welcome).toMatchObject({ epoch: 2, marks: { live: 3 } });
  late.panes(2, START_MS, { epoch: 1 });
  late.panes(4, START_MS, { epoch: 2 });
  await world.time.run(500);
  expect(late.acks.live).toBe(4);
  expect(world.central.ledger().get("beta-1")).toMatchObject({ batches: 1, duplicates: 1 });
});

test("the same process that connects anew replaces its old connection", async () => {
  const world = await start();
  const first = await welcomed(world);
  const second = await welcomed(world);
  expect(first.closedReason).toContain("replaced");
  first.panes(1, START_MS);
  second.panes(1, START_MS);
  await world.time.run(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ batches: 1, duplicates: 0 });
  first.hangUp();
  expect(world.central.agents()[0]).toMatchObject({ state: "connected" });
});

test("another agent's name, site or store, and an unread wire version, are refused with the reason", async () => {
  const world = await start();
  for (const [changes, code, reason] of [
    [{ agent: "beta-1" }, "unknown_agent", "not enrolled under this identity"],
    [{ site: "beta" }, "unknown_agent", "enrolled at site alpha"],
    [{ wireVersions: [99] }, "wire_version", "central reads wire versions 1"],
  ] as const) {
    const agent = agentOf(world);
    agent.hello(changes);
    await world.time.run(10);
    expect(agent.refusal?.code).toBe(code);
    expect(agent.refusal?.reason).toContain(reason);
  }
  const agent = await welcomed(world);
  agent.batch(1, new Uint8Array(), { storeId: "f".repeat(32) });
  await world.time.run(10);
  expect(world.central.ledger().get("alpha-1")?.rejected).toMatchObject({
    foreign_store: 1,
    wire_version: 1,
  });
});

test("junk is counted by reason and kept aside, and the batch after it is taken", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.send("batch", Buffer.alloc(1_000, 7));
  agent.send("batch", Buffer.alloc(600_000));
  agent.send("heartbeat", Buffer.from("{"));
  agent.batch(1, Buffer.from("no panes"), { kind: "panes", readingCount: 4 });
  agent.panes(2, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(2);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 5,
    merged: 1,
    unreadable: 4,
    rejected: { malformed_batch: 1, oversized: 1, malformed_heartbeat: 1, malformed_body: 1 },
  });
  const entries = await world.central.quarantine(10);
  expect(entries.map((entry) => [entry.reason, entry.byteCount])).toEqual([
    ["malformed_body", 88],
    ["oversized", 600_000],
    ["malformed_batch", 1_000],
    ["malformed_heartbeat", 1],
  ]);
  expect(Buffer.from(entries[1]?.head ?? "", "base64").length).toBe(256);
});

test("batches that the agent gave up move the mark on, are counted and raise an alarm once", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  agent.skipped(2, 9, 70);
  agent.skipped(2, 9, 70);
  agent.panes(10, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, skipped: 70, duplicates: 1 });
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", value: 70, step: 1 }]);
  await world.time.run(700_000);
  expect(activeAlarms(world.central)).not.toContain("data_loss");
});

test("a range that was given up cannot reach beyond what the agent can have appended: it is refused, and what comes is taken", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  for (const to of [Number.MAX_SAFE_INTEGER, SKIPPED_AHEAD_MAX + 100]) agent.skipped(2, to, 70);
  await world.time.run(10);
  expect(agent.acks.live).toBe(1);
  for (let sequence = 2; sequence <= 4; sequence++) agent.panes(sequence, START_MS);
  await world.time.run(10);
  expect(agent.acks.live).toBe(4);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({
    received: 4,
    skipped: 0,
    duplicates: 0,
    rejected: { malformed_batch: 2 },
  });
  agent.skipped(5, SKIPPED_AHEAD_MAX, 70);
  await world.time.run(10);
  expect(agent.acks.live).toBe(SKIPPED_AHEAD_MAX);
});

test("sequences whose panes were made coarser are moved over, and nothing is lost with them", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  const body = encodeSkippedBatch({ from: 2, to: 9, readings: 0, reason: "coarsened" });
  agent.batch(2, body, { kind: "skipped" });
  agent.panes(10, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(10);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, skipped: 0 });
  expect(activeAlarms(world.central)).not.toContain("data_loss");
});

test("panes coarser than their metric's mark the windows that they lie across, over kill -9, complete ones too", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const [at, second] of [0, 2, 4].entries()) agent.panes(at + 1, START_MS + 1_000 * second);
  agent.beat({ number: 2, watermarkMs: START_MS + 10_000, holds: { alarm: 0, live: 3, backfill: 0 } });
  await world.time.run(15_000);
  // It counts where it begins, and might as well belong to any of the four seconds.
  agent.panes(4, START_MS + 3_000, { paneMs: 4_000 });
  await world.time.run(5_000);
  const coarse = async (central: Central) => {
    const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ startMs, values, completeness }) => [
      (startMs - START_MS) / 1_000,
      values["count"],
      completeness.agentsCoarse,
    ]);
  };
  expect(await coarse(world.central)).toEqual([
    [0, 2, ["alpha-1"]],
    [2, 1, undefined],
    [4, 1, undefined],
  ]);
  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 4, next: 5, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  other.panes(5, START_MS + 2_500);
  other.panes(6, START_MS + 4_500);
  await world.time.run(5_000);
  expect(await coarse(again.central)).toEqual([
    [0, 2, ["alpha-1"]],
    [2, 2, ["alpha-1"]],
    [4, 2, undefined],
  ]);
});

test("coarse panes older than the enrolment mark their windows, which expect the agent that they came from", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const backlogMs = START_MS - 60_000;
  const pending = [{ startMs: backlogMs, endMs: backlogMs + 20_000 }];
  agent.beat({ watermarkMs: START_MS, pending });
  await world.time.run(100);
  agent.panes(1, backlogMs, { paneMs: 4_000, lane: "backfill" });
  agent.panes(2, backlogMs + 10_000, { lane: "backfill" });
  await world.time.run(5_000);
  const told = async (central: Central) => {
    const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ startMs, state, completeness }) => {
      const { agentsExpected, agentsReporting, agentsCoarse } = completeness;
      return [(startMs - backlogMs) / 1_000, state, agentsReporting, agentsExpected, agentsCoarse];
    });
  };
  expect(await told(world.central)).toEqual([
    [0, "provisional", 0, 1, ["alpha-1"]],
    [10, "provisional", 0, 1, undefined],
  ]);
  agent.beat({ number: 2, watermarkMs: START_MS, holds: { alarm: 0, live: 0, backfill: 2 } });
  await world.time.run(5_000);
  const complete = [
    [0, "complete", 1, 1, ["alpha-1"]],
    [10, "complete", 1, 1, undefined],
  ];
  expect(await told(world.central)).toEqual(complete);
  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  expect(await told(again.central)).toEqual(complete);
});

test("a window of before the enrolment is complete once the agent that it came from has passed", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS - 10_000);
  await world.time.run(5_000);
  const states = async () => {
    const { windows } = await world.central.windows({ ...ALL, group: { site: "alpha" } });
    return windows.map(({ state, completeness }) => [state, completeness.agentsMissing]);
  };
  expect(await states()).toEqual([["provisional", ["alpha-1"]]]);
  agent.beat({ number: 2, watermarkMs: START_MS });
  await world.time.run(5_000);
  expect(await states()).toEqual([["complete", []]]);
});

test("other windows wait for a backlog of before the enrolment before anything of it has come", async () => {
  const window: WindowSpec = { ...WINDOW, by: [] };
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [window] } });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  const backlogMs = START_MS - 60_000;
  alpha.beat({ watermarkMs: START_MS, pending: [{ startMs: backlogMs, endMs: backlogMs + 20_000 }] });
  beta.panes(1, backlogMs + 1_000, { frontier: { watermarkMs: START_MS } });
  await world.time.run(5_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ state, completeness }) => [state, completeness.agentsMissing])).toEqual([
    ["provisional", ["alpha-1"]],
  ]);
});

test("a window of before the enrolment is not complete where its agent gave up readings of it", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS - 10_000, { frontier: { watermarkMs: START_MS } });
  agent.skipped(2, 5, 7, { startMs: START_MS - 20_000, endMs: START_MS - 9_000 });
  await world.time.run(8_000);
  const { windows } = await world.central.windows({ ...ALL, group: { site: "alpha" } });
  expect(windows.map(({ state, completeness }) => [state, completeness.agentsWithLoss])).toEqual([
    ["provisional", ["alpha-1"]],
  ]);
});

test("a low disk of an agent is an alarm until there is room again", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const lowAlarms = () => activeAlarms(world.central).filter((rule) => rule === "disk_low").length;
  const steps = [
    [{ diskFreeBytes: -1 }, 0],
    [{ diskFreeBytes: 5_000_000 }, 1],
    [{ diskFreeBytes: 4_000_000 }, 1],
    [{ diskFreeBytes: -1 }, 0],
    [{}, 0],
  ] as const;
  for (const [at, [status, count]] of steps.entries()) {
    agent.beat({ number: at + 2 }, [], status);
    await world.time.run(500);
    expect([at, lowAlarms()]).toEqual([at, count]);
  }
});

test("a status stands until another one comes, be it told in the same turn as a heartbeat without one", async () => {
  const world = await start();
  const agent = await welcomed(world);
  expect(agent.welcome).toMatchObject({ keepsStatus: true });
  const lowAlarms = () => activeAlarms(world.central).filter((rule) => rule === "disk_low").length;
  agent.beat({ number: 2 }, [], { diskFreeBytes: 5_000_000 });
  agent.beat({ number: 3 }, [], null);
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([1, { diskFreeBytes: 5_000_000 }]);
  agent.beat({ number: 4 }, [], null);
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([1, { diskFreeBytes: 5_000_000 }]);
  agent.beat({ number: 5 }, [], { diskFreeBytes: -1 });
  await world.time.run(500);
  expect([lowAlarms(), world.central.agents()[0]?.status]).toMatchObject([0, { diskFreeBytes: -1 }]);
});

/** State, those missing and those with a loss, of alpha's windows by second. */
async function standings(central: Central): Promise<Record<number, [string, readonly string[], unknown]>> {
  const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
  return Object.fromEntries(
    windows.map(({ startMs, state, completeness: { agentsMissing, agentsWithLoss } }) => [
      (startMs - START_MS) / 1_000,
      [state, agentsMissing, agentsWithLoss],
    ]),
  );
}

test("a store of central's that lost commits is an alarm, and no window up to then is whole for sure", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 1, frontier: { number: 1, watermarkMs: START_MS + 500 } });
  await world.time.run(500);
  await world.central.close();
  let bookedCount = 0;
  const store = new CrashingStore(world.store.snapshot());
  store.fate = (commit) => (commit === 1 ? "refused" : "done");
  const loss = { detail: "it was mended", booked: () => void (bookedCount += 1) };
  const time = new SimulatedTime(START_MS + 3_000);
  const again = await start(store, { time, loss });
  const alarm = () => again.central.alarms().find(({ rule }) => rule === "store_damaged");
  await time.run(300);
  expect(bookedCount).toBe(0);
  const back = agentOf(again);
  back.hello({ epoch: 1, lanes: { live: { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] } } });
  await time.run(2_000);
  expect(bookedCount).toBe(1);
  expect(alarm()).toMatchObject({
    isActive: true,
    agent: "",
    message: "central's store was damaged: it was mended",
  });
  back.panes(2, START_MS + 10_000, { value: 1, frontier: { number: 2, watermarkMs: START_MS + 20_000 } });
  await time.run(20_000);
  const told = await standings(again.central);
  expect(told[0]).toEqual(["provisional", ["alpha-1"], ["alpha-1"]]);
  expect(told[10]).toEqual(["complete", [], undefined]);
  await time.run(600_000);
  expect(alarm()?.isActive).toBe(false);
});

test("a complete window whose panes central's store has lost is revised as one with a loss, over another restart too", async () => {
  const sliding = { ...WINDOW, name: "t_sliding", sizeMs: 4_000, slideMs: 1_000 };
  const pipeline = { metrics: [METRIC], windows: [WINDOW, sliding] };
  const world = await start(undefined, { pipeline });
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 120, frontier: { number: 1, watermarkMs: START_MS + 60_000 } });
  await world.time.run(10_000);
  expect((await standings(world.central))[0]).toEqual(["complete", [], undefined]);
  const snapshot = world.store.snapshot();
  const isPane = (key: string) => key.startsWith("ep|");
  const kept = [...snapshot.entries].filter(([key]) => !isPane(key));
  expect(kept.length).toBe(snapshot.entries.size - 1);

  const { time } = world;
  const loss = { detail: "it was mended", booked: () => {} };
  const mended = await start(new CrashingStore({ entries: new Map(kept) }), { pipeline, time, loss });
  const damagedAtMs = Math.floor(time.nowMs);
  const lanes = { live: { sent: 1, next: 2, epochs: [{ epoch: 1, from: 1 }] } };
  const back = agentOf(mended);
  back.hello({ epoch: 1, lanes });
  await time.run(1_000);
  const passed = { watermarkMs: START_MS + 60_000 };
  back.panes(2, START_MS, { value: 20, frontier: { number: 2, ...passed } });
  await time.run(5_000);
  const told = { values: { count: 1, mean: 20 }, state: "provisional" };
  const named = { agentsMissing: ["alpha-1"], agentsWithLoss: ["alpha-1"] };
  const { windows } = await mended.central.windows({ ...ALL, group: { site: "alpha" } });
  expect(windows).toMatchObject([{ ...told, revision: 3, completeness: named }]);
  const neighbours = await mended.central.windows({ ...ALL, window: "t_sliding" });
  expect(neighbours.windows).toMatchObject(
    Array.from({ length: 4 }, () => ({ ...told, completeness: named })),
  );
  // The ledger counts both: it says since when that is not what windows hold.
  const sum = { received: 2, merged: 2, tooLate: 0 };
  const storeDamaged = { firstAtMs: damagedAtMs, lastAtMs: damagedAtMs };
  expect(mended.central.ledgerSum()).toEqual({ ...sum, storeDamaged });

  const again = await start(new CrashingStore(mended.store.snapshot()), { pipeline, time });
  expect(again.central.ledgerSum()).toEqual({ ...sum, storeDamaged });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 2, next: 3, epochs: [{ epoch: 1, from: 1 }] } } });
  await time.run(10);
  other.panes(3, START_MS, { value: 40, frontier: { number: 3, ...passed } });
  await time.run(5_000);
  expect((await standings(again.central))[0]).toEqual(["provisional", ["alpha-1"], ["alpha-1"]]);
  await time.run(WINDOW.latenessMs);
  expect((await standings(again.central))[0]).toEqual(["final", ["alpha-1"], ["alpha-1"]]);
});

test("a window of which the agent gave up some is never complete, over kill -9, and ends final with its name", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (const [at, second] of [0, 2, 4].entries()) agent.panes(at + 1, START_MS + 1_000 * second);
  // The frontier comes before the batch that tells of the loss, and does not count until that is here.
  const passed = { watermarkMs: START_MS + 10_000, holds: { alarm: 0, live: 9, backfill: 0 } };
  agent.beat({ number: 2, ...passed });
  await world.time.run(15_000);
  const missing = ["provisional", ["alpha-1"], undefined];
  expect(await standings(world.central)).toEqual({ 0: missing, 2: missing, 4: missing });
  agent.skipped(4, 9, 70, { startMs: START_MS + 1_500, endMs: START_MS + 2_500 });
  await world.time.run(5_000);
  const settled = {
    0: ["complete", [], undefined],
    2: ["provisional", ["alpha-1"], ["alpha-1"]],
    4: ["complete", [], undefined],
  };
  expect(await standings(world.central)).toEqual(settled);

  const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
  const other = agentOf(again);
  other.hello({ epoch: 1, lanes: { live: { sent: 9, next: 10, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  other.beat({ number: 3, ...passed, watermarkMs: START_MS + 20_000 });
  await world.time.run(5_000);
  expect(await standings(again.central)).toEqual(settled);
  await world.time.run(WINDOW.latenessMs);
  expect((await standings(again.central))[2]).toEqual(["final", ["alpha-1"], ["alpha-1"]]);
});

test("what the agent gave up counts as lost in the very commit that holds it, at whichever one central is killed", async () => {
  for (let killed = 1; ; killed++) {
    const world = await start();
    world.store.fate = (commit) => (commit >= killed ? "crash_before" : "done");
    const agent = agentOf(world);
    agent.hello();
    await world.time.run(10);
    agent.skipped(1, 3, 70, { startMs: START_MS, endMs: START_MS + 900 });
    await world.time.run(10);
    const again = await start(new CrashingStore(world.store.snapshot()), { time: world.time });
    const next = agentOf(again);
    const lane = { sent: 3, next: 4, epochs: [{ epoch: agent.welcome?.epoch ?? 0, from: 1 }] };
    next.hello({ epoch: agent.welcome?.epoch ?? 0, lanes: { live: lane } });
    await world.time.run(10);
    const isHeld = next.welcome?.marks.live === 3;
    expect(isHeld).toBe(agent.acks.live === 3);
    next.panes(4, START_MS, { frontier: { number: 4, watermarkMs: START_MS + 10_000 } });
    await world.time.run(5_000);
    const withLoss = isHeld ? ["alpha-1"] : undefined;
    expect((await standings(again.central))[0]?.[2]).toEqual(withLoss);
    if (isHeld) break;
  }
});

test.each(["wiped", "rolled back", "with a gap", "changed for an older one"])(
  "a window that waits for an agent's backlog is never complete once its store is %s",
  async (fate) => {
    const world = await start();
    const other = { storeId: "b".repeat(32) };
    if (fate.startsWith("changed")) {
      (await welcomed(world, other)).hangUp();
      await world.time.run(WINDOW.latenessMs);
    }
    const first = await welcomed(world);
    const fromMs = Math.floor(world.time.nowMs / 1_000) * 1_000;
    const pending = [{ startMs: fromMs, endMs: fromMs + 900 }];
    for (const at of [0, 1, 2]) first.panes(at + 1, fromMs + 2_000 * at);
    first.beat({ number: 2, watermarkMs: fromMs + 3_000, pending });
    await world.time.run(10_000);
    first.hangUp();
    const lane = { sent: fate === "rolled back" ? 2 : 3, next: 9, epochs: [{ epoch: 1, from: 1 }] };
    const isOther = fate === "wiped" || fate.startsWith("changed");
    const next = agentOf(world, isOther ? other : {});
    if (isOther) next.hello({ epoch: fate === "wiped" ? 0 : 1 });
    else next.hello({ epoch: 1, lanes: { live: { ...lane, oldest: fate === "with a gap" ? 7 : 1 } } });
    await world.time.run(10);
    const epoch = next.welcome?.epoch ?? 0;
    next.beat({ epoch, number: 3, watermarkMs: Math.floor(world.time.nowMs) + 4_000 });
    await world.time.run(5_000);
    const settled = Object.values(await standings(world.central));
    const lost = ["provisional", ["alpha-1"], ["alpha-1"]];
    expect(settled).toEqual([lost, ["complete", [], undefined], lost]);
    next.panes(9, fromMs + 12_000, { epoch, frontier: { number: 4, watermarkMs: fromMs + 20_000 } });
    await world.time.run(5_000);
    expect(Object.values(await standings(world.central)).at(-1)).toEqual(["complete", [], undefined]);
  },
);

const HOT: AlarmEvent = {
  id: "1",
  step: 2,
  rule: "overheating",
  metric: "t",
  labels: { site: "alpha" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: START_MS,
  clearedAtMs: null,
  timeMs: START_MS,
  value: 81,
  limit: 80,
  action: "none",
  command: null,
  message: "too hot",
};

test("an alarm that is committed after one that arrived later is not taken for said: its time is its commit's", async () => {
  const { time, clock, freeze, thaw } = freezable();
  const world = await start(undefined, { time, clock });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  const said: AlarmView[] = [];
  world.central.subscribe(({ alarms }) => said.push(...alarms));
  freeze();
  for (let sequence = 1; sequence <= 150; sequence += 1) alpha.panes(sequence, START_MS);
  alpha.alarms(1, [HOT]);
  await time.run(1_000);
  beta.alarms(1, [{ ...HOT, labels: { site: "beta" } }]);
  thaw();
  await time.run(100);
  expect(said.map(({ agent }) => agent)).toEqual(["beta-1", "alpha-1"]);
  const marks = said.map((alarm) => new AlarmStream(() => said, { isNotified: false }).changedAtMs(alarm));
  expect(marks[1]).toBeGreaterThanOrEqual(marks[0] ?? Number.POSITIVE_INFINITY);
});

test("alarms are kept at their greatest step, over a restart too", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.alarms(1, [HOT]);
  agent.alarms(2, [{ ...HOT, step: 1, isActive: false }]);
  await world.time.run(10);
  expect(agent.acks.alarm).toBe(2);
  await world.central.close();
  const { central } = await start(world.store, { time: world.time });
  expect(central.alarms()).toEqual([
    {
      ...HOT,
      agent: "alpha-1",
      site: "alpha",
      receivedAtMs: START_MS + 10,
      firstReceivedAtMs: START_MS + 10,
    },
  ]);
});

test("an alarm is shown once it is durable, and not before", async () => {
  const world = await start();
  const agent = await welcomed(world);
  world.store.fate = () => "crash_before";
  agent.alarms(1, [HOT]);
  await world.time.run(1_000);
  expect(world.central.alarms()).toEqual([]);
  const other = await start();
  (await welcomed(other)).alarms(1, [HOT]);
  await other.time.run(10);
  expect(other.central.alarms()).toMatchObject([{ rule: "overheating" }]);
});

test("a silent agent is shown and alarmed, and cleared when it is heard", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const active = () => world.central.alarms().filter(({ isActive }) => isActive);
  await world.time.run(2_000);
  agent.beat();
  await world.time.run(4_000);
  expect(world.central.agents()[0]).toMatchObject({ state: "silent", status: { link: "up" } });
  expect(active()).toMatchObject([{ agent: "alpha-1", rule: "agent_silent" }]);
  agent.beat();
  await world.time.run(300);
  expect(world.central.agents()[0]).toMatchObject({ state: "connected" });
  expect(active()).toEqual([]);
  await world.time.run(31_000);
  expect(agent.closedReason).toBe("nothing was heard from it");
});

test("an agent that has not connected since central started is alarmed after ten seconds", async () => {
  const world = await start();
  await world.time.run(9_500);
  expect(world.central.alarms()).toEqual([]);
  await world.time.run(1_500);
  expect(world.central.agents().map(({ agent, state }) => [agent, state])).toEqual([
    ["alpha-1", "never_seen"],
    ["beta-1", "never_seen"],
  ]);
  expect(world.central.alarms()).toMatchObject([
    { agent: "alpha-1", rule: "agent_silent", isActive: true },
    { agent: "beta-1", rule: "agent_silent", isActive: true },
  ]);
});

test("agents are not silent because central itself was stopped; after its waking they have time to come", async () => {
  const { time, clock, freeze, thaw } = freezable();
  const world = await start(undefined, { time, clock });
  const alpha = await welcomed(world);
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  await time.run(500);
  freeze();
  await time.run(60_000);
  thaw();
  await time.run(600);
  expect(world.central.alarms()).toEqual([]);
  expect([alpha.closedReason, beta.closedReason]).toEqual([null, null]);
  await time.run(8_000);
  alpha.beat();
  await time.run(3_000);
  expect(world.central.alarms()).toMatchObject([{ agent: "beta-1", rule: "agent_silent" }]);
  await time.run(20_000);
  expect(beta.closedReason).toBe("nothing was heard from it");
});

test("a reset is said with every echo until the agent has answered, and whoever asked is told", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  expect(agent.requests).toEqual([]);
  await world.time.run(300);
  const outcome = world.central.resetAlarm("alpha-1", "hot|m1", "page");
  agent.beat();
  agent.beat();
  expect(agent.requests).toMatchObject([{ kind: "reset_alarm", alarm: "hot|m1", by: "page" }]);
  agent.beat({}, [{ id: agent.requests[0].id, outcome: "done" }]);
  expect(agent.requests).toEqual([]);
  expect(await outcome).toBe("done");
});

test("an agent that is away is not asked; one that does not answer is not waited for without end", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  await world.time.run(300);
  expect(await world.central.resetAlarm("beta-1", "a", "page")).toBe("agent_away");
  expect(await world.central.resetAlarm("nobody", "a", "page")).toBe("agent_away");
  const outcome = world.central.resetAlarm("alpha-1", "a", "page");
  await world.time.run(11_000);
  expect(await outcome).toBe("no_answer");
  agent.beat();
  expect(agent.requests).toEqual([]);
});

test("a pushed pipeline is said until the agent has answered; what it says of it is told, per agent", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  await world.time.run(300);
  const text = "version: 1\n".repeat(100);
  const outcome = world.central.pushPipeline(["alpha-1", "beta-1"], text, "API");
  agent.beat();
  const [{ id, pipeline, ...request }] = agent.requests;
  expect(request).toMatchObject({ kind: "set_pipeline", alarm: "", by: "API" });
  expect(Buffer.from(pipeline?.body ?? "", "base64").toString()).toBe(text);
  agent.beat({}, [{ id, outcome: "refused", detail: "p.yaml:1:1: no" }]);
  expect(agent.requests).toEqual([]);
  expect(await outcome).toEqual({
    version: createHash("sha256").update(text).digest("hex").slice(0, 12),
    agents: [
      { agent: "alpha-1", outcome: "refused", detail: "p.yaml:1:1: no" },
      { agent: "beta-1", outcome: "agent_away", detail: "it is not connected; nothing was sent to it" },
    ],
  });
  const noise = Array.from({ length: 60_000 }, (_, index) => Math.sin(index).toString(36)).join("");
  await expect(world.central.pushPipeline(["alpha-1"], noise, "API")).rejects.toThrow(/more than/);
});

test("windows are complete once every expected agent has passed; a retired site is not waited for", async () => {
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [{ ...WINDOW, by: [] }] } });
  const alpha = await welcomed(world);
  await world.time.run(2_000);
  const timeMs = START_MS + 500;
  alpha.panes(1, timeMs, { frontier: { number: 1, watermarkMs: START_MS + 1_500 } });
  await world.time.run(300);
  const state = async () =>
    (await world.central.windows(ALL)).windows.map((window) => [
      window.state,
      window.completeness.sitesMissing,
    ]);
  expect(await state()).toEqual([["provisional", ["beta"]]]);
  const count = world.central.retire("beta");
  await world.time.run(10);
  expect(await count).toBe(1);
  expect(world.central.agents()[1]).toMatchObject({ agent: "beta-1", state: "retired" });
  alpha.panes(2, START_MS + 3_000, { frontier: { number: 2, watermarkMs: START_MS + 6_000 } });
  await world.time.run(4_000);
  expect((await state()).at(-1)).toEqual(["complete", []]);
  const again = await start(world.store, { time: world.time });
  expect(again.central.agents()[1]).toMatchObject({ state: "retired" });
});

test("an agent of a retired site that goes on is cut off, and expected again once it connects", async () => {
  const world = await start();
  const agent = await welcomed(world);
  const count = world.central.retire("alpha");
  await world.time.run(10);
  expect(await count).toBe(1);
  expect(agent.closedReason).toContain("retired");
  agent.panes(1, START_MS);
  agent.hangUp();
  await world.time.run(1_000);
  expect(world.central.agents()[0]).toMatchObject({ state: "retired" });
  expect(world.central.ledger().get("alpha-1")?.received ?? 0).toBe(0);
  const again = await welcomed(world);
  const timeMs = START_MS + 3_000;
  again.panes(1, timeMs, { frontier: { number: 1, watermarkMs: timeMs } });
  await world.time.run(500);
  expect(world.central.agents()[0]).toMatchObject({ state: "connected" });
  await world.time.run(5_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ completeness }) => completeness.agentsMissing)).toEqual([["alpha-1"]]);
});

test("a listener that throws is not taken for a failed commit, and the others are told", async () => {
  const world = await start();
  let count = 0;
  world.central.subscribe(() => {
    throw new Error("no");
  });
  world.central.subscribe(() => (count += 1));
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(500);
  expect(agent.acks.live).toBe(1);
  expect(count).toBeGreaterThan(0);
  expect(world.central.health().isAlive).toBe(true);
});

test("a page of windows goes on where the one before ended", async () => {
  const world = await start();
  const agent = await welcomed(world);
  for (let sequence = 1; sequence <= 7; sequence++) agent.panes(sequence, START_MS + 1_000 * sequence);
  await world.time.run(500);
  const starts: number[] = [];
  let cursor: string | null = null;
  do {
    const page = await world.central.windows({ ...ALL, group: { site: "alpha" }, limit: 3, cursor });
    starts.push(...page.windows.map((window) => window.startMs - START_MS));
    cursor = page.cursor;
  } while (cursor !== null);
  expect(starts).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000]);
  expect((await world.central.windows({ ...ALL, group: { site: "beta" } })).windows).toEqual([]);
  expect((await world.central.latestWindows("t_1s")).map((window) => window.startMs - START_MS)).toEqual([
    7_000,
  ]);
  expect(world.central.recentWindows().length).toBe(7);
  const again = await start(world.store, { time: world.time });
  expect(again.central.recentWindows()).toEqual(world.central.recentWindows());
});

test("panes of absurd times and sizes are counted, and central goes on", async () => {
  const world = await start();
  const agent = await welcomed(world);
  let sequence = 0;
  const absurd = [-1, 0, 2 ** 51, START_MS + 1_000_000_000_000];
  for (const timeMs of absurd) agent.panes(++sequence, timeMs);
  agent.panes(++sequence, START_MS);
  await world.time.run(5_000);
  expect(world.central.health()).toMatchObject({ isAlive: true });
  expect(agent.acks.live).toBe(sequence);
  const totals = world.central.ledger().get("alpha-1");
  expect(totals?.received).toBe(
    (totals?.merged ?? 0) + (totals?.tooLate ?? 0) + (totals?.unwindowed ?? 0) + (totals?.future ?? 0),
  );
  expect(totals?.received).toBe(sequence);
});

test("panes far ahead of the clock are refused and counted, alarmed once, and leave memory and page to the present", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  for (let sequence = 2; sequence <= 200; sequence++)
    agent.panes(sequence, START_MS + FUTURE_MS_MAX + 1_000 * sequence);
  agent.panes(201, START_MS + FUTURE_MS_MAX - 5_000);
  await world.time.run(2_000);
  expect(agent.acks.live).toBe(201);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 201, merged: 2, future: 199 });
  expect(world.central.counts.engine?.windowsInMemory).toBe(2);
  expect(world.central.recentWindows()).toHaveLength(2);
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", step: 1 }]);
  expect((await world.central.quarantine(10))[0]).toMatchObject({ reason: "future" });
});

test("panes that central's clock alone finds too far ahead are taken: it may be the one that is wrong", async () => {
  const wall = { offsetMs: -30 * DAY_MS };
  const world = await startJumping(wall);
  const agent = agentOf(world);
  agent.hello();
  await world.time.run(10);
  agent.panes(1, START_MS);
  agent.panes(2, START_MS + 2 * FUTURE_MS_MAX);
  await world.time.run(1_000);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ merged: 1, future: 1 });
});

test("readings under another site's name are refused, counted, and alarmed once; other labels are the agent's own", async () => {
  const world = await start(undefined, {
    pipeline: { metrics: [METRIC], windows: [WINDOW, { ...WINDOW, name: "t_all", by: ["machine"] }] },
  });
  const beta = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  beta.panes(1, START_MS, { labels: { site: "alpha", machine: "m" } });
  beta.panes(2, START_MS, { labels: { site: "alpha", machine: "m" } });
  beta.panes(3, START_MS, { labels: { site: "beta", machine: "alpha", host: "alpha-1" } });
  beta.panes(4, START_MS, { labels: { machine: "m" } });
  await world.time.run(1_000);
  expect(beta.acks.live).toBe(4);
  expect(world.central.ledger().get("beta-1")).toMatchObject({ received: 4, merged: 2, foreignSite: 2 });
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ group, values }) => [group["site"], values["count"]])).toEqual([
    ["", 1],
    ["beta", 1],
  ]);
  expect(world.central.alarms()).toMatchObject([{ rule: "data_loss", agent: "beta-1", step: 1 }]);
  expect((await world.central.quarantine(10))[0]).toMatchObject({ reason: "foreign_site" });
});

test("a sliding window off the multiples of its size is told as it is now to whoever asks, though it is not published again", async () => {
  const sliding = { ...WINDOW, name: "t_sliding", sizeMs: 4_000, slideMs: 1_000 };
  const world = await start(undefined, { pipeline: { metrics: [METRIC], windows: [sliding] } });
  const published: WindowResult[] = [];
  world.central.subscribe(({ windows }) => published.push(...windows));
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { value: 1, frontier: { number: 1, watermarkMs: START_MS + 60_000 } });
  await world.time.run(10_000);
  published.length = 0;
  agent.panes(2, START_MS, { value: 3, frontier: { number: 2, watermarkMs: START_MS + 60_000 } });
  await world.time.run(5_000);
  // One of the four is published; all are told.
  expect(published.map(({ startMs, values }) => [startMs, values["count"]])).toEqual([[START_MS, 2]]);
  const { windows } = await world.central.windows({ ...ALL, window: "t_sliding" });
  expect(
    windows.map(({ values, revision, state }) => [values["count"], values["mean"], revision, state]),
  ).toEqual([
    [2, 2, 2, "complete"],
    [2, 2, 2, "complete"],
    [2, 2, 2, "complete"],
    [2, 2, 3, "complete"],
  ]);
  expect(windows.map(({ isOutdated, computedAtMs }) => [isOutdated, computedAtMs !== undefined])).toEqual([
    [undefined, true],
    [undefined, true],
    [undefined, true],
    [undefined, false],
  ]);
  expect(await world.central.latestWindows("t_sliding")).toMatchObject([
    { startMs: START_MS, values: { count: 2 } },
  ]);
});

test("what a newer agent accumulates besides is counted, and keeps nothing else of its readings back", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS, { unread: [{ id: 99, bytes: Uint8Array.of(1, 2, 3) }] });
  agent.panes(2, START_MS);
  await world.time.run(1_000);
  expect(agent.acks.live).toBe(2);
  expect(world.central.ledger().get("alpha-1")).toMatchObject({ received: 2, merged: 2, partlyRead: 1 });
});

test("whatever stored value is damaged, central starts, counts it and goes on", async () => {
  const world = await start();
  const agent = await welcomedWith(world, [run("one", 1)]);
  agent.beat({ number: 9, watermarkMs: START_MS, holds: { alarm: 0, live: 99, backfill: 0 } });
  agent.skipped(1, 2, 3, { startMs: START_MS - 5_000, endMs: START_MS - 4_000 });
  agent.panes(3, START_MS, { frontier: { number: 1, watermarkMs: START_MS + 2_000 } });
  agent.panes(5, START_MS + 3_000);
  agent.send("batch", Buffer.alloc(100, 7));
  await world.time.run(11_000);
  await world.central.close();
  const entries: Entry[] = [];
  for await (const entry of world.store.range({ from: Uint8Array.of(65), to: Uint8Array.of(255) }))
    entries.push(entry);
  expect(new Set(entries.map(({ key }) => key[0])).size).toBe(9);
  const random = new SeededRandom(7);
  let unreadableCount = 0;
  for (let round = 0; round < 40 * entries.length; round++) {
    const { key, value } = entries[round % entries.length];
    const damaged = Uint8Array.from(value);
    for (let flips = random.integer(1, 3); flips > 0; flips--)
      damaged[random.integer(0, damaged.length - 1)] ^= 1 << random.integer(0, 7);
    const store = new CrashingStore(world.store.snapshot());
    await store.commit(
      [{ type: "put", key, value: round < entries.length ? damaged.subarray(0, 1) : damaged }],
      {
        isSync: true,
      },
    );
    const again = await start(store, { time: new SimulatedTime(START_MS + 12_000) });
    const back = agentOf(again);
    back.hello({ epoch: 1, lanes: { live: { sent: 5, next: 6, epochs: [{ epoch: 1, from: 1 }] } } });
    await again.time.run(10);
    back.panes(7, START_MS, { frontier: { number: 10, watermarkMs: START_MS + 9_000 } });
    await again.time.run(1_500);
    await again.central.windows(ALL);
    await again.central.latestWindows(null);
    await again.central.quarantine(10);
    expect([round, again.central.health().isAlive, back.welcome !== undefined]).toEqual([round, true, true]);
    unreadableCount += Math.min(1, again.central.counts.unreadable);
    await again.central.close();
  }
  expect(unreadableCount).toBeGreaterThan(5 * entries.length);
});

/** A central whose wall clock jumps with `wall.offsetMs`. */
async function startJumping(
  wall: { offsetMs: number },
  store = new CrashingStore(),
  time = new SimulatedTime(START_MS),
): Promise<World> {
  return start(store, { time, clock: time.clock({ offsetMs: () => wall.offsetMs }) });
}

async function statesOf(central: Central): Promise<string[]> {
  return (await central.windows(ALL)).windows.map(({ state }) => state);
}

function clockAlarms(central: Central): [agent: string, value: number][] {
  return central
    .alarms()
    .filter(({ rule, isActive }) => rule === "clock_disagrees" && isActive)
    .map(({ agent, value }) => [agent, value]);
}

test("central's clock days ahead makes nothing final and refuses nothing, over a restart too, and is alarmed", async () => {
  const wall = { offsetMs: 0 };
  const world = await startJumping(wall);
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(11_000);
  wall.offsetMs = 30 * DAY_MS;
  agent.beat();
  agent.panes(2, START_MS);
  await world.time.run(61_000);
  expect(await statesOf(world.central)).toEqual(["provisional"]);
  expect(clockAlarms(world.central)).toEqual([["", 30 * DAY_MS]]);
  expect(world.central.alarms().find(({ agent: name }) => name === "")?.message).toContain("2592000 s ahead");
  await world.central.close();
  const again = await startJumping(wall, world.store, world.time);
  await again.time.run(61_000);
  const back = agentOf(again);
  back.hello({ epoch: 1, lanes: { live: { sent: 2, next: 4, epochs: [{ epoch: 1, from: 1 }] } } });
  await again.time.run(10);
  back.panes(3, START_MS);
  await again.time.run(1_000);
  expect(await countsByStart(again.central)).toEqual({ 0: 3 });
  expect(again.central.ledger().get("alpha-1")).toMatchObject({ merged: 3, tooLate: 0 });
  wall.offsetMs = 0;
  await again.time.run(1_000);
  expect(clockAlarms(again.central)).toEqual([]);
  await again.time.run(WINDOW.latenessMs);
  expect(await statesOf(again.central)).toEqual(["final"]);
});

test.each(["set right before the start", "still wrong"])(
  "agents enrolled by a clock that was ahead are expected once an agent tells the time: central's clock is %s",
  async (fate) => {
    const wall = { offsetMs: 30 * DAY_MS };
    const world = await startJumping(wall);
    await world.time.run(1_000);
    await world.central.close();
    if (fate !== "still wrong") wall.offsetMs = 0;
    const again = await startJumping(wall, world.store, world.time);
    await again.time.run(5_000);
    const agent = await welcomed(again);
    const timeMs = START_MS + 3_000;
    agent.panes(1, timeMs, { frontier: { number: 1, watermarkMs: timeMs + 10_000 } });
    await again.time.run(15_000);
    const { windows } = await again.central.windows(ALL);
    expect(windows.map(({ state, completeness }) => [state, completeness.agentsExpected])).toEqual([
      ["complete", 1],
    ]);
    const last = await start(again.store, { time: again.time });
    const other = await welcomed(last, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
    other.panes(1, timeMs);
    await last.time.run(5_000);
    const beta = (await last.central.windows({ ...ALL, group: { site: "beta" } })).windows;
    expect(beta.map(({ completeness }) => completeness.agentsMissing)).toEqual([["beta-1"]]);
  },
);

test("after a long time without central, windows become final once the first agent has confirmed the time", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.panes(1, START_MS);
  await world.time.run(11_000);
  await world.central.close();
  await world.time.run(2 * DAY_MS);
  const again = await start(world.store, { time: world.time });
  await again.time.run(2_000);
  expect(await statesOf(again.central)).toEqual(["provisional"]);
  expect(clockAlarms(again.central)).toEqual([]);
  await welcomed(again);
  await again.time.run(1_000);
  expect(await statesOf(again.central)).toEqual(["final"]);
  await again.time.run(61_000);
  expect(await statesOf(again.central)).toEqual([]);
});

test("an agent whose clock disagrees is alarmed until it agrees, and makes nothing final", async () => {
  const world = await start();
  const wall = { offsetMs: 0 };
  const agent = new ScriptedAgent(world.central, () => Math.floor(world.time.nowMs) + wall.offsetMs);
  agent.hello();
  await world.time.run(10);
  agent.panes(1, START_MS);
  const beatAt = async (offsetMs: number) => {
    wall.offsetMs = offsetMs;
    agent.beat();
    await world.time.run(300);
    return clockAlarms(world.central).map(([name]) => name);
  };
  expect(await beatAt(59_000)).toEqual([]);
  expect(await beatAt(DAY_MS)).toEqual(["alpha-1"]);
  expect(await statesOf(world.central)).toEqual(["provisional"]);
  expect(await beatAt(40_000)).toEqual(["alpha-1"]);
  expect(await beatAt(29_000)).toEqual([]);
  // Alone and behind, it may be central's that is wrong.
  expect(await beatAt(-DAY_MS)).toEqual([""]);
  const other = await welcomed(world, { agent: "beta-1", site: "beta", storeId: "b".repeat(32) });
  other.beat();
  await world.time.run(300);
  expect(clockAlarms(world.central).map(([name]) => name)).toEqual(["alpha-1"]);
});

test("batches that wait together for what the store has of their windows keep their own readings", async () => {
  const world = await start(new CrashingStore(), { agents: [{ id: "alpha-1", site: "alpha" }] });
  const agent = await welcomed(world);
  // Complete windows of half an hour ago leave memory.
  const startsMs = [0, 1, 2].map((second) => START_MS - HOUR_MS / 2 + 1_000 * second);
  for (const [at, startMs] of startsMs.entries())
    agent.panes(at + 1, startMs, { value: 10, frontier: { number: at + 1, watermarkMs: START_MS } });
  await world.time.run(60_000);
  expect(world.central.counts.engine?.panesInMemory).toBe(0);
  const again = agentOf(world);
  again.hello({ epoch: 1, lanes: { live: { sent: 3, next: 4, epochs: [{ epoch: 1, from: 1 }] } } });
  await world.time.run(10);
  for (const [at, startMs] of startsMs.entries()) again.panes(at + 4, startMs, { value: 20 + at });
  await world.time.run(2_000);
  const { windows } = await world.central.windows(ALL);
  expect(windows.map(({ values }) => values["mean"])).toEqual([15, 15.5, 16]);
  await world.central.close();
});

test("the history shows what is durable, at every zoom, through a crash", async () => {
  const day = { retainMs: 400 * DAY_MS, bytesMax: 2 ** 30 };
  const history = { "1s": day, "10s": day, "1m": day, "1h": day, "1d": day };
  const world = await start(undefined, { history });
  const query = {
    metric: "t",
    by: null,
    group: {},
    fromMs: START_MS,
    toMs: START_MS + HOUR_MS,
    maxPoints: 1_000,
  };
  const more = { values: ["count", "mean"], limit: 10, cursor: null };
  const counts = async (central: Central, stepMs: number) => {
    const page = await central.series({ ...query, ...more, stepMs });
    return "reason" in page ? page.reason : page.series.map(({ values }) => values["count"]);
  };
  const agent = new ScriptedAgent(world.central, () => world.time.nowMs);
  agent.hello();
  await world.time.run(300);
  for (let second = 0; second < 90; second++) agent.panes(second + 1, START_MS + second * 1_000);
  world.store.fate = () => "crash_before";
  agent.panes(91, START_MS + 90_000);
  await world.time.run(300);
  const shown = counts(world.central, 86_400_000);
  await world.time.run(300);
  // The commit never comes back: nobody is shown what it holds.
  expect(await Promise.race([shown, Promise.resolve("nothing yet")])).toBe("nothing yet");

  const next = await start(new CrashingStore(world.store.crash().snapshot()), { history, time: world.time });
  expect(await counts(next.central, 86_400_000)).toEqual([]);
  const again = new ScriptedAgent(next.central, () => next.time.nowMs);
  again.hello();
  await next.time.run(300);
  for (let second = 0; second < 90; second++) again.panes(second + 1, START_MS + second * 1_000);
  await next.time.run(600);
  expect(await counts(next.central, 86_400_000)).toEqual([[90]]);
  await next.time.run(480_000);
  expect(next.central.historyCounts(next.time.nowMs)).toMatchObject({ dirtyBlocks: 0, groups: 1 });
  expect(await counts(next.central, 86_400_000)).toEqual([[90]]);
  expect(await counts(next.central, 1_000)).toEqual([Array.from({ length: 90 }, () => 1)]);
  const refused = await next.central.series({ ...query, ...more, stepMs: null, by: ["machine"] });
  expect(refused).toEqual({
    reason: "unknown_labels",
    detail: "t is kept by: site; machine is none of these labels",
  });
});
