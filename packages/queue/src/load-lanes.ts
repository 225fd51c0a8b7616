import { FRONTIER_LANES, type FrontierLane, type Lane, LANES, type TimeRange } from "@millrace/stream";
import { decodeSkippedBatch, openBatch, peekHeader, type StoreRun } from "@millrace/wire";
import { decodeSummary } from "./batch-summary.ts";
import { LaneIndex } from "./lane-index.ts";
import type { Store } from "./store.ts";
import {
  IDENTITY_KEY,
  RUNS_KEY,
  laneKey,
  laneRange,
  numberedKey,
  numberOfKey,
  sequenceRange,
} from "./store-layout.ts";

export interface EpochStart {
  readonly epoch: number;
  readonly from: number;
}

/** One lane of the queue, in memory. */
export interface LaneMemory {
  oldest: number;
  acked: number;
  sent: number;
  next: number;
  /** Ascending; an epoch reaches to the next one's beginning. */
  epochs: EpochStart[];
  readonly index: LaneIndex;
  /** Below it everything was on the disk when the queue was opened. */
  readonly nextAtOpen: number;
  /** By ascending mark: acknowledged by the end of that minute. */
  acks: { readonly minute: number; readonly mark: number }[];
  heldBytes: number;
  queuedBatches: number;
  queuedBytes: number;
  queuedReadings: number;
  deletedSinceCompact: number;
  /** Found lost at the opening, with their summaries: what is in the index of them is not stored yet. */
  readonly lost: number[];
}

/** Sequences between the oldest and the next: far more than a disk of batches holds. What says more is damaged. */
const LANE_SEQUENCES_MAX = 2 ** 24;

type LaneRecord = Pick<LaneMemory, "oldest" | "acked" | "sent" | "next" | "epochs">;

/** Reads a lane, and puts right what a repair of the store may have lost of it. `lostMs`: as `BatchQueue.open`. */
export async function loadLane(store: Store, lane: Lane, lostMs: TimeRange): Promise<LaneMemory> {
  const stored = parseLaneRecord(await store.get(laneKey(lane)));
  const summaries = [];
  for await (const { key, value } of store.range(laneRange("summary", lane))) {
    const summary = decodeSummary(value);
    if (summary !== undefined) summaries.push({ sequence: numberOfKey(key), summary });
  }
  const first = summaries.at(0)?.sequence ?? 1;
  const last = summaries.at(-1)?.sequence ?? 0;
  // Without its record, nothing tells what was sent: everything may have been.
  const record = stored ?? { oldest: first, acked: first - 1, sent: last, next: last + 1, epochs: [] };
  if (record.next <= last) record.next = last + 1;
  const memory: LaneMemory = {
    ...record,
    index: new LaneIndex(record.oldest),
    nextAtOpen: record.next,
    acks: [],
    heldBytes: 0,
    queuedBatches: 0,
    queuedBytes: 0,
    queuedReadings: 0,
    deletedSinceCompact: 0,
    lost: [],
  };
  for (const { sequence, summary } of summaries) {
    if (sequence >= record.oldest) memory.index.set(sequence, summary);
  }
  await restoreGaps(store, lane, memory, lostMs);
  for (let sequence = memory.oldest; sequence < memory.next; sequence += 1) {
    const summary = memory.index.get(sequence);
    if (summary === undefined) continue;
    memory.heldBytes += summary.bytes;
    if (sequence <= memory.acked) continue;
    memory.queuedBatches += 1;
    memory.queuedBytes += summary.bytes;
    if (summary.kind === "panes") memory.queuedReadings += summary.readings;
  }
  for await (const { key, value } of store.range(laneRange("ack", lane))) {
    if (value.length === 8) memory.acks.push({ minute: numberOfKey(key), mark: decodeMark(value) });
  }
  memory.acks.sort((a, b) => a.mark - b.mark);
  return memory;
}

/**
 * A gap behind a `skipped` batch was given up, as far as that one says. Any other was lost with a damaged store: where the
 * batch is still there, its header tells the summary; where not, the first of the gap stands for all of it, and is read as
 * damaged.
 */
async function restoreGaps(store: Store, lane: Lane, memory: LaneMemory, lostMs: TimeRange): Promise<void> {
  const { index, next } = memory;
  let sequence = memory.oldest;
  while (sequence < next) {
    if (index.isHeld(sequence)) {
      const isSkipped = index.get(sequence)?.kind === "skipped" && !index.isHeld(sequence + 1);
      sequence = isSkipped ? await skippedEnd(store, lane, memory, sequence) : sequence + 1;
      continue;
    }
    const end = index.nextHeld(sequence, next);
    for await (const { key, value } of store.range(sequenceRange("batch", lane, sequence, end))) {
      const header = peekHeader(value);
      if (header === undefined) continue;
      const { kind, readingCount, startMs, endMs } = header;
      if (
        !Number.isSafeInteger(readingCount) ||
        !Number.isSafeInteger(startMs) ||
        !Number.isSafeInteger(endMs)
      )
        continue;
      index.set(numberOfKey(key), { kind, bytes: value.length, readings: readingCount, startMs, endMs });
    }
    if (index.isHeld(sequence)) continue;
    index.set(sequence, { kind: "skipped", bytes: 0, readings: 0, ...lostMs });
    memory.lost.push(sequence);
  }
}

/**
 * The sequence after those that a `skipped` batch covers; one that cannot be read is sent as covering all of the gap, unless it is
 * acknowledged: it is not sent again, and what was not acknowledged behind it is told by one of its own.
 */
async function skippedEnd(store: Store, lane: Lane, memory: LaneMemory, sequence: number): Promise<number> {
  const { index, next, acked } = memory;
  const gapEnd = Math.min(index.nextHeld(sequence + 1, next), sequence <= acked ? acked + 1 : next);
  const bytes = await store.get(numberedKey("batch", lane, sequence));
  const opened = bytes === undefined ? undefined : openBatch(bytes, Number.POSITIVE_INFINITY);
  if (opened?.ok !== true || opened.batch.kind !== "skipped") return gapEnd;
  const skipped = decodeSkippedBatch(opened.batch.body);
  return skipped.ok ? Math.min(gapEnd, skipped.message.to + 1) : gapEnd;
}

/**
 * A lane whose record a repair has lost: its batches tell the epoch under which they were sealed. One from before the first
 * contact has the first epoch by now.
 */
export async function restoreEpochs(
  store: Store,
  lane: Lane,
  { memory, epoch }: { readonly memory: LaneMemory; readonly epoch: number },
): Promise<void> {
  const { epochs, oldest, next } = memory;
  if (epochs.length > 0 || oldest === next) return;
  for await (const { key, value } of store.range(laneRange("batch", lane))) {
    const sealedUnder = peekHeader(value)?.epoch;
    if (sealedUnder === undefined) continue;
    const known = Math.min(Math.max(sealedUnder, 1), epoch);
    const from = epochs.length === 0 ? oldest : numberOfKey(key);
    if (known > (epochs.at(-1)?.epoch ?? -1)) epochs.push({ epoch: known, from });
  }
  if (epochs.length === 0) epochs.push({ epoch, from: oldest });
}

/** The outbox's name and epoch; a new random name, durable, where there is none and no batch tells it. */
export async function loadIdentity(
  store: Store,
  lanes: Readonly<Record<Lane, LaneMemory>>,
  random: { hex(count: number): string },
): Promise<{ storeId: string; epoch: number }> {
  const stored = parseIdentity(await store.get(IDENTITY_KEY));
  if (stored !== undefined) return stored;
  const identity = (await identityOfBatches(store, lanes)) ?? { storeId: random.hex(16), epoch: 0 };
  await store.commit([{ type: "put", key: IDENTITY_KEY, value: encodeJson(identity) }], { isSync: true });
  return identity;
}

/** The runs that wrote this store, oldest first. */
export async function loadRuns(store: Store): Promise<StoreRun[]> {
  const stored = parseJson(await store.get(RUNS_KEY));
  if (!Array.isArray(stored) || !stored.every(isRun)) return [];
  // A run of an older program had no lane for evidence.
  return stored.map(({ run, from }) => ({ run, from: { ...from, evidence: from.evidence ?? 1 } }));
}

/** A repair lost the identity but not the batches: they carry it. */
async function identityOfBatches(
  store: Store,
  lanes: Readonly<Record<Lane, LaneMemory>>,
): Promise<{ storeId: string; epoch: number } | undefined> {
  let found: { storeId: string; epoch: number } | undefined;
  for (const lane of LANES) {
    for await (const { value } of store.range({ ...laneRange("batch", lane), limit: 1, isReverse: true })) {
      const header = peekHeader(value);
      if (header === undefined) continue;
      const epoch = Math.max(header.epoch, found?.epoch ?? 0, lanes[lane].epochs.at(-1)?.epoch ?? 0);
      found = { storeId: header.storeId, epoch };
    }
  }
  return found;
}

/** The epoch that a sequence is sent under. */
export function epochOf(epochs: readonly EpochStart[], sequence: number): number {
  return epochs.findLast((start) => start.from <= sequence)?.epoch ?? epochs.at(0)?.epoch ?? 0;
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function encodeMark(mark: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(mark));
  return bytes;
}

function decodeMark(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0));
}

function parseIdentity(bytes: Uint8Array | undefined): { storeId: string; epoch: number } | undefined {
  const { storeId, epoch } = parseObject(bytes);
  const isSound = typeof storeId === "string" && /^[0-9a-f]{32}$/.test(storeId) && isCount(epoch);
  return isSound ? { storeId, epoch } : undefined;
}

function parseLaneRecord(bytes: Uint8Array | undefined): LaneRecord | undefined {
  const { oldest, acked, sent, next, epochs } = parseObject(bytes);
  if (!isCount(oldest) || !isCount(acked) || !isCount(sent) || !isCount(next) || !Array.isArray(epochs))
    return undefined;
  const isOrdered = oldest >= 1 && oldest - 1 <= acked && acked <= sent && sent < next;
  if (!isOrdered || next - oldest > LANE_SEQUENCES_MAX || !epochs.every(isEpochStart)) return undefined;
  return { oldest, acked, sent, next, epochs };
}

function isEpochStart(value: unknown): value is EpochStart {
  if (typeof value !== "object" || value === null || !("epoch" in value && "from" in value)) return false;
  return isCount(value.epoch) && isCount(value.from);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isRun(
  value: unknown,
): value is Pick<StoreRun, "run"> & { from: Record<FrontierLane, number> & { evidence?: number } } {
  if (typeof value !== "object" || value === null || !("run" in value && "from" in value)) return false;
  const { run, from } = value;
  if (typeof run !== "string" || typeof from !== "object" || from === null) return false;
  const sequences: Readonly<Record<string, unknown>> = { ...from };
  const { evidence = 1 } = sequences;
  return isCount(evidence) && FRONTIER_LANES.every((lane) => isCount(sequences[lane]));
}

function parseObject(bytes: Uint8Array | undefined): Readonly<Record<string, unknown>> {
  const value = parseJson(bytes);
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Undefined where there is none. */
function parseJson(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
