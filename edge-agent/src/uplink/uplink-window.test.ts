// The window of the uplink: as much in flight as a link carries, whatever it carries, and no more waiting than the target.
import { describe, expect, it } from "vitest";
import { QUEUEING_MS_TARGET, UplinkWindow } from "./uplink-window.ts";

interface Link {
  readonly bytesPerSecond: number;
  /** There and back, when nothing waits. */
  readonly delayMs: number;
}

/** Sends batches as the window allows, for so long; what share of the link they took, and how long the last waited. */
function drain(window: UplinkWindow, link: Link, batchBytes: number, durationMs: number) {
  const flight: { sentAtMs: number; ackedAtMs: number; flightBytes: number }[] = [];
  let linkIsFreeAtMs = 0;
  let nowMs = 0;
  let ackedBytes = 0;
  let waitedMs = 0;
  while (nowMs < durationMs) {
    while (window.hasRoom(flight.length * batchBytes)) {
      linkIsFreeAtMs = Math.max(linkIsFreeAtMs, nowMs) + (batchBytes / link.bytesPerSecond) * 1000;
      const flightBytes = (flight.length + 1) * batchBytes;
      flight.push({ sentAtMs: nowMs, ackedAtMs: linkIsFreeAtMs + link.delayMs, flightBytes });
    }
    const first = flight.shift();
    if (first === undefined) break;
    nowMs = first.ackedAtMs;
    const delayMs = nowMs - first.sentAtMs;
    waitedMs = delayMs - link.delayMs - (batchBytes / link.bytesPerSecond) * 1000;
    ackedBytes += batchBytes;
    window.acknowledged({ bytes: batchBytes, delayMs, flightBytes: first.flightBytes });
  }
  return { usedShare: ackedBytes / (link.bytesPerSecond * (nowMs / 1000)), waitedMs };
}

describe("a window", () => {
  it.each([
    { bytesPerSecond: 62_500, delayMs: 50 },
    { bytesPerSecond: 62_500, delayMs: 700 },
    { bytesPerSecond: 8_000, delayMs: 300 },
    { bytesPerSecond: 1_250_000, delayMs: 50 },
    { bytesPerSecond: 1_250_000, delayMs: 600 },
  ])("uses the link and waits about the target: %o", (link) => {
    const window = new UplinkWindow();
    drain(window, link, 10_000, 60_000);
    const { usedShare, waitedMs } = drain(window, link, 10_000, 120_000);
    expect(usedShare).toBeGreaterThan(0.8);
    const batchMs = (10_000 / link.bytesPerSecond) * 1000;
    expect(waitedMs).toBeLessThan(2 * QUEUEING_MS_TARGET + batchMs);
  });

  it("has room for one batch, however slow the link", () => {
    const window = new UplinkWindow();
    window.acknowledged({ bytes: 1_000, delayMs: 100, flightBytes: 1_000 });
    for (let round = 0; round < 50; round += 1) {
      window.timedOut();
      window.acknowledged({ bytes: 500_000, delayMs: 60_000, flightBytes: 1_000_000 });
    }
    expect(window.hasRoom(0)).toBe(true);
    expect(window.hasRoom(100_000)).toBe(false);
  });

  it("halves when nothing came back", () => {
    const window = new UplinkWindow();
    drain(window, { bytesPerSecond: 1_250_000, delayMs: 50 }, 10_000, 10_000);
    const { bytes } = window;
    window.timedOut();
    expect(window.bytes).toBe(bytes / 2);
  });

  it("that is not used does not grow", () => {
    const window = new UplinkWindow();
    const { bytes } = window;
    for (let round = 0; round < 1_000; round += 1) {
      window.acknowledged({ bytes: 1_000, delayMs: 20, flightBytes: 1_000 });
    }
    expect(window.bytes).toBe(bytes);
  });

  it("finds a link that became slower, and one that became longer", () => {
    const window = new UplinkWindow();
    drain(window, { bytesPerSecond: 1_250_000, delayMs: 50 }, 10_000, 60_000);
    const slower = drain(window, { bytesPerSecond: 62_500, delayMs: 50 }, 10_000, 120_000);
    expect(slower.waitedMs).toBeLessThan(2 * QUEUEING_MS_TARGET);
    drain(window, { bytesPerSecond: 1_250_000, delayMs: 900 }, 10_000, 120_000);
    const longer = drain(window, { bytesPerSecond: 1_250_000, delayMs: 900 }, 10_000, 120_000);
    expect(longer.usedShare).toBeGreaterThan(0.8);
  });
});
