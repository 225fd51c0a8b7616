// What is known of an agent: its lost event time stays few ranges; its clock offset is told from the heartbeats that came quickest, since delay on the way looks like a slow clock.
import { testFrontier } from "@millrace/testkit";
import type { Heartbeat } from "@millrace/wire";
import { expect, test } from "vitest";
import { AgentRegistry, LOST_RANGES_MAX } from "./agent-registry.ts";

const NOW_MS = 1_700_000_000_000;
const beatSentAt = (sentAtMs: number): Heartbeat => ({
  instance: "one",
  beat: 1,
  sentAtMs,
  frontier: testFrontier(),
  ledger: {},
  status: {},
});

test("the offset is that of the least delayed of the last thirty heartbeats", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  const offset = () => registry.view("alpha-1").clockOffsetMs;
  for (const delayMs of [180, 12, 240]) registry.beat("alpha-1", beatSentAt(NOW_MS - delayMs), NOW_MS);
  expect(offset()).toBe(-12);
  for (let beat = 0; beat < 30; beat++) registry.beat("alpha-1", beatSentAt(NOW_MS - 5_000), NOW_MS);
  expect(offset()).toBe(-5_000);
});

test("what the agent itself has rejected is shown, and outlives a restart", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  expect(registry.view("alpha-1").agentRejected).toBeUndefined();
  registry.beat("alpha-1", { ...beatSentAt(NOW_MS), ledger: { received: 2_005, rejected: 2_000 } }, NOW_MS);
  expect(registry.view("alpha-1").agentRejected).toBe(2_000);
  const restarted = new AgentRegistry();
  restarted.restore(registry.takeDirty().agents, [], 0);
  expect(restarted.view("alpha-1").agentRejected).toBe(2_000);
});

test("a heartbeat that tells no status leaves what was told", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  registry.beat("alpha-1", { ...beatSentAt(NOW_MS), status: { series: 3 } }, NOW_MS);
  registry.beat("alpha-1", { ...beatSentAt(NOW_MS), status: undefined }, NOW_MS);
  expect(registry.view("alpha-1").status).toEqual({ series: 3 });
});

test("what is in maintenance at the agent is shown until it says otherwise, over a restart too", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  expect(registry.view("alpha-1").maintenance).toBeUndefined();
  const maintenance = [{ labels: { machine: "m1" }, sinceMs: NOW_MS, untilMs: NOW_MS + 5, by: "anna" }];
  registry.beat("alpha-1", { ...beatSentAt(NOW_MS), maintenance }, NOW_MS);
  expect(registry.view("alpha-1").maintenance).toEqual(maintenance);
  const restarted = new AgentRegistry();
  restarted.restore(registry.takeDirty().agents, [], 0);
  expect(restarted.view("alpha-1").maintenance).toEqual(maintenance);
  restarted.beat("alpha-1", beatSentAt(NOW_MS), NOW_MS);
  expect(restarted.view("alpha-1").maintenance).toBeUndefined();
  expect(restarted.takeDirty().agents[0]).not.toHaveProperty("maintenance");
});

test("what was lost is forgotten once its windows are final, and is bounded until then", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", 0, 0);
  for (let at = 0; at < 2 * LOST_RANGES_MAX; at++)
    registry.lose("alpha-1", { startMs: at * 100 + (at % 2), endMs: at * 100 + 10 });
  const lost = registry.lost("alpha-1");
  expect(lost.length).toBe(LOST_RANGES_MAX);
  expect([lost[0]?.startMs, lost.at(-1)?.endMs]).toEqual([0, 200 * LOST_RANGES_MAX - 90]);
  registry.lose("alpha-1", { startMs: 0, endMs: 0 });
  expect(registry.lost("alpha-1")).toEqual(lost);
  expect(registry.takeDirty().agents[0]?.lost).toEqual(lost);
  expect(registry.forgetLost(0)).toEqual([]);
  expect(registry.forgetLost(lost[1]?.endMs ?? 0)).toEqual(["alpha-1"]);
  expect(registry.lost("alpha-1")).toEqual(lost.slice(2));
});

test("who writes to the log itself is shown as silent after central has slept, by request as in the stream", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  registry.writesItself("alpha-1");
  registry.heard("alpha-1", NOW_MS, 0);
  const commit = () => {
    registry.takeDirty();
    registry.durable();
    return registry.takeChanged().map(({ state }) => state);
  };
  expect(commit()).toEqual(["connected"]);
  expect(registry.views().map(({ state }) => state)).toEqual(["connected"]);
  registry.woke(60_000);
  expect(commit()).toEqual(["silent"]);
  expect(registry.views().map(({ state }) => state)).toEqual(["silent"]);
});

test("agents are shown as the last commit that is durable left them", () => {
  const registry = new AgentRegistry();
  registry.enrol("alpha-1", "alpha", NOW_MS, 0);
  registry.heard("alpha-1", NOW_MS, 0);
  registry.takeDirty();
  registry.heard("alpha-1", NOW_MS + 1, 1);
  const shown = () => registry.views().map(({ agent, lastSeenMs }) => [agent, lastSeenMs]);
  expect(shown()).toEqual([["alpha-1", null]]);
  registry.durable();
  expect(shown()).toEqual([["alpha-1", NOW_MS]]);
  registry.beat("alpha-1", { ...beatSentAt(NOW_MS), status: { streams: 3 } }, NOW_MS);
  expect(registry.views()[0]?.status).toEqual({});
  registry.takeDirty();
  registry.durable();
  expect(registry.views()).toEqual([registry.view("alpha-1")]);
});
