import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { parsePlan } from "../simulator/src/plan/load-plan.ts";
import { Simulation } from "../simulator/src/simulation.ts";
import { TruthLog } from "../simulator/src/truth/truth-log.ts";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { CountingReceiver } from "./workload/counting-receiver.ts";

const MB = 1e6;
const CONNECT_MS_MAX = 120_000;

const planFor = (port: number, machines: number): string => `version: 1
readingsPerSecond: 1
connectionPer: machine
sites: { alpha: { broker: "mqtt://127.0.0.1:${port}", qos: 0, lines: 10, machinesPerLine: ${machines / 10} } }
signals: { temperature: {} }
`;

/** Each machine on a connection of its own, that listens for its commands and says a reading a second at QoS 0. */
export const simConnections: Bench = {
  name: "sim-connections",
  summary: "resident memory of one simulator with 10,000 MQTT connections, each of which publishes",
  async run({ isQuick, say }) {
    const machines = isQuick ? 2_000 : 10_000;
    const receiver = await CountingReceiver.start();
    try {
      const bare = residentMb();
      const plan = parsePlan(planFor(receiver.port, machines), "plan");
      const truth = new TruthLog("/dev/null");
      const world = { clock: systemClock, random: systemRandom, log: silentLogger };
      const simulation = new Simulation({
        ...world,
        plan,
        truth,
        recovery: null,
        startMs: Date.now(),
        forMs: null,
      });
      const startMs = performance.now();
      simulation.start();
      say(`connecting ${machines} machines`);
      while (simulation.progress.connected.count < machines) {
        if (performance.now() - startMs > CONNECT_MS_MAX)
          throw new Error(
            `cannot measure: ${simulation.progress.connected.count} of ${machines} are connected`,
          );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const connectSeconds = (performance.now() - startMs) / 1_000;
      say("publishing");
      const before = (await receiver.counts()).messageCount;
      const publishMs = isQuick ? 5_000 : 30_000;
      const fromMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, publishMs));
      const messages = (await receiver.counts()).messageCount - before;
      const perSecond = (messages * 1_000) / (performance.now() - fromMs);
      const resident = residentMb();
      const { lagMs } = simulation.progress;
      await simulation.drain(0);
      truth.close();
      return {
        value: rounded(resident),
        unit: "MB resident",
        better: "lower",
        peer: { name: "this process before the first connection", value: rounded(bare) },
        further: {
          connections: machines,
          kilobytesPerConnection: rounded(((resident - bare) * 1_000) / machines),
          connectSeconds: rounded(connectSeconds),
          messagesPerSecond: rounded(perSecond),
          lagMs: rounded(lagMs),
        },
      };
    } finally {
      await receiver.stop();
    }
  },
};

function residentMb(): number {
  return process.memoryUsage.rss() / MB;
}
