import { LANES, type Lane } from "@millrace/stream";
import { crc32c } from "./crc32c.ts";
import { WIRE_VERSIONS_READ } from "./wire-version.ts";

/** What a batch's body holds; the numbers are on the wire. */
export const BATCH_KINDS = ["panes", "alarms", "skipped", "evidence"] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];

/** One outbox entry, sealed at its durable append: these bytes are stored, sent and re-sent unchanged. */
export interface SealedBatch {
  readonly wireVersion: number;
  readonly lane: Lane;
  readonly kind: BatchKind;
  /** 32 lower-case hex digits. */
  readonly storeId: string;
  readonly epoch: number;
  readonly sequence: number;
  /** Agent's clock at the seal, ms. */
  readonly sealedAtMs: number;
  /** Readings inside (panes), lost (skipped), or 0: for the ledger, readable without opening the body. */
  readonly readingCount: number;
  /** Event time covered by the body; both 0 where it has none. */
  readonly startMs: number;
  readonly endMs: number;
  /** The body, as encoded (maybe compressed). */
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
  readonly bodyBytesRaw: number;
}

export type BatchHeader = Omit<SealedBatch, "body"> & { readonly bodyBytes: number };

/** Greatest sealed batch, header included. */
export const BATCH_BYTES_MAX = 512 * 1024;
/** Greatest body once decompressed. */
export const BODY_BYTES_RAW_MAX = 8 * 1024 * 1024;

/*
 * All numbers big-endian; times and counts are 64-bit integers within ±(2^53 − 1).
 *
 *    0  4  magic "MLRB"
 *    4  1  wire version
 *    5  1  lane              index in LANES
 *    6  1  kind              index in BATCH_KINDS
 *    7  1  flags             bit 0: body is compressed (zstd); others 0
 *    8 16  store id
 *   24  4  epoch
 *   28  8  sequence          from 1
 *   36  8  sealed at, ms
 *   44  8  reading count
 *   52  8  start, ms
 *   60  8  end, ms
 *   68  4  body bytes
 *   72  4  body bytes, decompressed
 *   76  4  CRC-32C of bytes 0–75 and 80–end
 *   80  …  body, to the end
 */
export const BATCH_HEADER_BYTES = 80;
const MAGIC = 0x4d4c5242;
const AT = {
  version: 4,
  lane: 5,
  kind: 6,
  flags: 7,
  storeId: 8,
  epoch: 24,
  sequence: 28,
  sealedAt: 36,
  readingCount: 44,
  start: 52,
  end: 60,
  bodyBytes: 68,
  bodyBytesRaw: 72,
  crc: 76,
} as const;
const FLAG_COMPRESSED = 1;
const STORE_ID_BYTES = 16;
const HEX_DIGITS = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
/** Of the store id that is being read. */
const digits: number[] = Array.from({ length: 2 * STORE_ID_BYTES }, () => 0);

export type OpenFailure =
  | "truncated"
  | "oversized"
  | "bad_magic"
  | "unknown_version"
  | "length_mismatch"
  | "bad_checksum"
  | "unknown_lane"
  | "unknown_kind"
  | "unknown_flags"
  | "bad_field";

export type OpenResult =
  | { readonly ok: true; readonly batch: SealedBatch }
  | { readonly ok: false; readonly reason: OpenFailure };

/** The lane that the header of a batch names, unchecked: for what is to be done first. Undefined where it names none. */
export function laneOfBatch(bytes: Uint8Array): Lane | undefined {
  return LANES[bytes[AT.lane] ?? -1];
}

/** The bytes of a batch. The fields are the caller's own: breaking their bounds is a broken invariant, and throws. */
export function sealBatch(batch: SealedBatch): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(batch.storeId))
    throw new RangeError(`store id is not 32 hex digits: ${batch.storeId}`);
  if (!isUint32(batch.epoch)) throw new RangeError(`epoch out of range: ${batch.epoch}`);
  if (!(Number.isSafeInteger(batch.sequence) && batch.sequence >= 1)) {
    throw new RangeError(`sequence out of range: ${batch.sequence}`);
  }
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + batch.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(AT.version, batch.wireVersion);
  view.setUint8(AT.lane, LANES.indexOf(batch.lane));
  view.setUint8(AT.kind, BATCH_KINDS.indexOf(batch.kind));
  view.setUint8(AT.flags, batch.isCompressed ? FLAG_COMPRESSED : 0);
  for (let index = 0; index < 16; index += 1) {
    bytes[AT.storeId + index] = Number.parseInt(batch.storeId.slice(2 * index, 2 * index + 2), 16);
  }
  view.setUint32(AT.epoch, batch.epoch);
  writeInteger(view, AT.sequence, batch.sequence);
  writeInteger(view, AT.sealedAt, batch.sealedAtMs);
  writeInteger(view, AT.readingCount, batch.readingCount);
  writeInteger(view, AT.start, batch.startMs);
  writeInteger(view, AT.end, batch.endMs);
  view.setUint32(AT.bodyBytes, batch.body.length);
  view.setUint32(AT.bodyBytesRaw, batch.bodyBytesRaw);
  bytes.set(batch.body, BATCH_HEADER_BYTES);
  view.setUint32(AT.crc, checksum(bytes));
  return bytes;
}

/** Checks and reads a batch. Never throws; `body` is a view of `bytes`. */
export function openBatch(bytes: Uint8Array, batchBytesMax = BATCH_BYTES_MAX): OpenResult {
  if (bytes.length > batchBytesMax) return { ok: false, reason: "oversized" };
  if (bytes.length < BATCH_HEADER_BYTES) return { ok: false, reason: "truncated" };
  const view = viewOf(bytes);
  if (view.getUint32(0) !== MAGIC) return { ok: false, reason: "bad_magic" };
  if (!WIRE_VERSIONS_READ.includes(view.getUint8(AT.version)))
    return { ok: false, reason: "unknown_version" };
  const bodyBytes = view.getUint32(AT.bodyBytes);
  const bodyBytesFound = bytes.length - BATCH_HEADER_BYTES;
  if (bodyBytesFound < bodyBytes) return { ok: false, reason: "truncated" };
  if (bodyBytesFound > bodyBytes) return { ok: false, reason: "length_mismatch" };
  if (view.getUint32(AT.crc) !== checksum(bytes)) return { ok: false, reason: "bad_checksum" };
  if (view.getUint8(AT.lane) >= LANES.length) return { ok: false, reason: "unknown_lane" };
  if (view.getUint8(AT.kind) >= BATCH_KINDS.length) return { ok: false, reason: "unknown_kind" };
  if ((view.getUint8(AT.flags) & ~FLAG_COMPRESSED) !== 0) return { ok: false, reason: "unknown_flags" };
  const batch = readBatch(bytes, view);
  const isSound =
    Number.isSafeInteger(batch.sequence) &&
    batch.sequence >= 1 &&
    Number.isSafeInteger(batch.sealedAtMs) &&
    Number.isSafeInteger(batch.readingCount) &&
    batch.readingCount >= 0 &&
    Number.isSafeInteger(batch.startMs) &&
    Number.isSafeInteger(batch.endMs) &&
    batch.startMs <= batch.endMs &&
    (batch.isCompressed ? batch.bodyBytesRaw <= BODY_BYTES_RAW_MAX : batch.bodyBytesRaw === bodyBytes);
  if (!isSound) return { ok: false, reason: "bad_field" };
  return { ok: true, batch };
}

/** The header alone, unchecked but for its magic, version, lane and kind: for looking at what is not to be trusted yet. */
export function peekHeader(bytes: Uint8Array): BatchHeader | undefined {
  if (bytes.length < BATCH_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const isKnown =
    view.getUint32(0) === MAGIC &&
    WIRE_VERSIONS_READ.includes(view.getUint8(AT.version)) &&
    view.getUint8(AT.lane) < LANES.length &&
    view.getUint8(AT.kind) < BATCH_KINDS.length;
  if (!isKnown) return undefined;
  const { body: _, ...header } = readBatch(bytes, view);
  return { ...header, bodyBytes: view.getUint32(AT.bodyBytes) };
}

/** A copy of a sealed batch that belongs to another epoch. The batch has been opened before: its checksum is not looked at. */
export function restampEpoch(bytes: Uint8Array, epoch: number): Uint8Array {
  const restamped = bytes.slice();
  const view = viewOf(restamped);
  view.setUint32(AT.epoch, epoch);
  view.setUint32(AT.crc, checksum(restamped));
  return restamped;
}

/** In one piece: put together digit by digit it would be a tree of texts, of which each look-up by it makes one first. */
function readStoreId(bytes: Uint8Array): string {
  for (let index = 0; index < STORE_ID_BYTES; index += 1) {
    const byte = bytes[AT.storeId + index];
    digits[2 * index] = HEX_DIGITS[byte >>> 4];
    digits[2 * index + 1] = HEX_DIGITS[byte & 15];
  }
  return String.fromCharCode(...digits);
}

function readBatch(bytes: Uint8Array, view: DataView): SealedBatch {
  return {
    wireVersion: view.getUint8(AT.version),
    lane: LANES[view.getUint8(AT.lane)],
    kind: BATCH_KINDS[view.getUint8(AT.kind)],
    isCompressed: (view.getUint8(AT.flags) & FLAG_COMPRESSED) !== 0,
    storeId: readStoreId(bytes),
    epoch: view.getUint32(AT.epoch),
    sequence: readInteger(view, AT.sequence),
    sealedAtMs: readInteger(view, AT.sealedAt),
    readingCount: readInteger(view, AT.readingCount),
    startMs: readInteger(view, AT.start),
    endMs: readInteger(view, AT.end),
    body: bytes.subarray(BATCH_HEADER_BYTES),
    bodyBytesRaw: view.getUint32(AT.bodyBytesRaw),
  };
}

function checksum(bytes: Uint8Array): number {
  return crc32c(bytes, crc32c(bytes, 0, 0, AT.crc), BATCH_HEADER_BYTES);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function writeInteger(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

/** NaN or out of the safe range when the bytes hold no safe integer. */
function readInteger(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}
