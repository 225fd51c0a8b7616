import type { Change, Store } from "@millrace/queue";
import type { Labels } from "@millrace/stream";

/**
 * What the agent keeps in its store beside the outbox (whose keys begin below 0x30). One prefix byte, then big-endian
 * numbers; values are JSON in UTF-8 unless said otherwise.
 *
 *   30 u32 series            { metric, labels, isForgotten? }
 *   31 u64 number            redo entry (see redo-entry.ts)
 *   32 u8 part               checkpoint part: 0 panes, 1 watermarks, 2 rules; each names the redo entry it begins after
 *   33 u64 number            what a checkpoint has changed of the open panes (panes/pane-entry.ts)
 *   34 u64 number            quarantined payload: { atMs, topic, client, reason, detail, head (base64), bytes }
 *   35 u64 number            audit record: one step of an alarm's action
 *   36 u64 number            how far one tailed file has been read (inputs/files/file-position.ts)
 *   37 u64 number            what alarms' steps have changed since the rules' checkpoint part (rules-journal.ts)
 *   38                       filters that sessions kept by sites' brokers may hold: [{ session, filters }]
 *   39 u64 number            readings held until the clock is proven, as a redo entry without a ledger (intake/held-readings.ts)
 *   3a u64 session           persistent session of the broker: { client, subscriptions: [[filter, qos]], awaySinceMs }
 *   3b u64 session u64 number  message that waits for that session's client (durability/message-record.ts)
 *   3c                       pipeline that central has pushed, and the last one refused (reload/stored-pipeline.ts)
 *   3d u64 session u16 id    1: a QoS 2 message with that id has come from that session's client, which has not released it
 *   3e u64 number            retained message of the broker (durability/message-record.ts)
 */
export const PREFIX = {
  series: 0x30,
  redo: 0x31,
  checkpoint: 0x32,
  panes: 0x33,
  quarantine: 0x34,
  audit: 0x35,
  filePosition: 0x36,
  rulesJournal: 0x37,
  sessionFilters: 0x38,
  held: 0x39,
  session: 0x3a,
  queuedMessage: 0x3b,
  pipeline: 0x3c,
  unreleased: 0x3d,
  retained: 0x3e,
} as const;

export const CHECKPOINT_PART = { panes: 0, watermarks: 1, rules: 2 } as const;

export function numberKey(prefix: number, number: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = prefix;
  new DataView(key.buffer).setBigUint64(1, BigInt(number));
  return key;
}

export function numberOfKey(key: Uint8Array): number {
  return Number(new DataView(key.buffer, key.byteOffset).getBigUint64(1));
}

export function seriesStoreKey(index: number): Uint8Array {
  const key = new Uint8Array(5);
  key[0] = PREFIX.series;
  new DataView(key.buffer).setUint32(1, index);
  return key;
}

export function checkpointKey(part: keyof typeof CHECKPOINT_PART): Uint8Array {
  return Uint8Array.of(PREFIX.checkpoint, CHECKPOINT_PART[part]);
}

/** All keys of a prefix. */
export function prefixRange(prefix: number): { from: Uint8Array; to: Uint8Array } {
  return { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
}

/** All that inputs read at their start: damage of it is to be met while the store can still be mended. */
export async function readForInputs(store: Store): Promise<void> {
  const { filePosition, sessionFilters, session, queuedMessage, unreleased, retained } = PREFIX;
  for (const prefix of [filePosition, sessionFilters, session, queuedMessage, unreleased, retained])
    for await (const _ of store.range(prefixRange(prefix)));
}

export function putJson(key: Uint8Array, value: unknown): Change {
  return { type: "put", key, value: new TextEncoder().encode(JSON.stringify(value)) };
}

/** Undefined where the bytes are damaged. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** A stored series; without a definition, which was damaged, only its index is taken. */
export interface StoredSeries {
  readonly index: number;
  readonly definition: SeriesDefinition | undefined;
}

interface SeriesDefinition {
  readonly metric: string;
  readonly labels: Labels;
  readonly isForgotten?: boolean;
}

/** The stored series, in order of their indexes. */
export async function readSeries(store: Store): Promise<StoredSeries[]> {
  const series: StoredSeries[] = [];
  for await (const { key, value } of store.range(prefixRange(PREFIX.series))) {
    const index = new DataView(key.buffer, key.byteOffset).getUint32(1);
    const definition = parseJson(value);
    series.push({ index, definition: isDefinition(definition) ? definition : undefined });
  }
  return series;
}

function isDefinition(value: unknown): value is SeriesDefinition {
  if (typeof value !== "object" || value === null || !("metric" in value && "labels" in value)) return false;
  const { metric, labels } = value;
  if (typeof metric !== "string" || typeof labels !== "object" || labels === null) return false;
  return !Array.isArray(labels) && Object.values(labels).every((label) => typeof label === "string");
}
