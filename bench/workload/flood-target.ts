import { join } from "node:path";
import { median, rounded } from "../measure/statistics.ts";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import type { FloodResult, FloodRound, PublishFloodOptions } from "./publish-flood.ts";

const FLOOD_PROCESS = join(import.meta.dirname, "flood-process.ts");

/** A broker, the flood that loads it, and what the rounds gave. */
export class FloodTarget {
  readonly name: string;
  readonly results: FloodResult[] = [];
  readonly #broker: Broker;
  readonly #flood = Child.ofModule(FLOOD_PROCESS);

  static async start(
    broker: Broker,
    options: Omit<PublishFloodOptions, "port" | "pid">,
    targets: FloodTarget[],
  ): Promise<FloodTarget> {
    const target = new FloodTarget(broker);
    targets.push(target);
    const flood: PublishFloodOptions = { ...options, port: broker.port, pid: broker.pid };
    await target.#flood.ask(flood);
    return target;
  }

  private constructor(broker: Broker) {
    this.name = broker.name;
    this.#broker = broker;
  }

  /** A round whose result counts. */
  async measure(round: FloodRound): Promise<void> {
    this.results.push(await this.run(round));
  }

  run(round: FloodRound): Promise<FloodResult> {
    return this.#flood.ask(round);
  }

  /** Messages a second by the clock, of the median round. */
  perSecond(): number {
    return this.#median(({ messageCount, seconds }) => messageCount / seconds);
  }

  /** Messages a second of the broker's processor time. */
  perCpuSecond(): number {
    return this.#median(({ messageCount, brokerCpuMs }) => (messageCount * 1_000) / brokerCpuMs);
  }

  /** (max − min) / median of the rounds' rates by the clock. */
  spread(): number {
    const rates = this.results.map(({ messageCount, seconds }) => messageCount / seconds);
    return rounded((Math.max(...rates) - Math.min(...rates)) / median(rates));
  }

  p99Ms(): number {
    return this.#median(({ latencyMs }) => latencyMs?.p99 ?? Number.NaN);
  }

  /** By the target's name; times of acknowledgements only where there are any. */
  figures(): Record<string, number> {
    const { name } = this;
    const hasLatency = this.results.every(({ latencyMs }) => latencyMs !== null);
    return {
      [`${name}MessagesPerSecond`]: rounded(this.perSecond()),
      [`${name}CpuMicrosecondsPerMessage`]: rounded(1e6 / this.perCpuSecond()),
      [`${name}CpuShare`]: rounded(this.#median(({ brokerCpuMs, seconds }) => brokerCpuMs / 1_000 / seconds)),
      [`${name}LoadCpuShare`]: rounded(this.#median(({ ownCpuMs, seconds }) => ownCpuMs / 1_000 / seconds)),
      [`${name}ResidentMiB`]: rounded(
        this.#median(({ brokerResidentBytes }) => brokerResidentBytes / 2 ** 20),
      ),
      ...(hasLatency
        ? {
            [`${name}PubackP50Ms`]: rounded(this.#median(({ latencyMs }) => latencyMs?.p50 ?? Number.NaN)),
            [`${name}PubackP99Ms`]: rounded(this.p99Ms()),
          }
        : {}),
    };
  }

  async stop(): Promise<void> {
    await this.#flood.stop();
    await this.#broker.stop();
  }

  #median(figure: (result: FloodResult) => number): number {
    return median(this.results.map(figure));
  }
}
