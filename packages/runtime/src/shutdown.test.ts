// Shutdown: steps in order, each bounded; a stuck or failing step does not hold the next one; the second signal forces.
import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { MemoryLogger } from "./memory-logger.ts";
import { onStopSignals, Shutdown } from "./shutdown.ts";

/** Timers fire only when the test says so. */
function manualClock(): Clock & { fire(): void } {
  const timers = new Set<() => void>();
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after(_delayMs, callback) {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
    fire() {
      for (const callback of timers) callback();
    },
  };
}

test("runs the steps in order, once", async () => {
  const done: string[] = [];
  const shutdown = new Shutdown({ clock: manualClock(), log: new MemoryLogger() });
  shutdown.add({ name: "inputs", limitMs: 10, run: async () => void done.push("inputs") });
  shutdown.add({ name: "store", limitMs: 10, run: () => void done.push("store") });
  expect(shutdown.isStopping).toBe(false);
  const both = await Promise.all([shutdown.stop("SIGTERM"), shutdown.stop("SIGINT")]);
  expect(both).toEqual([true, true]);
  expect(done).toEqual(["inputs", "store"]);
  expect(shutdown.isStopping).toBe(true);
});

test("a failing step and a stuck step are named, and the rest still runs", async () => {
  const clock = manualClock();
  const log = new MemoryLogger();
  const shutdown = new Shutdown({ clock, log });
  let isStoreClosed = false;
  shutdown.add({ name: "inputs", limitMs: 5, run: () => Promise.reject(new Error("socket gone")) });
  shutdown.add({
    name: "uplink",
    limitMs: 2000,
    run() {
      queueMicrotask(() => clock.fire());
      return new Promise(() => {});
    },
  });
  shutdown.add({ name: "store", limitMs: 5, run: () => void (isStoreClosed = true) });
  expect(await shutdown.stop("test")).toBe(false);
  expect(isStoreClosed).toBe(true);
  expect(log.messages("error")).toEqual([
    "cannot stop inputs: socket gone",
    "cannot stop uplink: it did not end within 2000 ms",
  ]);
});

test("the first signal stops, a second one forces, but not one that comes within a second of the first", () => {
  const source = new EventEmitter();
  let nowMs = 5_000;
  const calls: string[] = [];
  const off = onStopSignals(
    { stop: (s) => calls.push(`stop ${s}`), force: (s) => calls.push(`force ${s}`) },
    { source, clock: { monotonicMs: () => nowMs } },
  );
  source.emit("SIGINT");
  source.emit("SIGINT");
  nowMs += 1_000;
  source.emit("SIGTERM");
  expect(calls).toEqual(["stop SIGINT"]);
  nowMs += 1;
  source.emit("SIGTERM");
  off();
  source.emit("SIGINT");
  expect(calls).toEqual(["stop SIGINT", "force SIGTERM"]);
});
