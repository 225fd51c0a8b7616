import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { FloodTarget } from "./workload/flood-target.ts";
import { startMosquittoBroker } from "./workload/mosquitto-broker.ts";

const LOAD = { connections: 4, devices: 1_000, readingsPerMessage: 1, qos: 0 } as const;

/** One JSON reading a message at QoS 0, from a thousand devices, to panes that the disk holds. */
export const agentQos0: Bench = {
  name: "agent-qos0",
  summary: "QoS 0 messages a second and core through the real agent, to durable panes, beside plain aedes",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const round = { durationMs: isQuick ? 1_500 : 5_000, inFlight: 0 };
      const targets: FloodTarget[] = [];
      try {
        const agentBroker = await startAgentBroker(join(folder, "agent"));
        const agent = await FloodTarget.start(agentBroker, LOAD, targets);
        const aedes = await FloodTarget.start(await startAedesBroker(), LOAD, targets);
        const mosquitto = await startMosquittoBroker(join(folder, "mosquitto"));
        if (mosquitto !== null) await FloodTarget.start(mosquitto, LOAD, targets);
        for (const target of targets) await target.run(round);
        for (let count = 0; count < (isQuick ? 1 : 5); count += 1) {
          say(`round ${count + 1}`);
          for (const target of targets) await target.measure(round);
        }
        await agentBroker.checkLedger();
        return {
          value: rounded(agent.perCpuSecond()),
          unit: "messages/s of processor time",
          better: "higher",
          peer: { name: "aedes alone", value: rounded(aedes.perCpuSecond()) },
          further: Object.assign({ spread: agent.spread() }, ...targets.map((target) => target.figures())),
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};
