import { KafkaLog } from "../../central/src/log/kafka-log.ts";
import { LoggedCentral } from "../../central/src/log/logged-central.test-support.ts";
import type { MakeLog } from "../../central/src/log/logged-central.test-support.ts";
import { ScriptedAgent } from "../../central/src/scripted-agent.test-support.ts";
import { type KafkaClient, type KafkaSentRecord, PlatformaticClient } from "@millrace/kafka";
import { systemRandom } from "@millrace/runtime";
import { uplinkRecord } from "@millrace/wire";
import { Admin } from "@platformatic/kafka";
import { onTestFinished } from "vitest";
import type { KafkaWorks } from "./kafka-works.ts";
import { until } from "./until.ts";

const PARTITIONS = 3;
let number = 0;

/** A topic of one test: central's log, or one of records. */
export class LogTopic {
  readonly topic: string;
  readonly #works: KafkaWorks;
  readonly #client: PlatformaticClient;

  private constructor(works: KafkaWorks) {
    number += 1;
    this.topic = `log-${number}`;
    this.#works = works;
    this.#client = new PlatformaticClient({
      brokers: [works.server.address],
      clientId: this.topic,
      tls: null,
      sasl: null,
    });
  }

  static async make(works: KafkaWorks): Promise<LogTopic> {
    const topic = new LogTopic(works);
    await topic.create({});
    return topic;
  }

  async create(settings: Readonly<Record<string, string>>): Promise<void> {
    const { topic } = this;
    const admin = this.#client.admin();
    await until("the topic is made", () =>
      admin.createTopic({ topic, partitions: PARTITIONS, replicas: 1, settings }),
    );
    await until("the topic is known", async () => (await admin.describeTopic(topic)) !== null);
    await admin.close();
  }

  delete(): Promise<void> {
    return this.#works.deleteTopic(this.topic);
  }

  get client(): KafkaClient {
    return this.#client;
  }

  get makeLog(): MakeLog {
    const { topic } = this;
    return (clock, log) => ({
      name: topic,
      log: new KafkaLog({
        topic,
        client: this.#client,
        process: systemRandom.hex(8),
        clock,
        log,
        patienceMs: 600_000,
      }),
    });
  }

  async start(options: Parameters<typeof LoggedCentral.start>[1] = {}): Promise<LoggedCentral> {
    const logged = await LoggedCentral.start(this.makeLog, options);
    onTestFinished(async () => void (await logged.crash()));
    return logged;
  }

  async send(records: readonly Omit<KafkaSentRecord, "topic">[]): Promise<void> {
    const producer = this.#client.producer();
    await producer.connect([this.topic]);
    await producer.send(records.map((record) => ({ ...record, topic: this.topic })));
    await producer.close();
  }

  /** An agent that writes to the topic itself: what it says goes there, to this partition, in one request. */
  async write(site: string, partition: number, say: (agent: ScriptedAgent) => void): Promise<void> {
    // It has said hello a while ago.
    const clockMs = () => Date.now() - 30_000;
    const origin = { agent: `${site}-1`, site, session: null };
    const records: Omit<KafkaSentRecord, "topic">[] = [];
    const receiver = {
      onOpen: () => {},
      onClose: () => {},
      onMessage: (...[, topic, payload]: Parameters<LoggedCentral["central"]["onMessage"]>) =>
        void records.push({
          ...uplinkRecord(origin, topic, payload),
          partition,
          timestampMs: topic === "hello" ? clockMs() : Date.now(),
        }),
    };
    const storeId = site.charCodeAt(0).toString(16).padStart(32, "0");
    say(new ScriptedAgent(receiver, clockMs, { agent: origin.agent, site, storeId }));
    await this.send(records);
  }

  /** What lies before this offset is there no more. */
  async deleteBefore(partition: number, offset: number): Promise<void> {
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [this.#works.server.address] });
    const partitions = [{ partition, offset: BigInt(offset) }];
    await admin.deleteRecords({ topics: [{ name: this.topic, partitions }] });
    await admin.close();
  }
}
