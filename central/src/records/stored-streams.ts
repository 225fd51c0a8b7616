import type { Store } from "@millrace/queue";
import { keysUnder } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import type { StreamRecord } from "./record-stage.ts";

const NUMBER_OR_NULL = ["null", "number"] as const;
const PARTITIONS = [
  {
    partition: "number",
    next: "number",
    latestMs: NUMBER_OR_NULL,
    joinedMs: NUMBER_OR_NULL,
    "topicId?": "string",
    "lost?": [{ startMs: "number", endMs: "number" }],
  },
] as const;
/** Every stream that there has been, whether the pipeline has it or not. */
export const STREAMS = new StoredJson<StreamRecord>({
  stream: "string",
  source: "string",
  partitions: PARTITIONS,
  "former?": [{ source: "string", partitions: PARTITIONS }],
  totals: { received: "number", rejected: { "*": "number" } },
  "table?": {
    count: "number",
    floorMs: NUMBER_OR_NULL,
    truncated: ["null", { order: ["number"], isExact: "boolean" }],
    sweptTo: ["null", "string"],
    groupings: [{ number: "number", of: { "*": ["string"] } }],
  },
  ids: ["null", { watermarkMs: "number", floorMs: "number", "clearedToMs?": "number" }],
  idsFrom: "number",
  timeMs: NUMBER_OR_NULL,
});

/** Those that can be read. */
export async function knownStreams(store: Store): Promise<StreamRecord[]> {
  const known: StreamRecord[] = [];
  for await (const { value } of store.range(keysUnder("r"))) {
    const record = STREAMS.read(value);
    if (record !== null) known.push(record);
  }
  return known;
}
