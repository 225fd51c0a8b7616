import { connectAsync, type MqttClient } from "mqtt";
import { processUsage } from "../measure/process-usage.ts";
import { percentile } from "../measure/statistics.ts";

export interface SensorLoadOptions {
  readonly port: number;
  /** The broker's process, whose use is measured. */
  readonly pid: number;
  readonly connections: number;
  readonly machinesPerConnection: number;
}

export interface LoadRound {
  readonly durationMs: number;
  /** As many as the broker takes with `inFlight` unacknowledged per connection; or so many a second in all. */
  readonly pace: { readonly inFlight: number } | { readonly perSecond: number };
}

export interface LoadResult {
  /** Acknowledged within the round. */
  readonly ackCount: number;
  readonly seconds: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Of the broker's process; NaN where it cannot be measured. */
  readonly brokerCpuMs: number;
  readonly brokerResidentBytes: number;
  /** Of the load itself: near the round's length, the load was the limit. */
  readonly ownCpuMs: number;
}

/** Machines that publish their temperature at QoS 1, below every limit, each with its own time. */
export class SensorLoad {
  readonly #pid: number;
  readonly #clients: readonly MqttClient[];
  readonly #topics: readonly (readonly string[])[];
  #sentCount = 0;

  static async connect({
    port,
    pid,
    connections,
    machinesPerConnection,
  }: SensorLoadOptions): Promise<SensorLoad> {
    const clients = await Promise.all(
      Array.from({ length: connections }, () => connectAsync(`mqtt://127.0.0.1:${port}`)),
    );
    const topics = clients.map((_client, line) =>
      Array.from(
        { length: machinesPerConnection },
        (_, machine) => `factory/alpha/line-${line}/machine-${machine}/temperature`,
      ),
    );
    return new SensorLoad(pid, clients, topics);
  }

  private constructor(pid: number, clients: readonly MqttClient[], topics: readonly (readonly string[])[]) {
    this.#pid = pid;
    this.#clients = clients;
    this.#topics = topics;
  }

  async run({ durationMs, pace }: LoadRound): Promise<LoadResult> {
    const latencies: number[] = [];
    const before = processUsage(this.#pid);
    const ownBefore = process.cpuUsage();
    const startedMs = performance.now();
    const endMs = startedMs + durationMs;
    const acked = (sinceMs: number): boolean => {
      const nowMs = performance.now();
      if (nowMs <= endMs) latencies.push(nowMs - sinceMs);
      return nowMs < endMs;
    };
    await ("inFlight" in pace
      ? this.#saturate(pace.inFlight, acked)
      : this.#pace(pace.perSecond, startedMs, endMs, acked));
    const seconds = (Math.max(performance.now(), endMs) - startedMs) / 1_000;
    const after = processUsage(this.#pid);
    const own = process.cpuUsage(ownBefore);
    return {
      ackCount: latencies.length,
      seconds: durationMs / 1_000,
      latencyMs: {
        p50: percentile(latencies, 0.5),
        p99: percentile(latencies, 0.99),
        max: percentile(latencies, 1),
      },
      // The last acknowledgements come after the end: the use is that of all the time there was.
      brokerCpuMs:
        after === null || before === null
          ? Number.NaN
          : ((after.cpuMs - before.cpuMs) * durationMs) / 1_000 / seconds,
      brokerResidentBytes: after?.residentBytes ?? Number.NaN,
      ownCpuMs: (own.user + own.system) / 1_000,
    };
  }

  /** Every acknowledgement sends the next message. */
  async #saturate(inFlight: number, acked: (sinceMs: number) => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let openCount = this.#clients.length * inFlight;
    const send = (connection: number): void => {
      const sentMs = performance.now();
      this.#publish(connection, (error) => {
        if (error != null) return reject(error);
        if (acked(sentMs)) return send(connection);
        openCount -= 1;
        if (openCount === 0) resolve();
      });
    };
    for (let count = 0; count < inFlight; count += 1) {
      for (let connection = 0; connection < this.#clients.length; connection += 1) send(connection);
    }
    return promise;
  }

  /** By the clock, whatever the broker does; latency counts from when a message was due. */
  async #pace(
    perSecond: number,
    startedMs: number,
    endMs: number,
    acked: (sinceMs: number) => boolean,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let dueCount = 0;
    let openCount = 0;
    const finish = (): void => {
      if (performance.now() >= endMs && openCount === 0) resolve();
    };
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs >= endMs) {
        clearInterval(timer);
        return finish();
      }
      while (startedMs + (dueCount * 1_000) / perSecond <= nowMs) {
        const dueMs = startedMs + (dueCount * 1_000) / perSecond;
        openCount += 1;
        this.#publish(dueCount++ % this.#clients.length, (error) => {
          if (error != null) return reject(error);
          openCount -= 1;
          acked(dueMs);
          finish();
        });
      }
    }, 1);
    return promise;
  }

  #publish(connection: number, done: (error?: Error | null) => void): void {
    const topics = this.#topics[connection];
    const count = this.#sentCount++;
    const topic = topics[Math.floor(count / this.#clients.length) % topics.length];
    const temperature = 20 + (count % 5_000) / 100;
    this.#clients[connection].publish(
      topic,
      `{"temperature":${temperature},"ts":${Date.now()}}`,
      { qos: 1 },
      done,
    );
  }
}
