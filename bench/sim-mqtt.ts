import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import mqtt from "mqtt";
import { parsePlan } from "../simulator/src/plan/load-plan.ts";
import { Simulation } from "../simulator/src/simulation.ts";
import { TruthLog } from "../simulator/src/truth/truth-log.ts";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { CountingReceiver } from "./workload/counting-receiver.ts";

const DAY_MS = 86_400_000;
const LINES = 4;
const MACHINES = 250;

/** A thousand machines of three signals over four connections, QoS 0. */
const planFor = (port: number): string => `version: 1
readingsPerSecond: 10
sites: { alpha: { broker: "mqtt://127.0.0.1:${port}", qos: 0, lines: ${LINES}, machinesPerLine: ${MACHINES} } }
signals: { temperature: {}, vibration: {}, pressure: {} }
publish: { waitingMax: 20000 }
`;

/** The simulator as `run --speed max` has it, truth and all, to a receiver that only counts. */
export const simMqtt: Bench = {
  name: "sim-mqtt",
  summary: "QoS 0 messages a second from one simulator, to a receiver that only counts, beside plain mqtt.js",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const durationMs = isQuick ? 2_000 : 8_000;
      const rounds = isQuick ? 1 : 5;
      const receiver = await CountingReceiver.start();
      try {
        const rates: Record<"whole" | "truthless" | "peer", Rate[]> = { whole: [], truthless: [], peer: [] };
        const middle = (of: readonly Rate[], kind: keyof Rate): number =>
          rounded(median(of.map((each) => each[kind])));
        for (let round = 0; round <= rounds; round += 1) {
          say(round === 0 ? "warming up" : `round ${round}`);
          const whole = await simulate(receiver, join(folder, `truth-${round}`), durationMs);
          const truthless = await simulate(receiver, "/dev/null", durationMs);
          const peer = await publishPlainly(receiver, durationMs);
          if (round === 0) continue;
          rates.whole.push(whole);
          rates.truthless.push(truthless);
          rates.peer.push(peer);
        }
        return {
          value: middle(rates.whole, "perSecond"),
          unit: "messages/s",
          better: "higher",
          peer: { name: "mqtt.js, one constant payload", value: middle(rates.peer, "perSecond") },
          further: {
            perCpuSecond: middle(rates.whole, "perCpuSecond"),
            truthToNowherePerCpuSecond: middle(rates.truthless, "perCpuSecond"),
            peerPerCpuSecond: middle(rates.peer, "perCpuSecond"),
            machines: LINES * MACHINES,
            connections: LINES,
          },
        };
      } finally {
        await receiver.stop();
      }
    }),
};

interface Rate {
  readonly perSecond: number;
  /** Of this process's own time, all its threads. */
  readonly perCpuSecond: number;
}

/** Messages that the receiver has counted. */
async function measured(receiver: CountingReceiver, durationMs: number): Promise<Rate> {
  const before = (await receiver.counts()).messageCount;
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  const count = (await receiver.counts()).messageCount - before;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (count * 1_000) / (performance.now() - startMs),
    perCpuSecond: (count * 1_000_000) / (user + system),
  };
}

async function simulate(receiver: CountingReceiver, truthPath: string, durationMs: number): Promise<Rate> {
  const truth = new TruthLog(truthPath);
  const simulation = new Simulation({
    plan: parsePlan(planFor(receiver.port), "plan"),
    truth,
    recovery: null,
    startMs: Date.now() - DAY_MS,
    forMs: null,
    speed: Infinity,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  simulation.start();
  const rate = await measured(receiver, durationMs);
  await simulation.drain(10_000);
  truth.close();
  return rate;
}

/** What a first program would do, without a plant behind it. */
async function publishPlainly(receiver: CountingReceiver, durationMs: number): Promise<Rate> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${receiver.port}`);
  let isRunning = true;
  const topic = "factory/alpha/line-1/machine-1/temperature";
  const publish = (): void => {
    if (!isRunning) return;
    for (let count = 0; count < 100; count += 1)
      client.publish(topic, '{"temperature":60.125,"ts":1767225600000}');
    if (client.stream.writableNeedDrain) client.stream.once("drain", publish);
    else setImmediate(publish);
  };
  publish();
  const rate = await measured(receiver, durationMs);
  isRunning = false;
  await client.endAsync(true);
  return rate;
}
