// Who may say hello: one holder of a store at a time, under its own name, site and a wire version that is read.
import { expect, test } from "vitest";
import { activeAlarms, agentOf, start, START_MS, welcomed } from "./central-world.test-support.ts";

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
