import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildBinary } from "../scripts/build/binary.ts";
import { PROGRAMS } from "../scripts/build/programs.ts";
import type { Bench } from "./bench.ts";
import { processUsage } from "./measure/process-usage.ts";
import { rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { Child } from "./workload/child.ts";
import { CountingReceiver } from "./workload/counting-receiver.ts";

const MB = 1e6;
const CONNECT_MS_MAX = 120_000;

const planFor = (port: number, lines: number, machines: number): string => `version: 1
readingsPerSecond: 1
connectionPer: machine
sites: { alpha: { broker: "mqtt://127.0.0.1:${port}", qos: 0, lines: ${lines}, machinesPerLine: ${machines / lines} } }
signals: { temperature: {} }
`;

/** Each machine on a connection of its own, that listens for its commands and says a reading a second at QoS 0. */
export const simConnections: Bench = {
  name: "sim-connections",
  summary: "resident memory of one simulator with 10,000 MQTT connections, each of which publishes",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const machines = isQuick ? 2_000 : 10_000;
      const source = PROGRAMS.find(({ name }) => name === "millrace-sim");
      if (source === undefined) throw new Error("invariant: the simulator is one of the programs");
      say("building the binary");
      const { path } = await buildBinary(source);
      const receiver = await CountingReceiver.start();
      const children: Child[] = [];
      /** One that is connected with all its machines. */
      const run = async (lines: number, count: number): Promise<Child> => {
        const plan = join(folder, `plan-${count}.yaml`);
        writeFileSync(plan, planFor(receiver.port, lines, count));
        const wanted = (await receiver.counts()).connectionCount + count;
        const child = Child.ofProgram(path, ["run", "--plan", plan, "--truth", "/dev/null"]);
        children.push(child);
        const startMs = performance.now();
        while ((await receiver.counts()).connectionCount < wanted) {
          child.assertRuns();
          if (performance.now() - startMs > CONNECT_MS_MAX)
            throw new Error("cannot measure: not all connect");
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return child;
      };
      try {
        const alone = await run(1, 1);
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        const bare = residentMb(alone);
        await alone.stop();
        say(`connecting ${machines} machines`);
        const startMs = performance.now();
        const simulator = await run(10, machines);
        const connectSeconds = (performance.now() - startMs) / 1_000;
        say("publishing");
        const before = (await receiver.counts()).messageCount;
        const fromMs = performance.now();
        await new Promise((resolve) => setTimeout(resolve, isQuick ? 5_000 : 30_000));
        const messages = (await receiver.counts()).messageCount - before;
        const perSecond = (messages * 1_000) / (performance.now() - fromMs);
        const resident = residentMb(simulator);
        return {
          value: rounded(resident),
          unit: "MB resident",
          better: "lower",
          peer: { name: "the simulator with one connection", value: rounded(bare) },
          further: {
            connections: machines,
            kilobytesPerConnection: rounded(((resident - bare) * 1_000) / machines),
            connectSeconds: rounded(connectSeconds),
            messagesPerSecond: rounded(perSecond),
          },
        };
      } finally {
        for (const child of children) await child.kill();
        await receiver.stop();
      }
    }),
};

function residentMb(simulator: Child): number {
  const usage = processUsage(simulator.pid);
  if (usage === null) throw new Error("cannot measure: the simulator has ended, or this is not Linux");
  return usage.residentBytes / MB;
}
