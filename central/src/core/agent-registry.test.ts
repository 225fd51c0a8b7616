// An agent's clock offset is told from the heartbeats that came quickest, since delay on the way looks like a slow clock.
import type { Heartbeat } from "@millrace/wire";
import { expect, test } from "vitest";
import { frontier } from "../scripted-agent.test-support.ts";
import { AgentRegistry } from "./agent-registry.ts";

const NOW_MS = 1_700_000_000_000;
const beatSentAt = (sentAtMs: number): Heartbeat => ({
  instance: "one",
  beat: 1,
  sentAtMs,
  frontier: frontier(),
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
