// What systemd is told: that a start goes on, READY once, keep-alives while nothing is stuck, and the stop; never two at once.
import { MemoryLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { serviceManager, ServiceManager, type ServiceState } from "./service-manager.ts";

function managed(watchdogMs: number | null) {
  const time = new SimulatedTime(0);
  const told: string[][] = [];
  const log = new MemoryLogger();
  const world = { isAnswering: true, failures: 0, state: { text: "well", stuck: null } as ServiceState };
  const manager = new ServiceManager({
    clock: time.clock(),
    log,
    watchdogMs,
    monotonicUs: () => BigInt(5_000_000 + 1_000 * time.nowMs),
    notify: (lines) => {
      told.push([...lines]);
      if (world.failures-- > 0) return Promise.reject(new Error("no such socket"));
      return world.isAnswering ? Promise.resolve() : new Promise(() => undefined);
    },
  });
  return { time, told, log, world, manager };
}

test("a long start asks for more time until it is ready, once", async () => {
  const { time, told, manager, world } = managed(null);
  manager.starting();
  await time.run(31_000);
  expect(told).toEqual(Array.from({ length: 3 }, () => ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=starting"]));
  manager.ready(() => world.state);
  await time.run(120_000);
  expect(told.slice(3)).toEqual([["READY=1", "STATUS=well"]]);
});

test("READY is told though an earlier message is still under way, and again when it fails", async () => {
  const { time, told, manager, world } = managed(null);
  manager.starting();
  manager.ready(() => world.state);
  await time.run(1);
  expect(told.at(-1)).toEqual(["READY=1", "STATUS=well"]);

  const failing = managed(null);
  failing.world.failures = 1;
  failing.manager.ready(() => failing.world.state);
  await failing.time.run(61_000);
  expect(failing.told).toEqual([
    ["READY=1", "STATUS=well"],
    ["READY=1", "STATUS=well"],
  ]);
  expect(failing.log.messages("warn")).toEqual(["cannot tell the service manager"]);
});

test("keep-alives come twice within the watchdog's time, and none while the program is stuck", async () => {
  const { time, told, log, manager, world } = managed(10_000);
  manager.ready(() => world.state);
  await time.run(10_000);
  expect(told.flat()).toEqual(["READY=1", "STATUS=well", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  world.state = { text: "well", stuck: "the rules stand still" };
  await time.run(60_000);
  expect(told.slice(3)).toEqual([["STATUS=stuck: the rules stand still"]]);
  expect(log.messages("error")).toHaveLength(12);
  world.state = { text: "well\nagain", stuck: null };
  await time.run(5_000);
  expect(told.at(-1)).toEqual(["STATUS=well again", "WATCHDOG=1"]);
});

test("a manager that does not answer gathers no messages; the stop ends the keep-alives", async () => {
  const { time, told, manager, world } = managed(2_000);
  world.isAnswering = false;
  manager.ready(() => world.state);
  await time.run(60_000);
  expect(told).toHaveLength(1);

  const stopped = managed(2_000);
  stopped.manager.ready(() => stopped.world.state);
  await stopped.time.run(500);
  stopped.manager.stopping();
  await stopped.time.run(60_000);
  expect(stopped.told.at(-1)).toEqual(["STOPPING=1", "STATUS=stopping"]);
  expect(stopped.told).toHaveLength(2);
});

test("a reload is told with its time, and READY after it, never in one message", async () => {
  const { time, told, manager, world } = managed(null);
  manager.reloading()();
  expect(told).toEqual([]);
  manager.ready(() => world.state);
  // While READY is still under way.
  manager.reloading()();
  await time.run(1);
  const reloading = (timeUs: number) => ["RELOADING=1", `MONOTONIC_USEC=${timeUs}`];
  expect(told).toEqual([["READY=1", "STATUS=well"], reloading(5_000_000), ["READY=1"]]);

  await time.run(10);
  const [first, second] = [manager.reloading(), manager.reloading()];
  await time.run(1);
  first();
  await time.run(1);
  expect(told.slice(3)).toEqual([reloading(5_011_000), reloading(5_011_000)]);
  second();
  await time.run(1);
  expect(told.slice(5)).toEqual([["READY=1"]]);

  const last = manager.reloading();
  manager.stopping();
  last();
  await time.run(1);
  expect(told.at(-1)).toEqual(["STOPPING=1", "STATUS=stopping"]);
});

test("there is a manager where NOTIFY_SOCKET says so", () => {
  const world = { clock: new SimulatedTime(0).clock(), log: new MemoryLogger() };
  expect(serviceManager(world, {})).toBeUndefined();
  expect(serviceManager(world, { NOTIFY_SOCKET: "" })).toBeUndefined();
  expect(serviceManager(world, { NOTIFY_SOCKET: "@x" })).toBeInstanceOf(ServiceManager);
});
