import type { EventTimeMs } from "../event-time.ts";
import { readChunkHead } from "./chunk-head.ts";
import type { HistoryChunk } from "./history-chunk.ts";
import type { HistoryLevel } from "./history-level.ts";
import { HistoryRows, matchFields } from "./history-rows.ts";
import type { HistoryFields } from "./history-rows.ts";

/** Reads one chunk after another of a level, of each what is asked for. */
export class ChunkReader {
  readonly #level: HistoryLevel;
  readonly #fieldsFor: (from: HistoryFields) => HistoryFields;
  /** Of the chunk read last: most are alike. */
  #pick: Pick | null = null;
  #rows: HistoryRows | null = null;

  /** @param fieldsFor which fields the rows are to have, by those that a chunk has; what a chunk lacks is as in `HistoryRows.as`. */
  constructor(level: HistoryLevel, fieldsFor: (from: HistoryFields) => HistoryFields) {
    this.#level = level;
    this.#fieldsFor = fieldsFor;
  }

  /** Null on bad bytes, and of a newer version. The next one read may be written over its rows. */
  read(bytes: Uint8Array, startMs: EventTimeMs): HistoryChunk | null {
    const head = readChunkHead(bytes);
    if (head === null) return null;
    const { rolledToMs, count, at } = head;
    const pick =
      head.fields === this.#pick?.from ? this.#pick : pickOf(this.#fieldsFor(head.fields), head.fields);
    this.#pick = pick;
    const rows = this.#rowsFor(pick.fields, count);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const areRead =
      this.#readStarts(view, { at, startMs, count }, rows.starts) &&
      readColumns(view, { at: at + 2 * count, count }, pick, rows.state);
    if (!areRead) return null;
    for (const index of pick.lacking) rows.lack(index);
    return { rows, rolledToMs };
  }

  /** Memory for every one of thousands of chunks costs more than to read them. */
  #rowsFor(fields: HistoryFields, count: number): HistoryRows {
    const length = count * fields.stride;
    if (this.#rows?.fields !== fields || this.#rows.state.length < length)
      this.#rows = new HistoryRows(fields, new Float64Array(length));
    return this.#rows;
  }

  /** False where they do not ascend, or leave the chunk. */
  #readStarts(
    view: DataView,
    from: Place & { readonly startMs: EventTimeMs },
    starts: EventTimeMs[],
  ): boolean {
    const { bucketMs, chunkMs } = this.#level;
    let before = -1;
    starts.length = Math.min(starts.length, from.count);
    for (let index = 0; index < from.count; index++) {
      const bucket = view.getUint16(from.at + 2 * index, true);
      if (bucket <= before || bucket * bucketMs >= chunkMs) return false;
      starts[index] = from.startMs + bucket * bucketMs;
      before = bucket;
    }
    return true;
  }
}

interface Place {
  readonly at: number;
  readonly count: number;
}

/** Which columns of a chunk are read. */
interface Pick {
  readonly from: HistoryFields;
  readonly fields: HistoryFields;
  /** By field of the chunk where it stands in a row, -1: it is passed over. */
  readonly places: readonly number[];
  /** Accumulators that the chunk has nothing of, as places in `fields`. */
  readonly lacking: readonly number[];
}

function pickOf(fields: HistoryFields, from: HistoryFields): Pick {
  const match = matchFields(fields, from) ?? fields.offsets;
  const places = Array.from({ length: from.stride }, () => -1);
  const lacking: number[] = [];
  for (const [index, { width }] of fields.accumulators.entries()) {
    if (match[index] < 0) lacking.push(index);
    else
      for (let field = 0; field < width; field++)
        places[match[index] + field] = fields.offsets[index] + field;
  }
  return { from, fields, places, lacking };
}

/** Row by row; false where the bytes do not end with the last column. */
function readColumns(
  view: DataView,
  from: Place,
  { fields: { stride }, places }: Pick,
  state: Float64Array,
): boolean {
  const stateEnd = from.count * stride;
  let at = from.at;
  for (const place of places) {
    const kind = at < view.byteLength ? view.getUint8(at) : NaN;
    const end = at + 1 + 8 * (kind === 1 ? from.count : 1);
    if (!(kind <= 1) || end > view.byteLength) return false;
    const stepBytes = kind === 1 ? 8 : 0;
    if (place >= 0)
      for (let to = place, value = at + 1; to < stateEnd; to += stride, value += stepBytes)
        state[to] = view.getFloat64(value, true);
    at = end;
  }
  return at === view.byteLength;
}
