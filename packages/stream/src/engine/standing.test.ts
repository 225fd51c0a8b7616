// Which windows a frontier puts in question: looking at more than those would cost central every heartbeat.
import { testFrontier } from "@millrace/testkit";
import { expect, test } from "vitest";
import { Membership } from "../membership.ts";
import { Standing } from "./standing.ts";

test("an agent without a watermark, or with the same one, puts no window in question", () => {
  const standing = new Standing(5_000);
  standing.takeChangedFromMs();
  standing.setFrontier("a", testFrontier({ number: 1 }));
  standing.setFrontier("a", testFrontier({ number: 2 }));
  expect(standing.takeChangedFromMs()).toBe(Infinity);
  standing.setFrontier("a", testFrontier({ number: 3, watermarkMs: 60_000 }));
  expect(standing.takeChangedFromMs()).toBe(-Infinity);
  standing.setFrontier("a", testFrontier({ number: 4, watermarkMs: 60_000 }));
  expect(standing.takeChangedFromMs()).toBe(Infinity);
});

test("a watermark that moves puts the windows after it in question, a pending range those from its start", () => {
  const standing = new Standing(5_000);
  standing.setFrontier("a", testFrontier({ number: 1, watermarkMs: 60_000 }));
  standing.takeChangedFromMs();
  standing.setFrontier("a", testFrontier({ number: 2, watermarkMs: 61_000 }));
  expect(standing.takeChangedFromMs()).toBe(60_000);
  standing.setFrontier(
    "a",
    testFrontier({ number: 3, watermarkMs: 61_000, pending: [{ startMs: 5_000, endMs: 6_000 }] }),
  );
  expect(standing.takeChangedFromMs()).toBe(5_000);
});

test("while a frontier is held back, or no longer is, only the windows that the clock has passed are in question", () => {
  const standing = new Standing(5_000);
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  standing.setMembership(membership);
  standing.setClock(100_000);
  standing.setFrontier("a", testFrontier({ number: 1, watermarkMs: 150_000 }));
  standing.takeChangedFromMs();
  const changedAt = (nowMs: number) => {
    standing.setClock(nowMs);
    return standing.takeChangedFromMs();
  };
  const isPassed = (endMs: number) => standing.of(endMs - 1_000, endMs, undefined, "t").isEveryPassed;
  expect([isPassed(100_000), isPassed(101_000)]).toEqual([true, false]);
  expect(changedAt(101_000)).toBe(100_000);
  expect([isPassed(101_000), isPassed(102_000)]).toEqual([true, false]);
  expect(changedAt(146_000)).toBe(101_000);
  expect([isPassed(150_000), isPassed(151_000)]).toEqual([true, false]);
  expect(changedAt(147_000)).toBe(Infinity);
  // A clock that goes back puts all in question.
  expect(changedAt(120_000)).toBe(-Infinity);
  expect(isPassed(121_000)).toBe(false);
  // The frontier is taken back while it was held back.
  standing.setFrontier("a", testFrontier({ number: 2, watermarkMs: 121_000 }));
  standing.takeChangedFromMs();
  expect(changedAt(120_500)).toBe(120_000);
  expect(isPassed(121_000)).toBe(true);
});

test("an agent has not passed a window of which it lost some, whatever its watermark; its neighbours it has", () => {
  const standing = new Standing(5_000);
  const membership = new Membership();
  membership.join("a", "alpha", -1e9);
  membership.join("b", "beta", -1e9);
  standing.setMembership(membership);
  standing.setClock(100_000);
  for (const agent of ["a", "b"])
    standing.setFrontier(agent, testFrontier({ number: 1, watermarkMs: 60_000 }));
  standing.takeChangedFromMs();
  const lost = [{ startMs: 15_000, endMs: 20_000 }];
  standing.setLost("a", lost);
  expect(standing.takeChangedFromMs()).toBe(15_000);
  const completeness = (startMs: number) =>
    standing.of(startMs, startMs + 10_000, undefined, "t").completeness;
  expect(completeness(10_000)).toEqual({
    agentsExpected: 2,
    agentsReporting: 1,
    agentsMissing: ["a"],
    agentsWithLoss: ["a"],
    sitesExpected: 2,
    sitesReporting: 1,
    sitesMissing: ["alpha"],
  });
  for (const startMs of [0, 20_000]) expect(completeness(startMs)).toMatchObject({ agentsMissing: [] });
  // Not here yet is not lost.
  expect(completeness(60_000)).toMatchObject({ agentsMissing: ["a", "b"] });
  expect(completeness(60_000)).not.toHaveProperty("agentsWithLoss");
  standing.setLost("a", lost);
  expect(standing.takeChangedFromMs()).toBe(Infinity);
  standing.setLost("a", []);
  expect(standing.takeChangedFromMs()).toBe(15_000);
});

test("a stream of records expects its partitions and no agent, and agents' windows expect no partition", () => {
  const standing = new Standing(5_000);
  const agents = new Membership();
  agents.join("a", "alpha", -1e9);
  const partitions = new Membership();
  partitions.join("orders/0", "", -1e9);
  partitions.join("orders/1", "", 500_000);
  standing.setMembership(agents);
  standing.setPartitions("orders", partitions);
  standing.setClock(1e6);
  standing.setFrontier("orders/0", testFrontier({ number: 1, watermarkMs: 600_000 }));
  const { completeness, isEveryPassed } = standing.ofStream(0, 60_000, "orders");
  expect(isEveryPassed).toBe(true);
  expect(completeness).toMatchObject({ agentsExpected: 1, agentsReporting: 1, sitesExpected: 0 });
  expect(standing.ofStream(540_000, 600_000, "orders").completeness.agentsMissing).toEqual(["orders/1"]);
  expect(standing.of(0, 60_000, undefined, "t").completeness.agentsMissing).toEqual(["a"]);
  expect(standing.ofStream(0, 60_000, "refunds").completeness.agentsExpected).toBe(0);
});

test("what central itself has lost is of all who are expected, partitions too, and of windows that begin before it only", () => {
  const standing = new Standing(5_000);
  const agents = new Membership();
  agents.join("a", "alpha", -1e9);
  const partitions = new Membership();
  partitions.join("orders/0", "", -1e9);
  standing.setMembership(agents);
  standing.setPartitions("orders", partitions);
  standing.setClock(1e6);
  for (const name of ["a", "orders/0"])
    standing.setFrontier(name, testFrontier({ number: 1, watermarkMs: 600_000 }));
  standing.takeChangedFromMs();
  standing.setPanesLost(60_000);
  expect(standing.takeChangedFromMs()).toBe(-Infinity);
  const of = (startMs: number) => [
    standing.of(startMs, startMs + 60_000, undefined, "t"),
    standing.ofStream(startMs, startMs + 60_000, "orders"),
  ];
  expect(of(59_999)).toMatchObject([
    { isEveryPassed: false, completeness: { agentsMissing: ["a"], agentsWithLoss: ["a"] } },
    { isEveryPassed: false, completeness: { agentsMissing: ["orders/0"], agentsWithLoss: ["orders/0"] } },
  ]);
  for (const standingOf of of(60_000))
    expect(standingOf).toMatchObject({ isEveryPassed: true, completeness: { agentsMissing: [] } });
});
