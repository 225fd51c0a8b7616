import type { Labels, PaneRows } from "@millrace/stream";
import { varintBytes, zigzagBytes } from "./byte-writer.ts";
import { floatColumnRowBytes } from "./float-column.ts";

/** Number of a section, its counts, and how its columns begin: the first row's differences are from 0. */
const SECTION_BYTES = 64;
const FIELD_BYTES = 10;
/** Of an accumulator or sketch, beside its fields. */
const BLOCK_BYTES = 24;

/**
 * Adds up what rows take in the body of a batch (pane-batch.ts) beside its frontier, at most, as they come: by section, those of one
 * series together.
 */
export class PaneBatchSize {
  readonly #texts = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** `fieldBytes`: what `rowFieldBytes` says of the section. `isFirst`: a section begins with it. */
  addRow(
    rows: PaneRows,
    row: number,
    { fieldBytes, isFirst }: { fieldBytes: number; isFirst: boolean },
  ): void {
    const { layout, series, seriesIndex, startMs } = rows;
    if (isFirst) this.#addSection(rows);
    const before = isFirst ? row : row - 1;
    this.#bytes += fieldBytes;
    this.#bytes += zigzagBytes(seriesIndex[row] - seriesIndex[before]);
    this.#bytes += zigzagBytes((startMs[row] - startMs[before]) / layout.paneMs);
    if (isFirst || seriesIndex[row] !== seriesIndex[before]) this.#addSeries(series[seriesIndex[row]]);
    for (const sketches of rows.sketches) {
      const length = sketches[row]?.encode().length ?? 0;
      this.#bytes += varintBytes(length) + length;
    }
  }

  #addSection({ metric, layout }: PaneRows): void {
    this.#bytes += SECTION_BYTES + layout.stride * FIELD_BYTES + this.#textBytes(metric);
    this.#bytes += (layout.accumulators.length + layout.sketches.length) * BLOCK_BYTES;
    for (const { params } of layout.accumulators) this.#bytes += params.length * FIELD_BYTES;
  }

  #addSeries(labels: Labels): void {
    const entries = Object.entries(labels);
    this.#bytes += varintBytes(entries.length);
    for (const [name, value] of entries) this.#bytes += this.#textBytes(name) + this.#textBytes(value);
  }

  /** Its index, and the text where it is new. */
  #textBytes(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return varintBytes(known);
    const index = this.#texts.size;
    this.#texts.set(text, index);
    const length = utf8Bytes(text);
    return varintBytes(index) + varintBytes(length) + length;
  }
}

/** What the fields of any row take, at most, in whatever part of the section. */
export function rowFieldBytes({ layout, state, rowCount }: PaneRows): number {
  let bytes = 0;
  for (let field = 0; field < layout.stride; field += 1)
    bytes += floatColumnRowBytes(state, field, layout.stride, rowCount);
  return bytes;
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // Half of a pair is two bytes, or stands alone and becomes three.
    if (unit >= 0x800) bytes += 2;
    else if (unit >= 0x80) bytes += 1;
  }
  return bytes;
}
