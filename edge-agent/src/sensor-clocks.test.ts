// What sensors' clocks show tells live readings from a backlog, and a wrong clock from a right one, without believing any.
import { describe, expect, it } from "vitest";
import { SensorClocks } from "./sensor-clocks.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;

/** Readings of a series every `everyMs`, whose own time goes on by `paceMs` each. */
function send(
  clocks: SensorClocks,
  series: number,
  how: {
    readonly count: number;
    readonly fromMs: number;
    readonly everyMs?: number;
    readonly paceMs?: number;
  },
): void {
  const { count, fromMs, everyMs = 1_000, paceMs = everyMs } = how;
  for (let at = 0; at < count; at += 1) clocks.heard(series, fromMs + at * paceMs, at * everyMs);
}

describe("SensorClocks", () => {
  it("agree once more than half of those that have kept the pace of time for ten seconds do", () => {
    const clocks = new SensorClocks();
    send(clocks, 0, { count: 10, fromMs: NOW_MS });
    expect(clocks.agreed(9_000)).toBeNull();
    send(clocks, 0, { count: 12, fromMs: NOW_MS });
    send(clocks, 1, { count: 12, fromMs: NOW_MS + 1_000 });
    send(clocks, 2, { count: 12, fromMs: NOW_MS - HOUR_MS });
    expect(clocks.agreed(12_000)).toEqual({ timeMs: NOW_MS + 12_000, count: 2, isMajority: true });
    clocks.heard(3, NOW_MS + 12_500, 12_500);
    expect(clocks.agreed(13_000)).toMatchObject({ count: 2, isMajority: false });
    send(clocks, 4, { count: 12, fromMs: NOW_MS - 2 * HOUR_MS });
    expect(clocks.agreed(14_000)).toBeNull();
  });

  it("hear a backlog as no live reading, at whatever pace but that of time, alone and beside live ones", () => {
    for (const paceMs of [500, 1_300, 2_000, 60_000]) {
      const clocks = new SensorClocks();
      send(clocks, 0, { count: 500, fromMs: NOW_MS - HOUR_MS, paceMs });
      send(clocks, 1, { count: 500, fromMs: NOW_MS - HOUR_MS, paceMs });
      expect(clocks.agreed(500_000), `${paceMs}`).toBeNull();
    }
    const clocks = new SensorClocks();
    for (let at = 0; at < 60; at += 1) {
      clocks.heard(0, NOW_MS + at * 1_000, at * 1_000);
      clocks.heard(0, NOW_MS - HOUR_MS + at * 7_000, at * 1_000);
    }
    expect(clocks.agreed(60_000)).toMatchObject({ timeMs: NOW_MS + 60_000, count: 1 });
    expect(clocks.lateMs(0, NOW_MS - HOUR_MS + 60_000, 60_000)).toBe(HOUR_MS);
    expect(clocks.lateMs(0, NOW_MS + 59_000, 60_000)).toBe(0);
  });

  it("follow one that drifts, and one that is set", () => {
    const clocks = new SensorClocks();
    send(clocks, 0, { count: 10_000, fromMs: NOW_MS, paceMs: 1_001 });
    expect(clocks.agreed(10_000_000)?.timeMs).toBeCloseTo(NOW_MS + 10_010_000, -3);
    for (let at = 10_000; at < 10_080; at += 1) clocks.heard(0, NOW_MS + at * 1_000, at * 1_000);
    expect(clocks.agreed(10_080_000)).toMatchObject({ timeMs: NOW_MS + 10_080_000, count: 1 });
  });

  it("tell which are off, the furthest first", () => {
    const clocks = new SensorClocks();
    send(clocks, 0, { count: 12, fromMs: NOW_MS + 4_000 });
    send(clocks, 1, { count: 12, fromMs: NOW_MS + 6_000 });
    send(clocks, 70, { count: 12, fromMs: NOW_MS - HOUR_MS });
    send(clocks, 71, { count: 12, fromMs: NOW_MS - HOUR_MS, paceMs: 9_000 });
    const bounds = { aheadMsMax: 5_000, behindMsMax: 5_000 };
    expect(clocks.off({ nowMs: NOW_MS + 12_000, monotonicMs: 12_000 }, bounds)).toEqual([
      { series: 70, aheadMs: -HOUR_MS },
      { series: 1, aheadMs: 6_000 },
    ]);
  });

  it("have no say after ten minutes of silence", () => {
    const clocks = new SensorClocks();
    send(clocks, 0, { count: 12, fromMs: NOW_MS });
    expect(clocks.agreed(611_000)?.count).toBe(1);
    expect(clocks.agreed(612_000)).toBeNull();
  });
});
