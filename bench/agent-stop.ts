import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import type { Broker } from "./workload/broker.ts";
import { FloodTarget } from "./workload/flood-target.ts";
import { StopMachine } from "./workload/stop-machine.ts";

const LOAD = { connections: 4, devices: 1_000, readingsPerMessage: 1, qos: 0 } as const;
const LOAD_PER_SECOND = 50_000;
const SLOW_COMMITS = join(import.meta.dirname, "workload/slow-commits.ts");

/** From a sensor's publish above the limit to the stop command at its machine, the uplink down and many others publishing. */
export const agentStop: Bench = {
  name: "agent-stop",
  summary:
    "sensor above its limit → stop command received, with 50 k messages/s beside and a slow disk, beside a script in aedes",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const targets: FloodTarget[] = [];
      const stops: StopTarget[] = [];
      const start = async (name: string, broker: Promise<Broker>) =>
        stops.push(await StopTarget.start({ ...(await broker), name }, targets));
      try {
        await start("agent", startAgentBroker(join(folder, "agent")));
        const flags = ["--import", SLOW_COMMITS];
        await start("slowDisk", startAgentBroker(join(folder, "slow"), { flags }));
        await start("aedes", startAedesBroker("stop"));
        for (const stop of stops) await stop.measure(isQuick ? 1_500 : 4_000);
        for (const stop of stops) stop.latenciesMs.length = 0;
        for (let round = 0; round < (isQuick ? 1 : 5); round += 1) {
          say(`round ${round + 1}`);
          for (const stop of stops) await stop.measure(isQuick ? 2_000 : 5_000);
        }
        const [agent, slowDisk, aedes] = stops;
        return {
          value: rounded(Math.max(agent.at(0.99), slowDisk.at(0.99))),
          unit: "ms p99, the greater of the two disks",
          better: "lower",
          peer: { name: "aedes with a script on its publish event", value: rounded(aedes.at(0.99)) },
          further: Object.assign(
            { loadMessagesPerSecond: LOAD_PER_SECOND },
            ...stops.map((stop) => stop.figures()),
          ),
        };
      } finally {
        await Promise.all(stops.map((stop) => stop.end()));
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};

/** A broker that stops machines, and the load beside. */
class StopTarget {
  readonly latenciesMs: number[] = [];
  readonly #name: string;
  readonly #machine: StopMachine;
  readonly #load: FloodTarget;

  static async start(broker: Broker, targets: FloodTarget[]): Promise<StopTarget> {
    const load = await FloodTarget.start(broker, LOAD, targets);
    return new StopTarget(broker.name, await StopMachine.connect(broker.port), load);
  }

  private constructor(name: string, machine: StopMachine, load: FloodTarget) {
    this.#name = name;
    this.#machine = machine;
    this.#load = load;
  }

  async measure(durationMs: number): Promise<void> {
    let isOver = false;
    const loaded = this.#load
      .measure({ durationMs, inFlight: 0, perSecond: LOAD_PER_SECOND })
      .finally(() => (isOver = true));
    // The first of a round meets a load that begins.
    await this.#machine.measure(10);
    while (!isOver) this.latenciesMs.push(...(await this.#machine.measure(5)));
    await loaded;
  }

  at(share: number): number {
    return percentile(this.latenciesMs, share);
  }

  figures(): Record<string, number> {
    return {
      [`${this.#name}P50Ms`]: rounded(this.at(0.5)),
      [`${this.#name}P99Ms`]: rounded(this.at(0.99)),
      [`${this.#name}MaxMs`]: rounded(this.at(1)),
      [`${this.#name}Crossings`]: this.latenciesMs.length,
      [`${this.#name}LoadMessagesPerSecond`]: rounded(this.#load.perSecond()),
    };
  }

  end(): Promise<void> {
    return this.#machine.end();
  }
}
