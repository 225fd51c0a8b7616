// One wrong clock moves nothing: neither a sensor's nor the gateway's own.
import { SimulatedTime } from "@millrace/testkit";
import { describe, expect, it } from "vitest";
import { ClockGuard } from "./clock-guard.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const FLOOR_MS = Date.UTC(2020, 0, 1);

function guardAt(wallMs: number, durableTimeMs: number | null) {
  const time = new SimulatedTime(wallMs);
  const guard = new ClockGuard({ clock: time.clock(), maxFutureMs: 5_000, floorMs: FLOOR_MS, durableTimeMs });
  return { time, guard };
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
});
