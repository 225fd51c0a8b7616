// Small commits come at once while they are seldom, and are spread where they do not end.
import { expect, test } from "vitest";
import { CommitPace } from "./commit-pace.ts";

const SMALL = 100;
const PAGE = 4_096;

/** Commits one after the other, each as soon as it may be, but no sooner than 3 ms after the last; how many in the time. */
function commitCount(pace: CommitPace, fromMs: number, forMs: number, bytes: number): number {
  let count = 0;
  for (let atMs = fromMs; atMs < fromMs + forMs; count += 1) {
    atMs += Math.max(3, pace.waitMs(atMs, bytes));
    pace.spend(atMs, bytes);
  }
  return count;
}

test("a lasting stream of small commits has as many a second as the interval allows, after a burst", () => {
  const pace = new CommitPace(25);
  expect(commitCount(pace, 0, 600, SMALL)).toBe(200);
  expect(commitCount(pace, 60_000, 60_000, SMALL)).toBeLessThanOrEqual(60 * 40 + 200);
  // Nothing is left of the burst.
  expect(commitCount(pace, 120_000, 60_000, SMALL)).toBeLessThanOrEqual(60 * 40 + 2);
});

test("full pages wait for nothing, and cost nothing", () => {
  const pace = new CommitPace(25);
  expect(commitCount(pace, 0, 60_000, PAGE)).toBe(20_000);
  expect(pace.waitMs(60_000, SMALL)).toBe(0);
});

test("a clock that goes back gives and takes nothing", () => {
  const pace = new CommitPace(25);
  commitCount(pace, 100_000, 60_000, SMALL);
  expect(pace.waitMs(0, SMALL)).toBe(25);
});
