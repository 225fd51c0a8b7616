import { Agent } from "@millrace/edge-agent";
import { MemoryStore } from "@millrace/queue";
import { Metrics, silentLogger, zstdCompression } from "@millrace/runtime";
import { SeededRandom, type SimulatedLink, type SimulatedTime } from "@millrace/testkit";
import { simulatedAgentConfig, simulatedPipeline } from "./world.ts";

/** The agent of site alpha at its first start, for simulations whose subject is the link and what is behind it. */
export function loneAgent(time: SimulatedTime, link: SimulatedLink): Promise<Agent> {
  return Agent.open({
    config: simulatedAgentConfig("alpha"),
    pipeline: simulatedPipeline(),
    store: new MemoryStore(),
    hasLostCommits: false,
    clock: time.clock(),
    random: new SeededRandom(1, "agent"),
    log: silentLogger,
    metrics: new Metrics(),
    compression: zstdCompression,
    transport: link.transport(() => true),
    instance: "one",
    program: "simulation",
    unavailableSensors: () => ({}),
    publish: () => Promise.resolve(),
  });
}
