import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import type { Broker } from "./workload/broker.ts";
import { Child } from "./workload/child.ts";
import type { LoadRound, SensorLoadOptions } from "./workload/sensor-load.ts";

const SENSOR_PROCESS = join(import.meta.dirname, "workload/sensor-process.ts");
const DATA_FOLDER = join(import.meta.dirname, "../data");
const MACHINES = 50;
const HOT = 85;
const COLD = 70;
const LOAD_PER_SECOND = 1_000;
const ANSWER_LIMIT_MS = 10_000;
/** Longer than any measurement; the sensors end with their process. */
const LOAD_MS = 600_000;

/** From a sensor's publish above the limit to the stop command at its machine, with the uplink down. */
export const actionLatency: Bench = {
  name: "action-latency",
  summary:
    "sensor above its limit → stop command received, uplink down, beside a one-line script in plain aedes",
  async run({ isQuick, say }) {
    const crossings = isQuick ? 200 : 1_000;
    mkdirSync(DATA_FOLDER, { recursive: true });
    const folder = mkdtempSync(join(DATA_FOLDER, "bench-"));
    const stops: (() => Promise<void>)[] = [];
    try {
      const agent = await startAgentBroker(folder);
      stops.push(() => agent.stop());
      const aedes = await startAedesBroker("stop");
      stops.push(() => aedes.stop());
      const brokers = [agent, aedes];
      const machines = await Promise.all(brokers.map(({ port }) => StopMachine.connect(port)));
      stops.push(async () => void (await Promise.all(machines.map((machine) => machine.end()))));
      for (const machine of machines) await machine.measure(isQuick ? 100 : 300);

      say("without other load");
      const calm = await measureInTurns(machines, crossings);
      say(`with ${LOAD_PER_SECOND} readings a second beside`);
      for (const broker of brokers) stops.push(await startLoad(broker));
      const loaded = await measureInTurns(machines, crossings);
      const [agentMs, aedesMs] = calm;
      return {
        value: rounded(percentile(agentMs, 0.99)),
        unit: "ms p99",
        better: "lower",
        peer: { name: "aedes with a script on its publish event", value: rounded(percentile(aedesMs, 0.99)) },
        further: {
          ...figures("agent", calm[0]),
          ...figures("aedes", calm[1]),
          ...figures("agentLoaded", loaded[0]),
          ...figures("aedesLoaded", loaded[1]),
          crossings,
          loadReadingsPerSecond: LOAD_PER_SECOND,
        },
      };
    } finally {
      for (const stop of stops.toReversed()) await stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A part at a time from each, so that what else the machine does meets both alike. */
async function measureInTurns(machines: readonly StopMachine[], crossings: number): Promise<number[][]> {
  const measured: number[][] = machines.map(() => []);
  const turns = 10;
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [index, machine] of machines.entries()) {
      measured[index].push(...(await machine.measure(crossings / turns)));
    }
  }
  return measured;
}

function figures(name: string, latenciesMs: readonly number[]): Record<string, number> {
  return {
    [`${name}P50Ms`]: rounded(percentile(latenciesMs, 0.5)),
    [`${name}P99Ms`]: rounded(percentile(latenciesMs, 0.99)),
    [`${name}MaxMs`]: rounded(percentile(latenciesMs, 1)),
  };
}

async function startLoad(broker: Broker): Promise<() => Promise<void>> {
  const sensors = Child.ofModule(SENSOR_PROCESS);
  const options: SensorLoadOptions = {
    port: broker.port,
    pid: broker.pid,
    connections: 20,
    machinesPerConnection: 10,
  };
  await sensors.ask(options);
  const round: LoadRound = { durationMs: LOAD_MS, pace: { perSecond: LOAD_PER_SECOND } };
  sensors.tell(round);
  return () => sensors.stop();
}

/** The sensors and the command receiver of some machines, each a connection of its own. */
class StopMachine {
  readonly #sensor: MqttClient;
  readonly #receiver: MqttClient;
  #machine = 0;
  #stopped: ((topic: string) => void) | undefined;

  static async connect(port: number): Promise<StopMachine> {
    const url = `mqtt://127.0.0.1:${port}`;
    const [sensor, receiver] = [await connectAsync(url), await connectAsync(url)];
    for (const client of [sensor, receiver]) {
      if ("setNoDelay" in client.stream && typeof client.stream.setNoDelay === "function")
        client.stream.setNoDelay(true);
    }
    await receiver.subscribeAsync("factory/alpha/test/+/command", { qos: 1 });
    return new StopMachine(sensor, receiver);
  }

  private constructor(sensor: MqttClient, receiver: MqttClient) {
    this.#sensor = sensor;
    this.#receiver = receiver;
    receiver.on("message", (topic) => this.#stopped?.(topic));
  }

  /** Milliseconds of each crossing, one after another; between them the machine cools down, which is acknowledged. */
  async measure(crossings: number): Promise<number[]> {
    const latencies: number[] = [];
    for (let crossing = 0; crossing < crossings; crossing += 1) {
      this.#machine = (this.#machine + 1) % MACHINES;
      const place = `factory/alpha/test/machine-${this.#machine}`;
      const stopped = this.#commandAt(`${place}/command`);
      const startedMs = performance.now();
      const hot = this.#publish(`${place}/temperature`, HOT);
      latencies.push((await stopped) - startedMs);
      await hot;
      await this.#publish(`${place}/temperature`, COLD);
    }
    return latencies;
  }

  async end(): Promise<void> {
    await Promise.all([this.#sensor.endAsync(true), this.#receiver.endAsync(true)]);
  }

  #commandAt(topic: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(
      () => reject(new Error(`cannot measure: no command on ${topic} within ${ANSWER_LIMIT_MS} ms`)),
      ANSWER_LIMIT_MS,
    );
    this.#stopped = (received) => {
      if (received === topic) resolve(performance.now());
    };
    return promise.finally(() => clearTimeout(timer));
  }

  async #publish(topic: string, temperature: number): Promise<void> {
    await this.#sensor.publishAsync(topic, JSON.stringify({ temperature, ts: Date.now() }), { qos: 1 });
  }
}
