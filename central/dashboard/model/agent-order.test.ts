// Among many agents those that somebody must see to are found first.
import { expect, test } from "vitest";
import type { AgentView } from "../feed/live-frames.ts";
import { agentCounts } from "./agent-counts.ts";
import { agentFaults } from "./agent-faults.ts";
import { agentsInOrder } from "./agent-order.ts";

function agentOf(agent: string, differing: Partial<AgentView> = {}): AgentView {
  return {
    agent,
    site: agent,
    state: "connected",
    lastSeenMs: 1_000_000,
    watermarkMs: 999_000,
    isIdle: false,
    clockOffsetMs: 12,
    pending: [],
    status: { isClockSynchronised: true, storeFailure: "", pipelineRefused: "", diskFreeBytes: -1 },
    ...differing,
  };
}

test("silent, never seen, and faulty agents come first, retired ones last, and all else stays as it came", () => {
  const agents = [
    agentOf("a"),
    agentOf("b", { state: "retired" }),
    agentOf("c", { status: { pipelineRefused: "9f02" } }),
    agentOf("d", { status: { diskFreeBytes: 0 } }),
    agentOf("e", { clockOffsetMs: -1_001 }),
    agentOf("f", { status: { storeFailure: "no space" } }),
    agentOf("g", { state: "never_seen", lastSeenMs: null }),
    agentOf("h", { state: "silent" }),
    agentOf("i"),
    agentOf("j", { state: "silent", status: { storeFailure: "no space" } }),
  ];
  expect(
    agentsInOrder(agents)
      .map(({ agent }) => agent)
      .join(""),
  ).toBe("hjgfedcaib");
});

test("an agent's faults are told, the gravest first, and a disk that is not low, nothing refused, no offset are none", () => {
  expect(agentFaults(agentOf("a"))).toEqual([]);
  expect(agentFaults(agentOf("a", { status: {}, clockOffsetMs: null }))).toEqual([]);
  const status = {
    isClockSynchronised: false,
    diskFreeBytes: 512,
    pipelineRefused: "9f02",
    storeFailure: "full",
  };
  expect(agentFaults(agentOf("a", { status }))).toEqual([
    "storeFailure",
    "clockOff",
    "diskLow",
    "pipelineRefused",
  ]);
});

test("states that no agent is in are not counted, but for connected", () => {
  const silent = [agentOf("a", { state: "silent" }), agentOf("b", { state: "silent" })];
  expect(agentCounts(silent)).toEqual([
    { state: "connected", count: 0 },
    { state: "silent", count: 2 },
  ]);
  expect(agentCounts([agentOf("a", { state: "retired" }), agentOf("b"), ...silent])).toEqual([
    { state: "connected", count: 1 },
    { state: "silent", count: 2 },
    { state: "retired", count: 1 },
  ]);
});
