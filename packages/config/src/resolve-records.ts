import { formatDuration } from "@millrace/runtime";
import type { RecordStreamConfig } from "./central-config.ts";
import type { RecordsFile } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { checkTimeZone } from "./check-time-zone.ts";
import { resolveKafka } from "./resolve-kafka.ts";
import type { KeyPath } from "./yaml-source.ts";

/** One of `records`: one source, and times that go together. */
export function resolveRecords(reader: ConfigReader, name: string, records: RecordsFile): RecordStreamConfig {
  const path = ["records", name];
  const { http, kafka, outOfOrderness, maxFuture, dedupe } = records;
  if ((http === undefined) === (kafka === undefined)) {
    const found = http === undefined ? "no source" : "two sources";
    reader.problem(path, `records ${name} have ${found}; give one of http: {} and kafka: { … }`, "key");
  }
  if (dedupe.horizon < outOfOrderness)
    reader.problem(
      [...path, "dedupe", "horizon"],
      `records may be ${formatDuration(outOfOrderness)} out of order, and ids are remembered for ${formatDuration(dedupe.horizon)} only: those in between would be set aside; dedupe.horizon must be at least outOfOrderness`,
    );
  else if (dedupe.horizon + outOfOrderness < maxFuture)
    reader.warning(
      [...path, "dedupe", "horizon"],
      `a record may be ${formatDuration(maxFuture)} ahead of the clock (maxFuture), and ids are remembered for ${formatDuration(dedupe.horizon)} only: behind one that is, all that are right would be set aside until the clock has caught up; make dedupe.horizon longer, or maxFuture shorter`,
    );
  if (records.debezium !== undefined && reader.source.has([...path, "dedupe"]))
    reader.problem(
      [...path, "dedupe"],
      "changes of a table are told apart by their place in the database's log, as long as their windows are not final; remove dedupe",
      "key",
    );
  return {
    name,
    ...resolveDebezium(reader, [...path, "debezium"], records),
    kafka:
      kafka === undefined
        ? null
        : {
            ...resolveKafka(reader, [...path, "kafka"], { ...kafka, clientId: "millrace-central" }),
            topic: kafka.topic,
            group: kafka.group ?? null,
          },
    outOfOrdernessMs: outOfOrderness,
    idleTimeoutMs: records.idleTimeout,
    maxFutureMs: maxFuture,
    recordBytesMax: records.recordBytesMax,
    dedupeHorizonMs: dedupe.horizon,
    dedupeIdsMax: dedupe.idsMax,
  };
}

function resolveDebezium(
  reader: ConfigReader,
  path: KeyPath,
  { debezium }: RecordsFile,
): Pick<RecordStreamConfig, "debezium"> {
  if (debezium === undefined) return {};
  const { decimals, dates, timeZone = null, rowsMax } = debezium;
  if (timeZone !== null) checkTimeZone(reader, [...path, "timeZone"], timeZone);
  const columns = { decimals: new Map(Object.entries(decimals)), dates: new Set(dates) };
  return { debezium: { ...columns, timeZone, rowsMax } };
}
