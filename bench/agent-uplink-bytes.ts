import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { BenchCentral } from "./workload/bench-central.ts";
import { CountingProxy } from "./workload/counting-proxy.ts";
import { PlantPublisher } from "./workload/plant-publisher.ts";

const PANE_MS = 10_000;
const MACHINES = 333;
const HERTZ = 10;
/** Of the payloads that zstd is tried on. */
const SAMPLE_MAX = 200_000;

const metric = (name: string, unit: string) => `  ${name}:
    unit: ${unit}
    from: { topic: "factory/{site}/{line}/{machine}/${name}", json: { value: $.${name}, time: { path: $.ts, unit: ms } } }
    accumulate: [count, sum, min, max, mean]
    live: false
`;
const window = (name: string) => `  ${name}_10s: { metric: ${name}, size: 10s, by: [line] }
`;
const NAMES = ["temperature", "vibration", "pressure"];
const PIPELINE = `version: 1
metrics:
${metric("temperature", "°C")}${metric("vibration", "mm/s")}${metric("pressure", "bar")}windows:
${NAMES.map(window).join("")}`;

/** What goes over an encrypted uplink, beside the messages that it stands for. */
export const agentUplinkBytes: Bench = {
  name: "agent-uplink-bytes",
  summary:
    "share of bytes that 10 s panes of 1,000 noisy series at 10 Hz save on the uplink, beside zstd of the JSON",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const central = await BenchCentral.prepare(join(folder, "central"), { isEncrypted: true });
      const ends: (() => Promise<void> | void)[] = [() => central.stop()];
      try {
        await central.start(PIPELINE);
        const link = await CountingProxy.start(central.intakePort);
        ends.push(() => link.stop());
        const uplink = { port: link.port, isEncrypted: true };
        const agent = await startAgentBroker(join(folder, "agent"), { pipeline: PIPELINE, uplink });
        ends.push(() => agent.stop());
        const plant = await PlantPublisher.connect({
          port: agent.port,
          machines: MACHINES,
          readingsPerSecond: HERTZ,
          payloadsMax: SAMPLE_MAX,
        });
        ends.push(() => plant.stop());
        // From pane to pane, once the first ones have gone.
        await plant.run(isQuick ? PANE_MS - (Date.now() % PANE_MS) : 2 * PANE_MS);
        say("counting");
        const before = { link: link.bytes, ...plant.published };
        await plant.run(isQuick ? PANE_MS : 12 * PANE_MS);
        const uplinkBytes = link.bytes - before.link;
        const rawBytes = plant.published.packetBytes - before.packetBytes;
        const payloads = Buffer.from(plant.payloads);
        const zstdShare = zstdCompressSync(payloads).length / payloads.length;
        const { ledger, link: linkStatus } = await agent.status();
        if (linkStatus.state !== "up" || ledger.forwarded === 0)
          throw new Error("cannot measure: the uplink has carried nothing");
        return {
          value: rounded(100 * (1 - uplinkBytes / rawBytes)),
          unit: "% fewer bytes",
          better: "higher",
          peer: { name: "zstd of the JSON payloads", value: rounded(100 * (1 - zstdShare)) },
          further: {
            uplinkBytesPerSecond: rounded((uplinkBytes / (isQuick ? 1 : 12) / PANE_MS) * 1_000),
            rawBytesPerSecond: rounded((rawBytes / (isQuick ? 1 : 12) / PANE_MS) * 1_000),
            messages: plant.published.messages - before.messages,
            uplinkBytesPerPane: rounded(uplinkBytes / (isQuick ? 1 : 12) / (MACHINES * NAMES.length)),
          },
        };
      } finally {
        for (const end of ends.toReversed()) await end();
      }
    }),
};
