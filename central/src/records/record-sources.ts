import type { CentralConfig } from "@millrace/config";
import type { Store } from "@millrace/queue";
import { systemClock, systemRandom, systemReadBuffers } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { RecordTarget } from "../api/routes/record-routes.ts";
import type { Central } from "../central.ts";
import { centralId } from "../store/central-id.ts";
import { KafkaRecordSource } from "./kafka-record-source.ts";

/** The sources of the streams of records that metrics read, and central as the API sees it with them. */
export class RecordSources {
  readonly #sources: ReadonlyMap<string, KafkaRecordSource>;
  readonly #central: Central;

  private constructor(central: Central, sources: ReadonlyMap<string, KafkaRecordSource>) {
    this.#central = central;
    this.#sources = sources;
  }

  /** To be called once central is open. Reads at once. */
  static async start(
    central: Central,
    options: {
      readonly config: Pick<CentralConfig, "records">;
      /** Central's. */
      readonly store: Store;
      readonly log: Logger;
    },
  ): Promise<RecordSources> {
    const { config, store, log } = options;
    const read = new Set(central.recordStreams().map(({ stream }) => stream));
    const sources = new Map<string, KafkaRecordSource>();
    const buffers = systemReadBuffers();
    for (const { name, kafka } of config.records) {
      if (kafka === null || !read.has(name)) continue;
      const { PlatformaticClient } = await import("@millrace/kafka");
      const client = new PlatformaticClient(kafka);
      const source = new KafkaRecordSource({
        stream: name,
        topic: kafka.topic,
        group: kafka.group ?? `millrace-${name}-${await centralId(store, systemRandom)}`,
        client,
        target: central,
        buffers,
        clock: systemClock,
        log,
      });
      source.start();
      sources.set(name, source);
    }
    return new RecordSources(central, sources);
  }

  get target(): RecordTarget {
    return {
      recordStreams: () =>
        this.#central
          .recordStreams()
          .map((view) => ({ ...view, reading: this.#sources.get(view.stream)?.view ?? null })),
      offerRecords: (stream, batch) => this.#central.offerRecords(stream, batch),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.close()));
  }
}
