import type { RecordStreamConfig } from "./central-config.ts";
import type { RecordsFile } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { resolveKafka } from "./resolve-kafka.ts";

/** One of `records`: one source, and times that go together. */
export function resolveRecords(reader: ConfigReader, name: string, records: RecordsFile): RecordStreamConfig {
  const path = ["records", name];
  const { http, kafka, outOfOrderness, dedupe } = records;
  if ((http === undefined) === (kafka === undefined)) {
    const found = http === undefined ? "no source" : "two sources";
    reader.problem(path, `records ${name} have ${found}; give one of http: {} and kafka: { … }`, "key");
  }
  if (dedupe.horizon < outOfOrderness)
    reader.problem(
      [...path, "dedupe", "horizon"],
      `records may be ${outOfOrderness} ms out of order, and ids are remembered for ${dedupe.horizon} ms only: those in between would be set aside; dedupe.horizon must be at least outOfOrderness`,
    );
  return {
    name,
    kafka:
      kafka === undefined
        ? null
        : {
            ...resolveKafka(reader, [...path, "kafka"], { ...kafka, clientId: "millrace-central" }),
            topic: kafka.topic,
            group: kafka.group ?? `millrace-${name}`,
          },
    outOfOrdernessMs: outOfOrderness,
    idleTimeoutMs: records.idleTimeout,
    maxFutureMs: records.maxFuture,
    recordBytesMax: records.recordBytesMax,
    dedupeHorizonMs: dedupe.horizon,
    dedupeIdsMax: dedupe.idsMax,
  };
}
