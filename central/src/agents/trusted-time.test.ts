// Finality goes by central's clock only as far as an agent's, or what was trusted before the start, confirms it.
import { expect, test } from "vitest";
import { TrustedTime } from "./trusted-time.ts";

const DAY_MS = 86_400_000;

test("there is no trusted time before a witness, and then the least of central's clock and the greatest witness", () => {
  const trusted = new TrustedTime();
  expect(trusted.nowMs({ nowMs: 5_000, monotonicMs: 0 })).toBe(-Infinity);
  expect(trusted.takeDue({ nowMs: 5_000, monotonicMs: 0 })).toBeNull();
  trusted.heard("a", 3_000, 0);
  trusted.heard("b", 4_000, 0);
  expect(trusted.nowMs({ nowMs: 5_000, monotonicMs: 0 })).toBe(4_000);
  expect(trusted.nowMs({ nowMs: DAY_MS, monotonicMs: 7_000.5 })).toBe(11_000);
  expect(trusted.nowMs({ nowMs: 2_000, monotonicMs: 0 })).toBe(2_000);
  trusted.forget("b");
  expect(trusted.nowMs({ nowMs: 5_000, monotonicMs: 0 })).toBe(3_000);
});

test("an agent is believed as it was last heard: one that was ahead no longer counts as a witness", () => {
  const trusted = new TrustedTime();
  trusted.heard("a", DAY_MS, 0);
  trusted.heard("a", 1_000, 500);
  expect(trusted.nowMs({ nowMs: DAY_MS, monotonicMs: 500 })).toBe(1_000);
});

test("before an agent is heard, what was stored goes on from the start, and an agent without a clock takes nothing from it", () => {
  const trusted = new TrustedTime();
  trusted.restore({ trustedMs: 50_000 }, 1_000);
  expect(trusted.nowMs({ nowMs: DAY_MS, monotonicMs: 3_000 })).toBe(52_000);
  trusted.heard("a", 0, 3_000);
  expect(trusted.nowMs({ nowMs: DAY_MS, monotonicMs: 3_000 })).toBe(52_000);
  expect([...trusted.aheadMs({ nowMs: DAY_MS, monotonicMs: 3_000 })]).toEqual([
    ["", DAY_MS - 52_000],
    ["a", -52_000],
  ]);
});

test("an agent's data may be as late as its own clock while no other agent confirms central's", () => {
  const trusted = new TrustedTime();
  const latest = (agent: string) => trusted.latestOf(agent, { nowMs: 500_000, monotonicMs: 0 });
  expect(latest("a")).toBe(500_000);
  trusted.heard("a", DAY_MS, 0);
  expect([latest("a"), latest("b")]).toEqual([DAY_MS, 500_000]);
  trusted.heard("b", 2 * DAY_MS, 0);
  expect([latest("a"), latest("b")]).toEqual([DAY_MS, 2 * DAY_MS]);
  trusted.heard("c", 450_000, 0);
  expect([latest("a"), latest("b"), latest("c")]).toEqual([500_000, 500_000, 500_000]);
});

test("it is stored now and then, also when it goes back", () => {
  const trusted = new TrustedTime();
  trusted.heard("a", 50_000, 0);
  const due = (nowMs: number) => trusted.takeDue({ nowMs, monotonicMs: 0 })?.trustedMs ?? null;
  expect([due(40_000), due(49_999), due(50_000), due(50_000), due(30_000)]).toEqual([
    40_000,
    null,
    50_000,
    null,
    30_000,
  ]);
});

test("what was trusted goes on where central's clock is set back, over starts, until every agent's clock agrees with it", () => {
  const trusted = new TrustedTime();
  const hourMs = 3_600_000;
  trusted.recordsSaid(DAY_MS);
  expect(trusted.earliestMs(0)).toBe(-Infinity);
  expect(trusted.takeDue({ nowMs: DAY_MS, monotonicMs: 0 })).toEqual({
    trustedMs: DAY_MS,
    reachedMs: DAY_MS,
  });
  const back = trusted.takeDue({ nowMs: DAY_MS - hourMs, monotonicMs: 20_000 });
  expect(back).toEqual({ trustedMs: DAY_MS - hourMs, reachedMs: DAY_MS + 20_000 });
  const again = new TrustedTime();
  again.restore(back ?? { trustedMs: 0 }, 5_000);
  expect(again.earliestMs(6_000)).toBe(DAY_MS + 21_000);
  again.heard("a", DAY_MS - hourMs, 6_000);
  again.heard("b", DAY_MS, 6_000);
  again.takeDue({ nowMs: DAY_MS - hourMs, monotonicMs: 6_000 });
  expect(again.earliestMs(6_000)).toBe(DAY_MS + 21_000);
  again.heard("b", DAY_MS - hourMs + 500, 6_000);
  again.takeDue({ nowMs: DAY_MS - hourMs, monotonicMs: 6_000 });
  expect(again.earliestMs(6_000)).toBe(DAY_MS - hourMs);
});
