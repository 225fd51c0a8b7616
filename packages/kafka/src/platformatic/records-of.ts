import type { KafkaHeader, KafkaRecord } from "../kafka-record.ts";
import type { RecordsBatch } from "./records-batch.ts";

/** Attributes of a batch: the broker's time of append instead of the sender's; a transaction's mark. */
const HAS_APPEND_TIME = 0x08;
const IS_CONTROL = 0x20;

/** Records of these batches from `fromOffset` on: a broker sends whole batches, and they may begin before it. */
export function recordsOf(batches: readonly RecordsBatch[], fromOffset: number): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  for (const batch of batches) {
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    const baseOffset = Number(batch.firstOffset);
    const baseMs = Number(batch.firstTimestamp);
    const appendMs = (batch.attributes & HAS_APPEND_TIME) === 0 ? null : Number(batch.maxTimestamp);
    for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
      const offset = baseOffset + offsetDelta;
      if (offset < fromOffset) continue;
      const timestampMs = appendMs ?? baseMs + Number(timestampDelta);
      records.push({
        offset,
        timestampMs,
        key,
        value,
        headers: headers.length === 0 ? NONE : named(headers),
      });
    }
  }
  return records;
}

const NONE: readonly KafkaHeader[] = [];

function named(headers: readonly (readonly [Buffer | null, Buffer | null])[]): KafkaHeader[] {
  return headers.map(([name, value]) => [name === null ? "" : name.toString(), value]);
}
