// Commits that fail: they are tried again, a full disk is waited for, whoever waits is told, and central ends where
// nothing helps.
import { MillraceError, silentLogger } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import { expect, test } from "vitest";
import {
  countsByStart,
  DAY_MS,
  HOUR_MS,
  start,
  START_MS,
  welcomed,
  welcomedAfter,
} from "./central-world.test-support.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";

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
  ask("taken", world.central.retire({ site: "beta" }));
  await world.time.run(10);
  ask("not taken yet", world.central.setAgents([{ id: "alpha-1", site: "alpha" }]));
  askSeries("series");
  await world.time.run(100);
  expect(outcomes).toEqual({ taken: "waits", "not taken yet": "waits", series: "waits" });
  return { world, commit, underWay, ask, outcomes, askSeries };
}

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
