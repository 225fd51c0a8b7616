// One wrong clock moves nothing: neither a sensor's nor the gateway's own.
import { SimulatedTime } from "@millrace/testkit";
import { describe, expect, it } from "vitest";
import { ClockGuard } from "./clock-guard.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;
const FLOOR_MS = Date.UTC(2020, 0, 1);

function guardAt(wallMs: number, durableTimeMs: number | null) {
  const time = new SimulatedTime(wallMs);
  const wall = { offsetMs: 0 };
  const clock = time.clock({ offsetMs: () => wall.offsetMs });
  const guard = new ClockGuard({ clock, maxFutureMs: 5_000, floorMs: FLOOR_MS, durableTimeMs });
  return { time, wall, guard };
}

describe("ClockGuard", () => {
  it("takes readings up to maxFutureMs ahead and not before the floor", () => {
    const { guard } = guardAt(NOW_MS, null);
    expect(guard.judge(NOW_MS + 5_000)).toBe("plausible");
    expect(guard.judge(NOW_MS + 5_001)).toBe("future");
    expect(guard.judge(FLOOR_MS)).toBe("plausible");
    expect(guard.judge(FLOOR_MS - 1)).toBe("before_floor");
  });

  it("goes on from the stored time when the gateway starts in the past", async () => {
    const { time, guard } = guardAt(0, NOW_MS);
    expect(guard.isSynchronised).toBe(false);
    await time.run(10_000);
    expect(guard.nowMs()).toBe(NOW_MS + 10_000);
    expect(guard.judge(NOW_MS + 14_000)).toBe("plausible");
    expect(guard.judge(NOW_MS + 16_000)).toBe("future");
  });

  it("lets go of a time stored under a wrong clock once central agrees with the wall clock", async () => {
    const { time, guard } = guardAt(NOW_MS, NOW_MS + DAY_MS);
    await time.run(1_000);
    expect(guard.judge(NOW_MS + DAY_MS)).toBe("plausible");
    expect(guard.witness({ centralMs: NOW_MS + 1_000, roundTripMs: 20 })).toEqual({
      fromMs: NOW_MS + DAY_MS + 1_000,
      nowMs: NOW_MS + 1_000,
      latestMs: NOW_MS + 6_000,
    });
    expect([guard.nowMs(), guard.isSynchronised]).toEqual([NOW_MS + 1_000, true]);
    expect(guard.judge(NOW_MS + 7_000)).toBe("future");
  });

  it("keeps it while they do not agree; an answer long under way may be as much older", () => {
    const { guard } = guardAt(NOW_MS, NOW_MS + DAY_MS);
    for (const centralMs of [NOW_MS + DAY_MS, NOW_MS + 60_001, NOW_MS - 60_021]) {
      expect(guard.witness({ centralMs, roundTripMs: 20 })).toBeUndefined();
      expect([guard.nowMs(), guard.isSynchronised]).toEqual([NOW_MS + DAY_MS, false]);
    }
    expect(guard.witness({ centralMs: NOW_MS - 60_020, roundTripMs: 20 })).toBeDefined();
  });

  it("refuses no sensor whose clock is right where it is itself a little behind central, now and after a jump back", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    wall.offsetMs = -47_000;
    expect(guard.judge(NOW_MS)).toBe("future");
    expect(guard.witness({ centralMs: NOW_MS, roundTripMs: 20 })).toEqual({
      fromMs: NOW_MS,
      nowMs: NOW_MS - 47_000,
      latestMs: NOW_MS + 5_000,
    });
    for (const offsetMs of [-47_000, 0, -50_000]) {
      wall.offsetMs = offsetMs;
      await time.run(10_000);
      const nowMs = time.nowMs;
      expect([nowMs, nowMs + 5_000, nowMs + 5_001].map((timeMs) => guard.judge(timeMs))).toEqual([
        "plausible",
        "plausible",
        "future",
      ]);
      expect(guard.arePlausible(Float64Array.of(nowMs, nowMs + 5_000), 2)).toBe(true);
      expect(guard.arePlausible(Float64Array.of(nowMs, nowMs + 5_001), 2)).toBe(false);
      expect(guard.readingsEndMs()).toBe(nowMs + 5_001);
    }
  });

  it("takes nothing back where an answer is only slow: central's clock is what it was known to be", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    wall.offsetMs = -47_000;
    guard.witness({ centralMs: NOW_MS, roundTripMs: 20 });
    for (const roundTripMs of [4_000, 20, 3_000]) {
      await time.run(10_000);
      const step = guard.witness({ centralMs: time.nowMs - roundTripMs, roundTripMs });
      expect(step?.latestMs).toBe(time.nowMs + 5_000);
    }
    // Set back meanwhile: it is.
    expect(guard.witness({ centralMs: time.nowMs - 9_000, roundTripMs: 20 })?.latestMs).toBe(
      time.nowMs - 4_000,
    );
  });

  it("lets readings lie ahead of the wall clock where central's is behind it", () => {
    const { guard } = guardAt(NOW_MS, null);
    guard.witness({ centralMs: NOW_MS - 47_000, roundTripMs: 20 });
    expect([NOW_MS + 5_000, NOW_MS + 5_001].map((timeMs) => guard.judge(timeMs))).toEqual([
      "plausible",
      "future",
    ]);
  });

  it("holds a proven time against a clock that jumps back afterwards", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    guard.witness({ centralMs: NOW_MS, roundTripMs: 20 });
    wall.offsetMs = -DAY_MS;
    await time.run(1_000);
    expect([guard.nowMs(), guard.isSynchronised]).toEqual([NOW_MS + 1_000, false]);
  });

  it("has a steady time that no jump moves, and that goes on from a proven clock", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    wall.offsetMs = DAY_MS;
    await time.run(1_000);
    expect([guard.nowMs(), guard.steadyMs()]).toEqual([NOW_MS + DAY_MS + 1_000, NOW_MS + 1_000]);
    guard.witness({ centralMs: NOW_MS + 1_000, roundTripMs: 20 });
    expect(guard.steadyMs()).toBe(NOW_MS + 1_000);
    guard.witness({ centralMs: NOW_MS + DAY_MS + 1_000, roundTripMs: 20 });
    expect(guard.steadyMs()).toBe(NOW_MS + DAY_MS + 1_000);
  });

  it("holds what sensors have told against a clock that jumps back, while it was believed, and no more than it said", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    guard.heard(NOW_MS + 4_000);
    await time.run(10_000);
    guard.heard(NOW_MS + 10_000);
    wall.offsetMs = -DAY_MS;
    await time.run(1_000);
    expect([guard.isSynchronised, guard.nowMs()]).toEqual([false, NOW_MS + 11_000]);
    // A sensor that is always ahead does not make its time run away with it.
    for (let second = 0; second < 30; second += 1) {
      guard.heard(guard.nowMs() + 5_000);
      await time.run(1_000);
    }
    expect(guard.nowMs()).toBe(NOW_MS + 41_000);
    wall.offsetMs = 0;
    await time.run(1_000);
    expect([guard.isSynchronised, guard.nowMs()]).toEqual([true, NOW_MS + 42_000]);
  });

  it("lets a clock go back over an hour that no sensor has told", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    wall.offsetMs = 3_600_000;
    await time.run(1_000);
    guard.heard(NOW_MS + 1_000);
    wall.offsetMs = 0;
    await time.run(1_000);
    expect([guard.isSynchronised, guard.nowMs()]).toEqual([true, NOW_MS + 2_000]);
  });

  it("finds no live reading old because the wall clock is ahead of what was proven", async () => {
    const { time, wall, guard } = guardAt(NOW_MS, null);
    wall.offsetMs = 3_600_000;
    await time.run(1_000);
    expect(guard.ageNowMs()).toBe(NOW_MS + 3_601_000);
    wall.offsetMs = 0;
    guard.witness({ centralMs: NOW_MS + 1_000, roundTripMs: 20 });
    wall.offsetMs = 3_600_000;
    await time.run(1_000);
    expect([guard.nowMs(), guard.ageNowMs()]).toEqual([NOW_MS + 3_602_000, NOW_MS + 2_000]);
  });

  it("finds no live reading old because the wall clock is ahead, where sensors bear out the steady time, or each other", async () => {
    for (const { sensors, jumpMs, startMs, behindMs } of [
      { sensors: 1, jumpMs: 3_600_000, startMs: 0, behindMs: 3_600_000 },
      { sensors: 1, jumpMs: 0, startMs: 3_600_000, behindMs: 0 },
      { sensors: 2, jumpMs: 0, startMs: 3_600_000, behindMs: 3_600_000 },
      // A gateway whose clock is set right ahead: then, and before, sensors agree with it.
      { sensors: 2, jumpMs: 3_600_000, startMs: -3_600_000, behindMs: 0 },
      // Within what a witness would let pass, sensors may as well be late.
      { sensors: 2, jumpMs: 0, startMs: 30_000, behindMs: 0 },
    ]) {
      const time = new SimulatedTime(NOW_MS);
      const wall = { offsetMs: startMs };
      const clock = time.clock({ offsetMs: () => wall.offsetMs });
      const guard = new ClockGuard({ clock, maxFutureMs: 5_000, floorMs: FLOOR_MS, durableTimeMs: null });
      const live = async () => {
        for (let second = 0; second < 12; second += 1) {
          for (let series = 0; series < sensors; series += 1)
            guard.sensors.heard(series, time.nowMs, clock.monotonicMs());
          await time.run(1_000);
        }
      };
      await live();
      wall.offsetMs += jumpMs;
      await live();
      expect(guard.nowMs() - guard.ageNowMs()).toBe(behindMs);
    }
  });
});
