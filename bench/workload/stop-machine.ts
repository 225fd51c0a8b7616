import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";

const MACHINES = 50;
const HOT = 85;
const COLD = 70;
/** Between crossings: what one has set off is over when the next begins. */
const PAUSE_MS = 5;
const ANSWER_LIMIT_MS = 10_000;

/** The sensors and the command receiver of some machines, each a connection of its own. */
export class StopMachine {
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

  /** From the publish to the command received, ms, of so many crossings, one after another; between them the machine cools down. */
  async measure(crossings: number): Promise<number[]> {
    const latencies: number[] = [];
    for (let crossing = 0; crossing < crossings; crossing += 1) {
      this.#machine = (this.#machine + 1) % MACHINES;
      const place = `factory/alpha/test/machine-${this.#machine}`;
      const stopped = this.#commandAt(`${place}/command`);
      const startedMs = performance.now();
      this.#publish(`${place}/temperature`, HOT);
      latencies.push((await stopped) - startedMs);
      await sleep(PAUSE_MS);
      this.#publish(`${place}/temperature`, COLD);
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

  /** QoS 0: with a slow disk an acknowledgement would take longer than the whole way. */
  #publish(topic: string, temperature: number): void {
    this.#sensor.publish(topic, JSON.stringify({ temperature, ts: Date.now() }));
  }
}
