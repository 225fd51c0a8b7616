import type { Change, Store } from "@millrace/queue";
import { numberKey, numberOfKey, PREFIX, prefixRange } from "../durability/agent-store.ts";
import { REDO_FLAG } from "../durability/redo-entry.ts";
import { Deduplicator } from "./deduplicator.ts";
import { type HeldRow, HeldRows, parseHeldRows } from "./held-rows.ts";

export interface HeldReadingsOptions {
  readonly store: Store;
  /** The agent's steady time now. */
  steadyMs(): number;
  /** Readings, of all series. */
  readonly readingsMax: number;
  readonly dedupeHorizonMs: number;
  readonly dedupeKeysMax: number;
  /** The disk has little room left. */
  isDiskLow(): boolean;
}

/** What was held in a few commits, or in a part of one. */
export interface HeldBlock {
  readonly number: number;
  readonly bytes: number;
  /** False: of an earlier life, whose steady time has no bearing on this. */
  readonly isOwn: boolean;
  /** Undefined where it is damaged. */
  readonly rows: readonly HeldRow[] | undefined;
}

export type HeldFate = "held" | "duplicate" | "full";

/** Bounds what judging one block takes. */
export const BLOCK_READINGS_MAX = 2_048;
/** A smaller block goes with the next commit again, with what has come: a start reads few blocks, whatever the commits. */
const BLOCK_BYTES_MIN = 2_048;
/** Of small blocks, so many are judged at once. */
const BLOCKS_READ_MAX = 256;

/**
 * Readings whose own time is ahead of the agent's clock while nothing has proven that right: kept on disk, in the order
 * in which they came, until a proof says which of the two was wrong (held-admission.ts). They stand in no pane and move
 * no watermark. A series may have no more of them than there is room for still: one sensor with a wrong clock leaves
 * half of the room to the others, two of them a third.
 */
export class HeldReadings {
  readonly #options: HeldReadingsOptions;
  /** The open block. */
  #rows = new HeldRows();
  /** Of these, so many are on disk, or on the way there. */
  #drainedCount = 0;
  #changes: Change[] = [];
  /** Number of the open block. */
  #next = 1;
  /** Blocks before are of earlier lives. */
  #ownFrom = 1;
  readonly #countOf = new Map<number, number>();
  #count = 0;
  #bytes = 0;
  #earliestMs = Number.POSITIVE_INFINITY;
  #keys: Deduplicator;

  private constructor(options: HeldReadingsOptions) {
    this.#options = options;
    this.#keys = this.#noKeys();
  }

  static async open(options: HeldReadingsOptions): Promise<HeldReadings> {
    const held = new HeldReadings(options);
    for await (const { key, value } of options.store.range(prefixRange(PREFIX.held))) {
      held.#next = numberOfKey(key) + 1;
      const rows = parseHeldRows(value);
      // What was in it, the ledger knows.
      if (rows === undefined) held.#changes.push({ type: "del", key });
      else held.#restore(rows, value.length);
    }
    held.#ownFrom = held.#next;
    return held;
  }

  /** Readings. */
  get count(): number {
    return this.#count;
  }

  /** On disk, or on the way there. */
  get bytes(): number {
    return this.#bytes + this.#rows.byteCount;
  }

  get seriesCount(): number {
    return this.#countOf.size;
  }

  /** The series that hold the most readings, the first of them first. */
  most(seriesMax: number): readonly { readonly series: number; readonly readings: number }[] {
    const most: { readonly series: number; readonly readings: number }[] = [];
    for (const [series, readings] of this.#countOf) {
      if (most.length === seriesMax && readings <= most[seriesMax - 1].readings) continue;
      most.push({ series, readings });
      most.sort((a, b) => b.readings - a.readings);
      if (most.length > seriesMax) most.pop();
    }
    return most;
  }

  /** No held reading is of an earlier event time; Infinity where there is none. */
  get earliestMs(): number {
    return this.#earliestMs;
  }

  add(series: number, timeMs: number, value: number, flags: number): HeldFate {
    const { readingsMax, isDiskLow } = this.#options;
    const ofSeries = this.#countOf.get(series) ?? 0;
    if (ofSeries >= readingsMax - this.#count || isDiskLow()) return "full";
    const verdict = this.#keys.judge(series, timeMs, value, 0);
    if (verdict === "duplicate") return "duplicate";
    const rowFlags = flags | (verdict === "undeduplicated" ? REDO_FLAG.undeduplicated : 0);
    const row = { series, timeMs, value, flags: rowFlags };
    this.#rows.add({ row, cameAtMs: this.#options.steadyMs() });
    this.#changeCount(series, 1);
    this.#earliestMs = Math.min(this.#earliestMs, timeMs);
    if (this.#rows.count >= BLOCK_READINGS_MAX) this.#seal();
    return "held";
  }

  /** What was held, and what is no longer, goes into a commit. */
  drainInto(changes: Change[]): void {
    if (this.#rows.byteCount >= BLOCK_BYTES_MIN) this.#seal();
    else if (this.#rows.count > this.#drainedCount) this.#put(this.#rows.entry());
    this.#drainedCount = this.#rows.count;
    for (const change of this.#changes) changes.push(change);
    this.#changes = [];
  }

  /** What is held from now on goes into blocks of this number and later ones; those before are whole with the next commit. */
  closeBlock(): number {
    if (this.#rows.count > 0) this.#seal();
    return this.#next;
  }

  /** The oldest blocks on disk of these numbers. They must be closed, and all that was drained durable. */
  async blocks(from: number, end: number): Promise<readonly HeldBlock[]> {
    const blocks: HeldBlock[] = [];
    let rowCount = 0;
    const bounds = { from: numberKey(PREFIX.held, from), to: numberKey(PREFIX.held, end) };
    for await (const { key, value } of this.#options.store.range({ ...bounds, limit: BLOCKS_READ_MAX })) {
      const number = numberOfKey(key);
      const rows = parseHeldRows(value);
      blocks.push({ number, bytes: value.length, isOwn: number >= this.#ownFrom, rows });
      rowCount += rows?.length ?? 0;
      if (rowCount >= BLOCK_READINGS_MAX) break;
    }
    return blocks;
  }

  /** The block has been judged; what is still held of it stays under its number. */
  settle({ number, bytes, rows }: HeldBlock, kept: HeldRows): void {
    if (rows !== undefined && kept.count === rows.length) return;
    const key = numberKey(PREFIX.held, number);
    this.#bytes -= bytes;
    if (kept.count === 0) this.#changes.push({ type: "del", key });
    else {
      const value = kept.entry();
      this.#bytes += value.length;
      this.#changes.push({ type: "put", key, value });
    }
  }

  /** One reading is held no longer. */
  released(series: number): void {
    this.#changeCount(series, -1);
    if (this.#count === 0) this.#forget();
  }

  /** Nothing is on disk any more; returns how many readings should have been. */
  takeLost(): number {
    const lost = this.#count;
    this.#countOf.clear();
    this.#count = 0;
    this.#bytes = 0;
    this.#forget();
    return lost;
  }

  /** Everything held, oldest first; damaged blocks are left out. */
  static async *read(store: Store): AsyncIterable<HeldRow> {
    for await (const { value } of store.range(prefixRange(PREFIX.held))) yield* parseHeldRows(value) ?? [];
  }

  #seal(): void {
    const value = this.#rows.entry();
    this.#bytes += value.length;
    this.#put(value);
    this.#next += 1;
    this.#rows = new HeldRows();
    this.#drainedCount = 0;
  }

  #put(value: Uint8Array): void {
    this.#changes.push({ type: "put", key: numberKey(PREFIX.held, this.#next), value });
  }

  #restore(rows: readonly HeldRow[], bytes: number): void {
    this.#bytes += bytes;
    for (const { row } of rows) {
      const { series, timeMs, value } = row;
      this.#keys.judge(series, timeMs, value, 0);
      this.#changeCount(series, 1);
      this.#earliestMs = Math.min(this.#earliestMs, timeMs);
    }
  }

  #changeCount(series: number, by: number): void {
    const count = (this.#countOf.get(series) ?? 0) + by;
    if (count === 0) this.#countOf.delete(series);
    else this.#countOf.set(series, count);
    this.#count += by;
  }

  #forget(): void {
    this.#earliestMs = Number.POSITIVE_INFINITY;
    this.#keys = this.#noKeys();
  }

  #noKeys(): Deduplicator {
    const { dedupeHorizonMs: horizonMs, dedupeKeysMax: keysMax } = this.#options;
    return new Deduplicator({ horizonMs, keysMax });
  }
}
