import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { FloodTarget } from "./workload/flood-target.ts";

const READINGS = 100;
const LOAD = { connections: 4, devices: 1_000, readingsPerMessage: READINGS, qos: 0 } as const;

/** A hundred JSON readings a message at QoS 0, to panes that the disk holds. */
export const agentBatch: Bench = {
  name: "agent-batch",
  summary: "readings a second, 100 a message, through the real agent, beside JSON.parse and objects in aedes",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const round = { durationMs: isQuick ? 1_500 : 5_000, inFlight: 0 };
      const targets: FloodTarget[] = [];
      try {
        const agentBroker = await startAgentBroker(join(folder, "agent"), { each: "$" });
        const agent = await FloodTarget.start(agentBroker, LOAD, targets);
        const script = await FloodTarget.start(await startAedesBroker("panes"), LOAD, targets);
        for (const target of targets) await target.run(round);
        for (let count = 0; count < (isQuick ? 1 : 5); count += 1) {
          say(`round ${count + 1}`);
          for (const target of targets) await target.measure(round);
        }
        await agentBroker.checkLedger();
        return {
          value: rounded(agent.perSecond() * READINGS),
          unit: "readings/s",
          better: "higher",
          peer: {
            name: "JSON.parse and panes as objects in aedes",
            value: rounded(script.perSecond() * READINGS),
          },
          further: {
            spread: agent.spread(),
            agentReadingsPerCpuSecond: rounded(agent.perCpuSecond() * READINGS),
            aedesReadingsPerCpuSecond: rounded(script.perCpuSecond() * READINGS),
            ...agent.figures(),
            ...script.figures(),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};
