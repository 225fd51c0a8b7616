import { systemClock } from "@millrace/runtime";
import { uplinkRecord } from "@millrace/wire";
import { FakeKafka } from "../records/fake-kafka.test-support.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";

/** A whole second, ten minutes ago. */
export const BEGAN_MS = Math.floor(systemClock.nowMs() / 1_000) * 1_000 - 600_000;

/** Of each partition no more is read than up to here. */
export class StoppableKafka extends FakeKafka {
  readonly stops = new Map<number, number>();
  readonly fetchBytesMax: (number | undefined)[] = [];

  constructor() {
    super("log");
  }

  override consumer(options: Parameters<FakeKafka["consumer"]>[0]): ReturnType<FakeKafka["consumer"]> {
    this.fetchBytesMax.push(options.fetchBytesMax);
    return super.consumer(options);
  }

  override read(position: Parameters<FakeKafka["read"]>[0]): ReturnType<FakeKafka["read"]> {
    return position.offset >= (this.stops.get(position.partition) ?? Infinity) ? null : super.read(position);
  }

  goOn(): void {
    this.stops.clear();
    for (const { partition } of this.ranges()) this.send(partition, []);
  }
}

/** The agent of a site that writes to the topic itself, to the partition and at the time that it is told. */
export class TopicWriter {
  partition = 0;
  atMs = BEGAN_MS;
  readonly #agent: ScriptedAgent;
  readonly #sent: Promise<void>[] = [];

  constructor(kafka: FakeKafka, site: string) {
    const producer = kafka.producer();
    this.#agent = new ScriptedAgent(
      {
        onOpen: () => undefined,
        onClose: () => undefined,
        onMessage: ({ agent }, type, payload) => {
          const record = uplinkRecord({ agent, site, session: null }, type, payload);
          // The sum of a key's bytes tells its partition.
          const key = String.fromCharCode(kafka.ranges().length * 30 + this.partition);
          this.#sent.push(producer.send([{ topic: "log", ...record, key, timestampMs: this.atMs }]));
        },
      },
      () => this.atMs,
      { agent: `${site}-1`, site, storeId: site.charCodeAt(0).toString(16).padStart(32, "0") },
    );
  }

  async hello(): Promise<void> {
    this.#agent.hello({ epoch: 1 });
    await Promise.all(this.#sent.splice(0));
  }

  async panes(sequence: number, startMs = BEGAN_MS): Promise<void> {
    this.#agent.panes(sequence, startMs, { frontier: { number: sequence, watermarkMs: startMs + 1_000 } });
    await Promise.all(this.#sent.splice(0));
  }
}
