// Absence is called missing only where it is news: a connected agent whose watermark is on its way is waited for.
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import type { AgentState } from "../feed/live-frames.ts";
import { attendance, DUE_MS } from "./attendance.ts";

const END_MS = 1_000_000;

function standing(options: {
  readonly afterEndMs: number;
  readonly lacks: readonly string[];
  readonly states?: Readonly<Record<string, AgentState>>;
  readonly state?: WindowResult["state"];
}) {
  const { afterEndMs, lacks, states = {}, state = "provisional" } = options;
  const agents = ["alpha-1", "beta-1", "gamma-1"].map((agent) => ({
    agent,
    state: states[agent] ?? ("connected" as const),
  }));
  return attendance(
    { endMs: END_MS, state, completeness: { agentsMissing: lacks } },
    agents,
    END_MS + afterEndMs,
  );
}

test("connected agents are waited for until they are overdue", () => {
  const lacks = ["alpha-1", "beta-1", "gamma-1"];
  expect(standing({ afterEndMs: 0, lacks })).toEqual({ awaitedCount: 3, missing: [] });
  expect(standing({ afterEndMs: 6_000, lacks })).toEqual({ awaitedCount: 3, missing: [] });
  expect(standing({ afterEndMs: DUE_MS + 1, lacks })).toEqual({ awaitedCount: 0, missing: lacks });
});

test("who is not connected is missing at once, also from an open window", () => {
  const states = { "beta-1": "silent", "gamma-1": "never_seen" } as const;
  expect(standing({ afterEndMs: -4_000, lacks: ["alpha-1", "beta-1", "gamma-1"], states })).toEqual({
    awaitedCount: 1,
    missing: ["beta-1", "gamma-1"],
  });
});

test("who has lost some of the window is neither waited for nor missing: that is told apart", () => {
  const completeness = { agentsMissing: ["alpha-1", "beta-1"], agentsWithLoss: ["beta-1"] };
  const agents = [{ agent: "alpha-1", state: "connected" } as const];
  expect(attendance({ endMs: END_MS, state: "provisional", completeness }, agents, END_MS)).toEqual({
    awaitedCount: 1,
    missing: [],
  });
});

test("an agent that the page does not know is missing", () => {
  expect(standing({ afterEndMs: 1_000, lacks: ["delta-1"] })).toEqual({
    awaitedCount: 0,
    missing: ["delta-1"],
  });
});

test("nobody is waited for in a final window", () => {
  expect(standing({ afterEndMs: 1_000, lacks: ["alpha-1"], state: "final" })).toEqual({
    awaitedCount: 0,
    missing: ["alpha-1"],
  });
});

test("a partition lacks nothing of a window that still runs: it is waited for until it is overdue", () => {
  const lacks = ["orders/0", "orders/1"];
  expect(standing({ afterEndMs: -4_000, lacks })).toEqual({ awaitedCount: 2, missing: [] });
  expect(standing({ afterEndMs: DUE_MS + 1, lacks })).toEqual({ awaitedCount: 0, missing: lacks });
});
