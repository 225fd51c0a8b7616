import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { diskWrites } from "./measure/disk-writes.ts";
import { rounded } from "./measure/statistics.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { BenchCentral } from "./workload/bench-central.ts";
import { FloodTarget } from "./workload/flood-target.ts";
import { benchPipeline } from "./workload/bench-pipeline.ts";

/** Twenty connections that know nothing of one another. */
const LOAD = { connections: 20, devices: 200, readingsPerMessage: 1, qos: 1, isNow: true } as const;
const PER_SECOND = 1_000;
const DAY_SECONDS = 86_400;
const GB = 1e9;
/** Any durable write of its own takes a page at least. */
const PAGE_BYTES = 4_096;

/** What a day of 1,000 readings a second at QoS 1 writes to the disk, with default settings and central connected. */
export const agentWear: Bench = {
  name: "agent-wear",
  summary:
    "bytes a day that the agent writes to the disk at 1,000 readings/s, QoS 1, beside a synced page for each",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const targets: FloodTarget[] = [];
      const central = await BenchCentral.prepare(join(folder, "central"), { isEncrypted: false });
      try {
        await central.start(benchPipeline());
        const uplink = { port: central.intakePort, isEncrypted: false };
        const agent = await startAgentBroker(join(folder, "agent"), { uplink });
        const load = await FloodTarget.start(agent, LOAD, targets);
        const round = { durationMs: isQuick ? 12_000 : 300_000, inFlight: 0, perSecond: PER_SECOND };
        await load.run({ ...round, durationMs: 5_000 });
        say("measuring");
        const before = diskWrites(agent.pid);
        await load.measure(round);
        const after = diskWrites(agent.pid);
        const [{ messageCount, seconds }] = load.results;
        const bytes = before === null || after === null ? Number.NaN : after - before;
        const aDay = (total: number) => rounded(((total / seconds) * DAY_SECONDS) / GB);
        return {
          value: aDay(bytes),
          unit: "GB a day",
          better: "lower",
          peer: { name: "each reading in a page of its own", value: aDay(messageCount * PAGE_BYTES) },
          further: {
            ...load.figures(),
            bytesPerReading: rounded(bytes / messageCount),
            seconds: rounded(seconds),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
        await central.stop();
      }
    }),
};
