// What persons ask of agents goes with the echoes until it is answered, and they are told what became of it.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { start, welcomed } from "./central-world.test-support.ts";

test("a reset is said with every echo until the agent has answered, and whoever asked is told", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  expect(agent.requests).toEqual([]);
  await world.time.run(300);
  const outcome = world.central.resetAlarm("alpha-1", "hot|m1", "page");
  agent.beat();
  agent.beat();
  expect(agent.requests).toMatchObject([{ kind: "reset_alarm", alarm: "hot|m1", by: "page" }]);
  agent.beat({}, [{ id: agent.requests[0].id, outcome: "done" }]);
  expect(agent.requests).toEqual([]);
  expect(await outcome).toBe("done");
});

test("an agent that is away is not asked; one that does not answer is not waited for without end", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  await world.time.run(300);
  expect(await world.central.resetAlarm("beta-1", "a", "page")).toBe("agent_away");
  expect(await world.central.resetAlarm("nobody", "a", "page")).toBe("agent_away");
  const outcome = world.central.resetAlarm("alpha-1", "a", "page");
  await world.time.run(11_000);
  expect(await outcome).toBe("no_answer");
  agent.beat();
  expect(agent.requests).toEqual([]);
});

test("a pushed pipeline is said until the agent has answered; what it says of it is told, per agent", async () => {
  const world = await start();
  const agent = await welcomed(world);
  agent.beat();
  await world.time.run(300);
  const text = "version: 1\n".repeat(100);
  const outcome = world.central.pushPipeline(["alpha-1", "beta-1"], text, "API");
  agent.beat();
  const [{ id, pipeline, ...request }] = agent.requests;
  expect(request).toMatchObject({ kind: "set_pipeline", alarm: "", by: "API" });
  expect(Buffer.from(pipeline?.body ?? "", "base64").toString()).toBe(text);
  agent.beat({}, [{ id, outcome: "refused", detail: "p.yaml:1:1: no" }]);
  expect(agent.requests).toEqual([]);
  expect(await outcome).toEqual({
    version: createHash("sha256").update(text).digest("hex").slice(0, 12),
    agents: [
      { agent: "alpha-1", outcome: "refused", detail: "p.yaml:1:1: no" },
      { agent: "beta-1", outcome: "agent_away", detail: "it is not connected; nothing was sent to it" },
    ],
  });
  const noise = Array.from({ length: 60_000 }, (_, index) => Math.sin(index).toString(36)).join("");
  await expect(world.central.pushPipeline(["alpha-1"], noise, "API")).rejects.toThrow(/more than/);
});
