import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./measure/statistics.ts";
import { syncTimeMs } from "./measure/sync-time.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import type { Broker } from "./workload/broker.ts";
import { Child } from "./workload/child.ts";
import { startMosquittoBroker } from "./workload/mosquitto-broker.ts";
import type { LoadResult, LoadRound, SensorLoadOptions } from "./workload/sensor-load.ts";

const SENSOR_PROCESS = join(import.meta.dirname, "workload/sensor-process.ts");
const DATA_FOLDER = join(import.meta.dirname, "../data");
const CONNECTIONS = 20;
const MACHINES_PER_CONNECTION = 10;
const IN_FLIGHT_PER_CONNECTION = 100;
const PACED_PER_SECOND = 1_000;

/** QoS 1 messages acknowledged, and for the agent that means durable, aggregated and watched by a rule. */
export const agentIngest: Bench = {
  name: "agent-ingest",
  summary:
    "durable readings a second through the real agent beside plain aedes and Mosquitto, which keep nothing",
  async run({ isQuick, say }) {
    const warmupMs = isQuick ? 1_000 : 4_000;
    const roundMs = isQuick ? 1_500 : 5_000;
    const rounds = isQuick ? 1 : 5;
    mkdirSync(DATA_FOLDER, { recursive: true });
    const folder = mkdtempSync(join(DATA_FOLDER, "bench-"));
    const targets: Target[] = [];
    try {
      const agentBroker = await startAgentBroker(join(folder, "agent"));
      const agent = await Target.start(agentBroker, targets);
      const aedes = await Target.start(await startAedesBroker(), targets);
      const mosquittoBroker = await startMosquittoBroker(join(folder, "mosquitto"));
      const mosquitto = mosquittoBroker === null ? null : await Target.start(mosquittoBroker, targets);
      const saturated = { pace: { inFlight: IN_FLIGHT_PER_CONNECTION } };
      for (const target of targets) await target.run({ durationMs: warmupMs, ...saturated });
      for (let round = 0; round < rounds; round += 1) {
        say(`round ${round + 1} of ${rounds}`);
        for (const target of targets) {
          target.full.push(await target.run({ durationMs: roundMs, ...saturated }));
          target.paced.push(await target.run({ durationMs: roundMs, pace: { perSecond: PACED_PER_SECOND } }));
        }
      }
      await agentBroker.checkLedger();
      return {
        value: rounded(agent.perSecond()),
        unit: "readings/s",
        better: "higher",
        peer: { name: "aedes without durability", value: rounded(aedes.perSecond()) },
        further: {
          spread: rounded(agent.spread()),
          ...agent.figures("agent"),
          ...aedes.figures("aedes"),
          ...(mosquitto === null
            ? {}
            : {
                mosquittoReadingsPerSecond: rounded(mosquitto.perSecond()),
                ...mosquitto.figures("mosquitto"),
              }),
          // With everything in flight acknowledged by one write, the disk alone would allow this much.
          syncMs: rounded(syncTimeMs(folder)),
          connections: CONNECTIONS,
          series: CONNECTIONS * MACHINES_PER_CONNECTION,
          inFlight: CONNECTIONS * IN_FLIGHT_PER_CONNECTION,
          pacedReadingsPerSecond: PACED_PER_SECOND,
        },
      };
    } finally {
      await Promise.all(targets.map((target) => target.stop()));
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A broker and the sensors that load it. */
class Target {
  readonly full: LoadResult[] = [];
  readonly paced: LoadResult[] = [];
  readonly #broker: Broker;
  readonly #sensors: Child;

  static async start(broker: Broker, targets: Target[]): Promise<Target> {
    const target = new Target(broker);
    targets.push(target);
    const options: SensorLoadOptions = {
      port: broker.port,
      pid: broker.pid,
      connections: CONNECTIONS,
      machinesPerConnection: MACHINES_PER_CONNECTION,
    };
    await target.#sensors.ask(options);
    return target;
  }

  private constructor(broker: Broker) {
    this.#broker = broker;
    this.#sensors = Child.ofModule(SENSOR_PROCESS);
  }

  run(round: LoadRound): Promise<LoadResult> {
    return this.#sensors.ask(round);
  }

  perSecond(): number {
    return median(this.full.map(({ ackCount, seconds }) => ackCount / seconds));
  }

  spread(): number {
    const rates = this.full.map(({ ackCount, seconds }) => ackCount / seconds);
    return (Math.max(...rates) - Math.min(...rates)) / median(rates);
  }

  figures(name: string): Record<string, number> {
    const cpuMicroseconds = ({ brokerCpuMs, ackCount }: LoadResult) => (brokerCpuMs * 1_000) / ackCount;
    const ofMedian = (rounds: readonly LoadResult[], figure: (round: LoadResult) => number) =>
      rounded(median(rounds.map(figure)));
    return {
      [`${name}CpuMicrosecondsPerReading`]: ofMedian(this.full, cpuMicroseconds),
      [`${name}CpuShare`]: ofMedian(this.full, ({ brokerCpuMs, seconds }) => brokerCpuMs / 1_000 / seconds),
      [`${name}SensorsCpuShare`]: ofMedian(this.full, ({ ownCpuMs, seconds }) => ownCpuMs / 1_000 / seconds),
      [`${name}PubackP50Ms`]: ofMedian(this.full, ({ latencyMs }) => latencyMs.p50),
      [`${name}PubackP99Ms`]: ofMedian(this.full, ({ latencyMs }) => latencyMs.p99),
      [`${name}PacedPubackP50Ms`]: ofMedian(this.paced, ({ latencyMs }) => latencyMs.p50),
      [`${name}PacedPubackP99Ms`]: ofMedian(this.paced, ({ latencyMs }) => latencyMs.p99),
      [`${name}PacedCpuMicrosecondsPerReading`]: ofMedian(this.paced, cpuMicroseconds),
      [`${name}ResidentMiB`]: ofMedian(
        this.full,
        ({ brokerResidentBytes }) => brokerResidentBytes / 1024 / 1024,
      ),
    };
  }

  async stop(): Promise<void> {
    await this.#sensors.stop();
    await this.#broker.stop();
  }
}
