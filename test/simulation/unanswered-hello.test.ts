// A central that cannot take agents yet, as one that reads its log anew: it is reached, and does not answer. Whenever it does,
// its agents are there within seconds, however long that took.
import { healthyLink, type Intake, SeededRandom, SimulatedLink, SimulatedTime } from "@millrace/testkit";
import { expect, it } from "vitest";
import { loneAgent } from "./lone-agent.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);

it("an agent whose hello is not answered says it again within seconds, however often that was", async () => {
  const time = new SimulatedTime(START_MS);
  const helloAtMs: number[] = [];
  const silent: Intake = {
    onOpen: () => {},
    onMessage: (_connection, topic) => {
      if (topic === "hello") helloAtMs.push(time.nowMs);
    },
    onClose: () => {},
  };
  const link = new SimulatedLink({
    time,
    random: new SeededRandom(1, "link"),
    agent: "alpha-1",
    faults: healthyLink(),
    intake: () => silent,
  });
  const agent = await loneAgent(time, link);
  agent.start();
  await time.run(600_000);
  const pausesMs = helloAtMs.slice(1).map((atMs, index) => atMs - helloAtMs[index]);
  // 5 s in which it could be answered, and as good as nothing between.
  expect(Math.max(...pausesMs)).toBeLessThan(7_100);
  expect(Math.min(...pausesMs)).toBeGreaterThanOrEqual(5_000);
});
