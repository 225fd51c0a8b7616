import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { processUsage } from "./measure/process-usage.ts";
import { slope } from "./measure/slope.ts";
import { rounded } from "./measure/statistics.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { BenchCentral } from "./workload/bench-central.ts";
import { benchPipeline } from "./workload/bench-pipeline.ts";
import { FloodTarget } from "./workload/flood-target.ts";

const LOAD = { connections: 20, devices: 1_000, readingsPerMessage: 1, qos: 1, isNow: true } as const;
const PER_SECOND = 20_000;
const SAMPLE_MS = 2_000;
/** What fills up by design (keys of ten minutes, caches) has done so after the first part. */
const SETTLING_SHARE = 0.4;
const MINUTES = 60;

/** Whether the agent's memory stands still under a load that lasts, with central connected. */
export const agentSoak: Bench = {
  name: "agent-soak",
  summary:
    "slope of the agent's memory over an hour (--minutes N) at 20 k messages/s, beside its own uncertainty",
  run: ({ isQuick, minutes = MINUTES, say }) =>
    inBenchFolder(async (folder) => {
      const targets: FloodTarget[] = [];
      const central = await BenchCentral.prepare(join(folder, "central"), { isEncrypted: false });
      try {
        await central.start(benchPipeline());
        const uplink = { port: central.intakePort, isEncrypted: false };
        const broker = await startAgentBroker(join(folder, "agent"), { uplink });
        const agent = await FloodTarget.start(broker, LOAD, targets);
        const durationMs = isQuick ? 12_000 : minutes * 60_000;
        const samples: { readonly x: number; readonly y: number }[] = [];
        const startedMs = performance.now();
        const timer = setInterval(
          () => {
            const passedMs = performance.now() - startedMs;
            const residentBytes = processUsage(broker.pid)?.residentBytes;
            if (residentBytes !== undefined && passedMs > durationMs * SETTLING_SHARE)
              samples.push({ x: passedMs / 3_600_000, y: residentBytes / 2 ** 20 });
            if (samples.length % 30 === 1)
              say(`${(passedMs / 60_000).toFixed(1)} min, ${samples.at(-1)?.y.toFixed(0)} MiB`);
          },
          isQuick ? 250 : SAMPLE_MS,
        );
        await agent.measure({ durationMs, inFlight: 0, perSecond: PER_SECOND });
        clearInterval(timer);
        await broker.checkLedger();
        const { perUnit, error } = slope(samples);
        return {
          value: rounded(perUnit),
          unit: "MiB an hour",
          better: "lower",
          // Within twice its standard error a slope is not to be told from none.
          peer: { name: "twice the slope's standard error", value: rounded(2 * error) },
          further: {
            ...agent.figures(),
            minutes: rounded(durationMs / 60_000),
            residentMiBAtEnd: rounded(samples.at(-1)?.y ?? Number.NaN),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
        await central.stop();
      }
    }),
};
