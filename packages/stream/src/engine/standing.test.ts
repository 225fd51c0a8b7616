// Which windows a frontier puts in question: looking at more than those would cost central every heartbeat.
import { expect, test } from "vitest";
import type { Frontier } from "../frontier.ts";
import { Standing } from "./standing.ts";

function frontier(number: number, changes: Partial<Frontier> = {}): Frontier {
  return {
    epoch: 1,
    number,
    watermarkMs: null,
    isIdle: false,
    isClockSynchronised: true,
    pending: [],
    holds: { alarm: 0, live: 0, backfill: 0 },
    ...changes,
  };
}

test("an agent without a watermark, or with the same one, puts no window in question", () => {
  const standing = new Standing(5_000);
  standing.takeChangedFromMs();
  standing.setFrontier("a", frontier(1));
  standing.setFrontier("a", frontier(2));
  expect(standing.takeChangedFromMs()).toBe(Infinity);
  standing.setFrontier("a", frontier(3, { watermarkMs: 60_000 }));
  expect(standing.takeChangedFromMs()).toBe(-Infinity);
  standing.setFrontier("a", frontier(4, { watermarkMs: 60_000 }));
  expect(standing.takeChangedFromMs()).toBe(Infinity);
});

test("a watermark that moves puts the windows after it in question, a pending range those from its start", () => {
  const standing = new Standing(5_000);
  standing.setFrontier("a", frontier(1, { watermarkMs: 60_000 }));
  standing.takeChangedFromMs();
  standing.setFrontier("a", frontier(2, { watermarkMs: 61_000 }));
  expect(standing.takeChangedFromMs()).toBe(60_000);
  standing.setFrontier(
    "a",
    frontier(3, { watermarkMs: 61_000, pending: [{ startMs: 5_000, endMs: 6_000 }] }),
  );
  expect(standing.takeChangedFromMs()).toBe(5_000);
});
