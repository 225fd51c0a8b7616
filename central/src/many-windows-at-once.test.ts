// Very many windows that end at one moment: what a commit takes up stays bounded, what is live goes on meanwhile, and kill -9 anywhere
// between them changes nothing of the outcome.
import type { Change } from "@millrace/queue";
import { silentLogger } from "@millrace/runtime";
import { paneLayout, PaneTable } from "@millrace/stream";
import type { WindowSpec } from "@millrace/stream";
import { SeededRandom, SimulatedTime, testFrontier } from "@millrace/testkit";
import { encodePaneBatch } from "@millrace/wire";
import { expect, test } from "vitest";
import { Central } from "./central.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { AMOUNT, bytesOf, ORDERS } from "./records/staged-records.test-support.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

const START_MS = 1_700_000_000_000;
const SECONDS = 40;
const END_MS = START_MS + SECONDS * 1_000;
const MACHINES = Array.from({ length: 20 }, (_, machine) => String(machine));
const WINDOW_COUNT = SECONDS * MACHINES.length;
const TICK_BYTES_MAX = 50_000;

/** A store that knows how large its largest commit was. */
class MeasuredStore extends CrashingStore {
  bytesMax = 0;
  /** How long each takes. */
  wait: () => Promise<void> = () => Promise.resolve();

  override async commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void> {
    let bytes = 0;
    for (const change of changes)
      bytes += change.key.length + (change.type === "put" ? change.value.length : 0);
    this.bytesMax = Math.max(this.bytesMax, bytes);
    await this.wait();
    await super.commit(changes, options);
  }
}

interface Life {
  readonly central: Central;
  readonly store: MeasuredStore;
  agent(site: string): ScriptedAgent;
  /** Kills it: what the next life finds. */
  kill(): MeasuredStore;
}

async function live(
  time: SimulatedTime,
  store: MeasuredStore,
  windows: readonly WindowSpec[] = [],
): Promise<Life> {
  let isAlive = true;
  const central = new Central({
    agents: ["alpha", "beta"].map((site) => ({ id: `${site}-1`, site })),
    pipeline: { metrics: [METRIC, AMOUNT], windows: [{ ...WINDOW, by: ["machine"] }, ...windows] },
    records: [ORDERS],
    graceMs: 2_000,
    retainMs: 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    silentAfterMs: 3_000,
    tickBytesMax: TICK_BYTES_MAX,
    store,
    clock: time.clock({ isAlive: () => isAlive }),
    random: new SeededRandom(1),
    log: silentLogger,
    compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
  });
  await central.open();
  return {
    central,
    store,
    agent: (site) =>
      new ScriptedAgent(central, () => Math.floor(time.nowMs), {
        agent: `${site}-1`,
        site,
        storeId: site.charCodeAt(0).toString(16).padStart(32, "0"),
      }),
    kill() {
      isAlive = false;
      return new MeasuredStore(store.snapshot());
    },
  };
}

/** Alpha hands all over; every window waits for beta then. */
async function waiting(time: SimulatedTime, windows?: readonly WindowSpec[]): Promise<Life> {
  const life = await live(time, new MeasuredStore(), windows);
  const alpha = life.agent("alpha");
  alpha.hello();
  await time.run(10);
  for (let second = 0; second < SECONDS; second++) {
    const table = new PaneTable("t", paneLayout(1_000, ["mean"]), { rowsMax: 1_000 });
    for (const machine of MACHINES.keys()) table.add(machine, START_MS + second * 1_000, machine);
    const section = table.take((machine) => ({ site: "alpha", machine: MACHINES[machine] }));
    const body = encodePaneBatch({
      frontier: testFrontier({ number: second + 1, watermarkMs: END_MS }),
      sections: [section],
    });
    alpha.batch(second + 1, body, { readingCount: MACHINES.length, startMs: START_MS, endMs: END_MS });
  }
  await time.run(SECONDS * 1_000 + 3_000);
  return life;
}

async function resolved(time: SimulatedTime, { agent }: Life): Promise<void> {
  const beta = agent("beta");
  beta.hello();
  await time.run(10);
  beta.beat({ watermarkMs: END_MS });
  await time.run(1_000);
}

async function outcome({ central }: Life): Promise<string[]> {
  const query = { window: "t_1s", group: {}, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: WINDOW_COUNT };
  const { windows } = await central.windows({ ...query, cursor: null });
  return windows.map(
    ({ startMs, group, revision, state, values }) =>
      `${startMs} ${group["machine"]} ${revision} ${state} ${values["count"]} ${values["mean"]}`,
  );
}

test("an agent's return that ends hundreds of windows makes many small commits, and every window is published complete once", async () => {
  const time = new SimulatedTime(START_MS);
  const life = await waiting(time);
  life.store.bytesMax = 0;
  const published = new Map<string, number>();
  life.central.subscribe(({ windows }) => {
    for (const { startMs, group, state } of windows) {
      const place = `${startMs} ${group["machine"]} ${state}`;
      published.set(place, (published.get(place) ?? 0) + 1);
    }
  });
  const before = life.store.triedCount;
  await resolved(time, life);
  expect(life.store.bytesMax).toBeLessThan(1.5 * TICK_BYTES_MAX);
  expect(life.store.triedCount - before).toBeGreaterThan(4);
  expect(published.size).toBe(WINDOW_COUNT);
  expect([...published].filter(([place, count]) => count > 1 || !place.endsWith(" complete"))).toEqual([]);
  await life.central.close();
});

test("a record waits for none of those windows", async () => {
  const time = new SimulatedTime(START_MS);
  const life = await waiting(time);
  const { central, store } = life;
  store.bytesMax = 0;
  const beta = life.agent("beta");
  beta.hello();
  await time.run(10);
  const offered: Promise<unknown>[] = [];
  const untold: number[] = [];
  let publishedCount = 0;
  central.subscribe(({ windows }) => {
    publishedCount += windows.length;
    // The first results are out, most are not.
    if (windows.length === 0 || offered.length > 0) return;
    const order = { id: 1, t: Math.floor(time.nowMs), region: "北京", amount: 2, payment: "paid" };
    const values = [bytesOf(order)];
    const batch = { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
    const answered = central
      .offerRecords("orders", batch)
      ?.then(() => untold.push(WINDOW_COUNT - publishedCount));
    if (answered !== undefined) offered.push(answered);
  });
  beta.beat({ watermarkMs: END_MS });
  await time.run(1_000);
  await Promise.all(offered);
  expect(publishedCount).toBe(WINDOW_COUNT);
  expect(untold[0]).toBeGreaterThan(WINDOW_COUNT / 2);
  expect(store.bytesMax).toBeLessThan(1.5 * TICK_BYTES_MAX);
  await central.close();
});

const BY_REGION = { ...WINDOW, metric: "amount", sizeMs: 60_000, slideMs: 60_000, by: ["region"] };
const OF_ORDERS = [
  { ...BY_REGION, name: "amount_1m" },
  { ...BY_REGION, name: "amount_2m", sizeMs: 120_000, slideMs: 120_000 },
];

/** Each of a region of its own. */
function orders(count: number, timeMs: number) {
  const values = Array.from({ length: count }, (_, id) =>
    bytesOf({ id, t: timeMs, region: `r${id}`, amount: 2, payment: "paid" }),
  );
  return { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
}

test("records that open more windows than a tick shows wait for those: they do not become more and more", async () => {
  const time = new SimulatedTime(START_MS);
  const life = await waiting(time, OF_ORDERS);
  const { central, store } = life;
  const beta = life.agent("beta");
  beta.hello();
  await time.run(10);
  // Longer than it takes until a tick looks anew which windows are due.
  store.wait = () => new Promise((resolve) => time.clock().after(300, resolve));
  const count = 2_000;
  const offered: unknown[] = [];
  const shown = new Set<string>();
  let unshownMax = 0;
  central.subscribe(({ windows }) => {
    for (const { window, group } of windows) if (window !== "t_1s") shown.add(`${window} ${group["region"]}`);
    unshownMax = Math.max(unshownMax, (central.counts.engine?.windowsOpen ?? 0) - shown.size);
    if (windows.length === 0 || offered.length > 0) return;
    offered.push(central.offerRecords("orders", orders(count, Math.floor(time.nowMs))));
  });
  beta.beat({ watermarkMs: END_MS });
  await time.run(40_000);
  expect(await Promise.all(offered)).toMatchObject([{ taken: count }]);
  expect(shown.size).toBe(2 * count);
  expect(unshownMax).toBeLessThan(2 * WINDOW_COUNT);
  store.wait = () => Promise.resolve();
  await time.run(1_000);
  await central.close();
});

test("an agent's backlog waits for no backlog of records whose windows fill the commits", async () => {
  const time = new SimulatedTime(START_MS);
  const { central, store, agent } = await waiting(time, OF_ORDERS);
  const beta = agent("beta");
  beta.hello();
  await time.run(10);
  store.wait = () => new Promise((resolve) => time.clock().after(300, resolve));
  const offered: unknown[] = [];
  const waitedBytes: number[] = [];
  central.subscribe(({ windows }) => {
    if (beta.acks.backfill === 1) waitedBytes.push(central.recordStreams()[0].waitingBytes);
    if (windows.length === 0 || offered.length > 0) return;
    beta.panes(1, START_MS, { lane: "backfill" });
    for (let part = 0; part < 3; part += 1)
      offered.push(central.offerRecords("orders", orders(60_000, Math.floor(time.nowMs) + part)));
  });
  beta.beat({ watermarkMs: END_MS });
  await time.run(10_000);
  expect(waitedBytes[0]).toBeGreaterThan(0);
  store.wait = () => Promise.resolve();
});

test("kill -9 at any of those commits ends in what an undisturbed central has", async () => {
  const time = new SimulatedTime(START_MS);
  const waited = (await waiting(time)).kill();
  const begun = () => live(time, new MeasuredStore(waited.snapshot()));
  const whole = await begun();
  await resolved(time, whole);
  const expected = await outcome(whole);
  expect(expected).toHaveLength(WINDOW_COUNT);
  expect(whole.store.triedCount).toBeGreaterThan(6);
  for (const [nth, fate] of [
    [2, "crash_before"],
    [3, "crash_after"],
    [5, "crash_before"],
  ] as const) {
    const first = await begun();
    first.store.fate = (commit) => (commit >= nth ? fate : "done");
    await resolved(time, first);
    const second = await live(time, first.kill());
    await resolved(time, second);
    expect({ nth, outcome: await outcome(second) }).toEqual({ nth, outcome: expected });
  }
});
