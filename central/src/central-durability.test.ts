// Nothing is said or shown before it is durable, and a crash at any commit changes nothing in the end.
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { agentOf, ALL, start, START_MS, welcomed } from "./central-world.test-support.ts";
import type { World } from "./central-world.test-support.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { EmbeddedLog } from "./log/embedded-log.ts";
import type { LogGap, LogTurn } from "./log/uplink-log.ts";

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
