// Rules on records through the whole of central, with the shipped pipeline: the tenth stranger raises, with the ten as evidence,
// once, whatever dies between any two commits; what is known is known for long, in a store that does not grow without bound.
import path from "node:path";
import { loadPipeline } from "@millrace/config";
import type { DistinctRule } from "@millrace/config";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Central, CentralOptions } from "../central.ts";
import { keysUnder } from "../store/central-keys.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "./open-central.test-support.ts";
import { bytesOf, ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_040_000;
const { config: PIPELINE } = loadPipeline(
  path.resolve(import.meta.dirname, "../../../pipelines/transfers.yaml"),
);
const [RULE] = PIPELINE.distinctRules;

const withRule = (changes: Partial<DistinctRule>) => ({
  ...PIPELINE,
  distinctRules: [{ ...RULE, ...changes }],
});

async function start(
  store = new CrashingStore(),
  {
    time = new SimulatedTime(NOW),
    pipeline = PIPELINE,
  }: { time?: SimulatedTime; pipeline?: CentralOptions["pipeline"] } = {},
) {
  const records = [{ ...ORDERS, name: "transfers", dedupeIdsMax: 1_000_000 }];
  const central = await openCentral({ agents: [], pipeline, records, store, clock: time.clock() });
  return { time, store, central };
}

let transferCount = 0;
function transfer(from: string, to: string, timeMs: number): Uint8Array {
  transferCount += 1;
  const time = new Date(timeMs).toISOString();
  return bytesOf({ transfer_id: `t${transferCount}`, time, from, to, amount: transferCount / 100 });
}

const ten = (from: string, startMs: number, stepMs = 1_000): Uint8Array[] =>
  Array.from({ length: 10 }, (_, index) => transfer(from, `p${index}`, startMs + index * stepMs));

function post(central: Central, values: readonly Uint8Array[]) {
  return central.offerRecords("transfers", {
    partition: 0,
    values,
    offsets: null,
    nextOffset: null,
    isAtEnd: true,
  });
}

async function stored(store: CrashingStore, prefix: string): Promise<number> {
  let count = 0;
  for await (const _ of store.range(keysUnder(prefix))) count += 1;
  return count;
}

test("the tenth stranger raises an alarm in the commit of its record, with the ten as evidence; it ends when the first has left", async () => {
  const { central, time } = await start();
  const shown: string[] = [];
  central.subscribe(({ alarms }) => shown.push(...alarms.map(({ isActive, step }) => `${step} ${isActive}`)));
  const transfers = ten("a1", NOW - 20_000);
  void post(central, [...transfers.slice(0, 9), ...transfers.slice(0, 3)]);
  await time.run(100);
  expect(central.alarms()).toEqual([]);
  const outcome = post(central, transfers.slice(9));
  await time.run(10);
  expect(await outcome).toMatchObject({ taken: 1 });
  const [alarm] = central.alarms();
  expect(alarm).toMatchObject({
    agent: "",
    site: "",
    rule: "pays_strangers",
    labels: { account: "a1" },
    severity: 900,
    isActive: true,
    isHistorical: false,
    activeAtMs: NOW - 11_000,
    value: 10,
    limit: 10,
    message: "pays ten strangers within five minutes",
  });
  expect(alarm.evidence?.map(({ labels }) => labels["payee"])).toEqual(
    Array.from({ length: 10 }, (_, index) => `p${index}`),
  );
  expect(alarm.evidence?.[9]).toMatchObject({ timeMs: NOW - 11_000, value: expect.any(Number) });
  expect(new Set(alarm.evidence?.map(({ id }) => id)).size).toBe(10);
  // The stream falls silent: its time goes on by itself.
  await time.run(360_000);
  expect(central.alarms()).toMatchObject([{ isActive: false, step: 2, clearedAtMs: NOW - 20_000 + 300_000 }]);
  expect(shown).toEqual(["1 true", "2 false"]);
});

test("a rule judges records that are in no window", async () => {
  const { central, time } = await start(new CrashingStore(), { pipeline: { ...PIPELINE, windows: [] } });
  const outcome = post(central, ten("a1", NOW - 20_000));
  await time.run(10);
  expect(await outcome).toMatchObject({ taken: 10, tooLate: 0 });
  expect(central.alarms()).toMatchObject([{ rule: "pays_strangers", isActive: true }]);
});

test("whom an account has paid before it knows, over a restart and a day, until it has not paid him for 90 days", async () => {
  let world = await start();
  const { time } = world;
  const day = 86_400_000;
  // Never ten within five minutes.
  void post(world.central, ten("a3", NOW - 100 * day, 60_000));
  void post(world.central, ten("a1", NOW - 92 * day, 60_000));
  void post(world.central, ten("a2", NOW - 80 * day, 60_000));
  void post(world.central, ten("a3", NOW - 79 * day, 60_000));
  await time.run(1_000);
  world = await start(new CrashingStore(world.store.snapshot()), { time });
  expect(world.central.recordStreams()[0].rules).toEqual([
    { rule: "pays_strangers", known: 30, keys: expect.any(Number), forgotten: 0 },
  ]);
  void post(
    world.central,
    ["a1", "a2", "a3"].flatMap((account) => ten(account, NOW - 10_000)),
  );
  await time.run(10);
  expect(world.central.alarms()).toMatchObject([{ labels: { account: "a1" } }]);
});

test("a record that comes again with another payee is not judged", async () => {
  const { central, time } = await start();
  const nine = ten("a1", NOW - 20_000).slice(0, 9);
  const again = bytesOf(new TextDecoder().decode(nine[0]).replace("p0", "p10"));
  void post(central, [...nine, again]);
  await time.run(10);
  expect(central.recordStreams()[0].totals).toMatchObject({ aggregated: 9, duplicates: 1, altered: 1 });
  expect(central.alarms()).toEqual([]);
});

test("what a source brings that was away for longer than records may come late is judged all the same", async () => {
  const { central, time } = await start();
  void post(central, [transfer("a0", "p", NOW)]);
  await time.run(2_400_000);
  void post(central, ten("a1", NOW + 60_000));
  await time.run(10);
  expect(central.alarms()).toMatchObject([{ labels: { account: "a1" }, isActive: true }]);
  await time.run(500);
  expect(central.alarms()).toMatchObject([{ isActive: false, clearedAtMs: NOW + 360_000 }]);
});

test("of long ago it is historical: for the record, nobody is notified", async () => {
  const { central, time } = await start();
  void post(central, ten("a1", NOW - 7_200_000));
  await time.run(10);
  expect(central.alarms()).toMatchObject([{ isHistorical: true }]);
});

test("a crash at every commit, before or after it: each alarm once, with the same evidence", async () => {
  const accounts = ["a1", "a2", "a3"];
  const batches = Array.from({ length: 5 }, (_, at) =>
    accounts.flatMap((account) => ten(account, NOW - 100_000).slice(2 * at, 2 * at + 2)),
  );
  const run = async (commit: number, fate: "crash_before" | "crash_after" | "refused") => {
    let world = await start();
    const { time } = world;
    const steps: string[] = [];
    const listen = (central: Central) =>
      central.subscribe(({ alarms }) => steps.push(...alarms.map(({ id, step }) => `${id} ${step}`)));
    let unlisten = listen(world.central);
    const restart = async () => {
      unlisten();
      world = await start(new CrashingStore(world.store.snapshot()), { time });
      unlisten = listen(world.central);
    };
    world.store.fate = (each) => (each === commit ? fate : "done");
    for (const batch of batches) {
      for (;;) {
        let isAnswered = false;
        void post(world.central, batch)?.then(
          () => (isAnswered = true),
          () => "to be sent again",
        );
        await time.run(2_000);
        if (isAnswered) break;
        await restart();
      }
    }
    // A process that hangs in a commit nobody waits for dies here.
    await restart();
    await time.run(400_000);
    const alarms = world.central
      .alarms()
      .map(({ receivedAtMs: _, firstReceivedAtMs: _first, ...alarm }) => alarm);
    return { alarms: alarms.sort((a, b) => (a.id < b.id ? -1 : 1)), steps };
  };
  const whole = await run(-1, "refused");
  expect(whole.alarms.map(({ labels, step }) => [labels["account"], step])).toEqual(
    accounts.map((account) => [account, 2]),
  );
  for (let commit = 1; commit <= 10; commit += 1)
    for (const fate of ["crash_before", "crash_after", "refused"] as const) {
      const { alarms, steps } = await run(commit, fate);
      expect(alarms).toEqual(whole.alarms);
      // What was committed and not shown is in the book, and is not shown again.
      expect(new Set(steps).size).toBe(steps.length);
    }
});

test("payees that are paid again and again leave no trail in the store, and are known all the same", async () => {
  const { central, time, store } = await start();
  const accounts = Array.from({ length: 2_000 }, (_, index) => `a${index}`);
  void post(
    central,
    Array.from({ length: 50 }, (_, index) => transfer(`b${index}`, "p0", NOW)),
  );
  for (let round = 0; round < 60; round += 1) {
    void post(
      central,
      accounts.map((account) => transfer(account, "p0", NOW + round * 10_000)),
    );
    await time.run(10_000);
  }
  expect(central.recordStreams()[0].rules).toMatchObject([{ known: 2_050, forgotten: 0 }]);
  // As many superseded ones as are kept beside: 65,536 in entries of 2,000, and what is known.
  expect(await stored(store, "p")).toBeLessThan(40);
  const again = await start(new CrashingStore(store.snapshot()), { time });
  expect(again.central.recordStreams()[0].rules).toMatchObject([{ known: 2_050 }]);
  void post(again.central, [...ten("a1", NOW + 600_000).slice(1), transfer("a1", "p0", NOW + 610_000)]);
  await time.run(10);
  expect(again.central.alarms()).toEqual([]);
});

test("keys that have had nothing new for long leave the store", async () => {
  const { central, time, store } = await start();
  void post(
    central,
    Array.from({ length: 100 }, (_, index) => transfer(`a${index}`, "p", NOW)),
  );
  await time.run(300);
  expect(await stored(store, "n")).toBe(100);
  await time.run(1_000_000);
  // A source that was away may still bring what lies before.
  expect(await stored(store, "n")).toBe(100);
  void post(central, [transfer("a0", "p", NOW + 1_000_000)]);
  await time.run(300);
  expect(await stored(store, "n")).toBe(0);
  expect(central.recordStreams()[0].rules).toMatchObject([{ known: 100, keys: 0 }]);
});

test("more keys in a commit than a call takes arguments: they come and go all the same", async () => {
  const { central, time, store } = await start();
  const paidBy = (accounts: string, timeMs: number) =>
    post(
      central,
      Array.from({ length: 50_000 }, (_, index) => transfer(`${accounts}${index}`, "p", timeMs)),
    );
  for (const accounts of ["a", "b"]) {
    void paidBy(accounts, NOW - 86_400_000);
    await time.run(1);
  }
  await time.run(10);
  expect(central.recordStreams()[0].rules).toMatchObject([{ keys: 100_000 }]);
  void paidBy("c", NOW);
  await time.run(1_000);
  expect(central.recordStreams()[0].rules).toMatchObject([{ known: 150_000, keys: 50_000 }]);
  expect(await stored(store, "n")).toBe(50_000);
});

test("more pairs than are to be known: the oldest are forgotten, and counted, over a restart too", async () => {
  const pipeline = withRule({ knownMax: 500 });
  const { central, time, store } = await start(undefined, { pipeline });
  for (let round = 0; round < 10; round += 1) {
    void post(
      central,
      Array.from({ length: 300 }, (_, index) => transfer(`a${index}`, `p${round}`, NOW + round * 600_000)),
    );
    await time.run(600_000);
  }
  const [{ known, forgotten }] = central.recordStreams()[0].rules;
  expect(known).toBeLessThanOrEqual(900);
  expect(known + forgotten).toBe(3_000);
  const again = await start(new CrashingStore(store.snapshot()), { time, pipeline });
  expect(again.central.recordStreams()[0].rules).toMatchObject([{ known, forgotten }]);
});

test.each([
  ["gone", { ...PIPELINE, distinctRules: [] }, "rule_removed"],
  ["about something else", withRule({ value: { name: "payee", path: ["payee"] } }), "condition_changed"],
])(
  "a rule that is %s: its alarm ends, with the reason, and its state is left",
  async (_, pipeline, endReason) => {
    const { central, time, store } = await start();
    void post(central, ten("a1", NOW - 20_000));
    await time.run(300);
    expect(central.alarms()).toMatchObject([{ isActive: true }]);
    const changed = await start(new CrashingStore(store.snapshot()), { time, pipeline });
    await time.run(300);
    expect(changed.central.alarms()).toMatchObject([{ isActive: false, endReason, step: 2 }]);
    expect([await stored(changed.store, "p"), await stored(changed.store, "n")]).toEqual([0, 0]);
    const back = await start(new CrashingStore(changed.store.snapshot()), { time });
    expect(back.central.recordStreams()[0].rules).toMatchObject([{ known: 0, keys: 0 }]);
    expect(back.central.alarms()).toMatchObject([{ isActive: false }]);
  },
);
