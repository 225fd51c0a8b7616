import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { syncTimeMs } from "./measure/sync-time.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { FloodTarget } from "./workload/flood-target.ts";
import { startMosquittoBroker } from "./workload/mosquitto-broker.ts";
import type { FloodResult } from "./workload/publish-flood.ts";

const LOAD = { connections: 64, devices: 1_024, readingsPerMessage: 1, qos: 1 } as const;
/** Unacknowledged a publisher: the rate counts with many, the latency with fewer. */
const MANY = 64;
const FEW = 24;

/** Acknowledged after the sync, deduplicated, watched by a rule. */
export const agentQos1: Bench = {
  name: "agent-qos1",
  summary:
    "QoS 1 messages a second that the real agent has made durable, beside aedes and Mosquitto, which keep nothing",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const durationMs = isQuick ? 1_500 : 5_000;
      const targets: FloodTarget[] = [];
      try {
        const agentBroker = await startAgentBroker(join(folder, "agent"));
        const agent = await FloodTarget.start(agentBroker, LOAD, targets);
        const aedes = await FloodTarget.start(await startAedesBroker(), LOAD, targets);
        const mosquitto = await startMosquittoBroker(join(folder, "mosquitto"));
        if (mosquitto !== null) await FloodTarget.start(mosquitto, LOAD, targets);
        for (const target of targets) await target.run({ durationMs, inFlight: MANY });
        const few: FloodResult[] = [];
        for (let count = 0; count < (isQuick ? 1 : 5); count += 1) {
          say(`round ${count + 1}`);
          for (const target of targets) await target.measure({ durationMs, inFlight: MANY });
          few.push(await agent.run({ durationMs, inFlight: FEW }));
        }
        await agentBroker.checkLedger();
        const fewer = few.toSorted((a, b) => p99Ms(a) - p99Ms(b))[few.length >> 1];
        return {
          value: rounded(agent.perSecond()),
          unit: "messages/s",
          better: "higher",
          peer: { name: "aedes, nothing durable", value: rounded(aedes.perSecond()) },
          further: {
            spread: agent.spread(),
            inFlight: MANY * LOAD.connections,
            ...Object.assign({}, ...targets.map((target) => target.figures())),
            fewInFlight: FEW * LOAD.connections,
            fewMessagesPerSecond: rounded(fewer.messageCount / fewer.seconds),
            fewPubackP50Ms: rounded(fewer.latencyMs?.p50 ?? Number.NaN),
            fewPubackP99Ms: rounded(p99Ms(fewer)),
            // With everything in flight acknowledged by one write, the disk alone would allow this much.
            syncMs: rounded(syncTimeMs(folder)),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};

function p99Ms({ latencyMs }: FloodResult): number {
  return latencyMs?.p99 ?? Number.NaN;
}
