// The gateway's own sensors: rates from counters, and a missing sensor is named, never invented.
import { tmpdir } from "node:os";
import type { Clock, Timer } from "@millrace/runtime";
import { MemoryLogger } from "@millrace/runtime";
import { expect, test, vi } from "vitest";
import { HostInput, type HostReading } from "./host-input.ts";
import { type HostReaders, parseNetworkBytes, systemHostReaders } from "./host-readers.ts";

/** A clock whose one timer the test fires. */
function handClock(): Clock & { nowIs(ms: number): void; fire(): void } {
  let nowMs = 0;
  let waiting: (() => void) | null = null;
  return {
    nowMs: () => 1_700_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    after(_delayMs, callback): Timer {
      waiting = callback;
      return { cancel: () => (waiting = null) };
    },
    nowIs: (ms) => (nowMs = ms),
    fire() {
      const callback = waiting;
      waiting = null;
      callback?.();
    },
  };
}

const missing = (what: string) => (): Promise<never> =>
  Promise.reject(new Error(`this system has no ${what}`));

test("percentages and rates between two looks, each temperature under its name, missing sensors with their reason", async () => {
  let look = 0;
  const readers: HostReaders = {
    cpuTimes: async () => ({ busyMs: 100 + 50 * look, totalMs: 1000 + 200 * look }),
    memoryUsedPercent: async () => 42,
    load1: missing("load average"),
    diskUsed: async (folder) => {
      if (folder === "/gone") throw new Error("there is no such folder");
      return folder.startsWith("/data/")
        ? { mount: "/data", usedPercent: 80 }
        : { mount: "/", usedPercent: 17 };
    },
    networkBytes: async () => 5000 * look,
    temperatures: async () => [
      { name: "cpu-0", celsius: 51 },
      { name: "cpu-1", celsius: 52 },
    ],
  };
  const clock = handClock();
  const readings: HostReading[] = [];
  const log = new MemoryLogger();
  const folders = ["/", "/gone", "/var/lib/millrace", "/data/millrace"];
  const input = new HostInput({
    intervalMs: 1000,
    labels: { machine: "gateway" },
    folders,
    readers,
    clock,
    log,
  });
  input.start((reading) => readings.push(reading));
  await vi.waitFor(() => expect(readings).toHaveLength(5));
  const kinds = readings.map(({ sensor }) => sensor);
  expect(kinds).toEqual(["memory", "disk", "disk", "temperature", "temperature"]);
  readings.length = 0;
  look = 1;
  clock.nowIs(2000);
  clock.fire();
  await vi.waitFor(() => expect(readings).toHaveLength(7));
  expect(
    readings.map(({ sensor, value, labels }) => [sensor, value, labels["sensor"] ?? labels["mount"]]),
  ).toEqual([
    ["cpu", 25, undefined],
    ["memory", 42, undefined],
    ["disk", 17, "/"],
    ["disk", 80, "/data"],
    ["network", 2500, undefined],
    ["temperature", 51, "cpu-0"],
    ["temperature", 52, "cpu-1"],
  ]);
  expect(readings[0]).toMatchObject({ labels: { machine: "gateway" }, timeMs: 1_700_000_002_000 });
  expect(input.status().unavailable).toEqual({ load: "this system has no load average" });
  input.stop();
});

test("network bytes: loopback and mirrors left out", () => {
  const text = `Inter-|   Receive |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo:  188193    3729    0    0    0     0          0         0   188193    3729
  eth0: 1000 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0
  ifb0: 9999 1 0 0 0 0 0 0 9999 1
 wlan0: 30 1 0 0 0 0 0 0 4 1`;
  expect(parseNetworkBytes(text)).toBe(1234);
  expect(parseNetworkBytes("lo: 1 2 3")).toBe(null);
});

test("this machine's own readers answer with plausible numbers, or a reason", async () => {
  const { busyMs, totalMs } = await systemHostReaders.cpuTimes();
  expect(busyMs).toBeLessThanOrEqual(totalMs);
  for (const percent of [
    await systemHostReaders.memoryUsedPercent(),
    (await systemHostReaders.diskUsed(tmpdir())).usedPercent,
  ]) {
    expect(percent).toBeGreaterThanOrEqual(0);
    expect(percent).toBeLessThanOrEqual(100);
  }
  expect((await systemHostReaders.diskUsed("/")).mount).toBe("/");
  expect(tmpdir().startsWith((await systemHostReaders.diskUsed(tmpdir())).mount)).toBe(true);
  const temperatures = await systemHostReaders.temperatures().catch((error: unknown) => String(error));
  if (typeof temperatures === "string") expect(temperatures).toMatch(/no temperature sensor/);
  else for (const { celsius } of temperatures) expect(celsius).toBeLessThan(200);
});
