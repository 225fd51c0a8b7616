import type { Change } from "@millrace/queue";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import type { QuarantineEntry } from "./quarantine-entry.ts";

/** What a segment counts as at least: it is known in memory too, and read at each start. */
const SEGMENT_BYTES_MIN = 4_096;

/** Entries of one source, for one reason, of one commit: a value of the store. Their numbers follow one another. */
export interface QuarantineSegment {
  /** Of its first entry. */
  readonly number: number;
  readonly agent: string;
  readonly reason: string;
  readonly count: number;
  readonly bytes: number;
  readonly atMs: number;
}

export const QUARANTINE_ENTRIES = new StoredJson<readonly QuarantineEntry[]>([
  { number: "number", atMs: "number", agent: "string", reason: "string" },
]);
export const QUARANTINE_SEGMENT = new StoredJson<QuarantineSegment>({
  number: "number",
  agent: "string",
  reason: "string",
  count: "number",
  bytes: "number",
  atMs: "number",
});

/** As the store has it. @param entries one at least */
export function quarantineSegment(
  number: number,
  entries: readonly QuarantineEntry[],
): {
  readonly segment: QuarantineSegment;
  readonly changes: readonly Change[];
  readonly writtenBytes: number;
} {
  const [{ agent, reason, atMs }] = entries;
  const put = QUARANTINE_ENTRIES.put(CENTRAL_KEYS.quarantine(number), entries);
  const { length: writtenBytes } = put.value;
  const bytes = Math.max(writtenBytes, SEGMENT_BYTES_MIN);
  const segment = { number, agent, reason, count: entries.length, bytes, atMs };
  return {
    segment,
    changes: [put, QUARANTINE_SEGMENT.put(CENTRAL_KEYS.quarantineSegment(number), segment)],
    writtenBytes,
  };
}
