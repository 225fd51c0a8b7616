import {
  type Accumulator,
  accumulatorById,
  type Frontier,
  type Labels,
  FRONTIER_LANES,
  paneLayoutOf,
  type PaneRows,
  PENDING_RANGES_MAX,
  hasParams,
  type Sketch,
  sketchById,
  type SketchKind,
  type TimeRange,
  type UnreadColumn,
} from "@millrace/stream";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readFloatColumn, writeFloatColumn } from "./float-column.ts";
import type { Rejected } from "./parsed.ts";
import { RowRoom } from "./row-room.ts";
import { SeriesMemory, type SectionHeading } from "./series-memory.ts";

/** The body of a batch of kind `panes`. */
export interface PaneBatch {
  readonly frontier: Frontier;
  /** One entry per metric and layout. */
  readonly sections: readonly PaneRows[];
}

export type PaneBatchResult = { readonly ok: true; readonly message: PaneBatch } | Rejected;

/*
 * varint: LEB128; zigzag: varint of 0, −1, 1, −2 …; delta: zigzag of the difference from the one before (first: from 0).
 *
 *   frontier
 *     varint  epoch
 *     varint  number
 *     u8      flags          1: has a watermark, 2: is idle, 4: clock is synchronised
 *     zigzag  watermark, ms  only with flag 1
 *     varint  count of pending ranges, then of each: zigzag start − end before, varint length (ms, at least 1)
 *     varint  holds, one per lane in the order of FRONTIER_LANES
 *   varint    count of texts, then of each: varint bytes, UTF-8
 *   varint    count of sections, then of each:
 *     varint  metric         index of its text
 *     varint  pane, ms
 *     varint  count of series, then of each: varint count of labels, then of each: varint name, varint value (texts)
 *     varint  count of rows
 *     column  series of each row, delta
 *     column  start of each row, in panes since the epoch, delta
 *     varint  count of accumulators and sketches, then of each: varint number, varint bytes, and in these bytes
 *               of an accumulator that has parameters: varint count of them, a float column of them
 *               of any accumulator: varint count of fields, then of each a float column of the rows (float-column.ts)
 *               of a sketch: for each row varint bytes, what it encodes; 0 where it is unknown
 *
 * `beside` is left out where it is 0 in all rows. One of an unknown number is carried as it is: `unread` of the section, which
 * stands behind the others when it is written again.
 */
const FLAG = { hasWatermark: 1, isIdle: 2, isClockSynchronised: 4 } as const;
const SECTIONS_MAX = 4096;
const LABELS_MAX = 64;
const PANE_MS_MAX = 2 ** 40;
const EPOCH_MAX = 0xffff_ffff;

/** The bytes of a pane batch; times within ±2^52 ms. */
export function encodePaneBatch(batch: PaneBatch): Uint8Array {
  const texts = new Map<string, number>();
  const textIndex = (text: string): number => {
    const index = texts.get(text) ?? texts.size;
    texts.set(text, index);
    return index;
  };
  const sections = new ByteWriter();
  sections.varint(batch.sections.length);
  for (const section of batch.sections) writeSection(sections, section, textIndex);
  const writer = new ByteWriter();
  writeFrontier(writer, batch.frontier);
  writer.varint(texts.size);
  for (const text of texts.keys()) writer.text(text);
  const head = writer.bytes();
  const tail = sections.bytes();
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

export interface PaneBatchReading {
  /** Of the batches that the same writer has sent before: the series of rows are then the same objects as long as they are the same. */
  readonly memory?: SeriesMemory;
  /** Where the rows lie. */
  readonly room?: RowRoom;
}

/** Never throws. What it allocates is bounded by a small multiple of the length of `bytes`. */
export function decodePaneBatch(
  bytes: Uint8Array,
  { memory = new SeriesMemory(), room = sharedRoom }: PaneBatchReading = {},
): PaneBatchResult {
  const reader = new ByteReader(bytes);
  const frontier = readFrontier(reader);
  const texts = memory.texts(reader, readTexts);
  const sectionCount = reader.count(6);
  if (sectionCount > SECTIONS_MAX) reader.fail(`more than ${SECTIONS_MAX} sections`);
  const sections: PaneRows[] = [];
  while (reader.fault === undefined && sections.length < sectionCount)
    sections.push(
      readSection(
        reader,
        memory.heading(reader, sections.length, () => readHeading(reader, texts)),
        room,
      ),
    );
  if (reader.remaining > 0) reader.fail("something follows the last section");
  if (reader.fault !== undefined) return { ok: false, reason: "malformed", detail: reader.fault };
  return { ok: true, message: { frontier, sections } };
}

function writeFrontier(writer: ByteWriter, frontier: Frontier): void {
  writer.varint(frontier.epoch);
  writer.varint(frontier.number);
  writer.byte(
    (frontier.watermarkMs === null ? 0 : FLAG.hasWatermark) |
      (frontier.isIdle ? FLAG.isIdle : 0) |
      (frontier.isClockSynchronised ? FLAG.isClockSynchronised : 0),
  );
  if (frontier.watermarkMs !== null) writer.zigzag(frontier.watermarkMs);
  writer.varint(frontier.pending.length);
  let endBeforeMs = 0;
  for (const { startMs, endMs } of frontier.pending) {
    writer.zigzag(startMs - endBeforeMs);
    writer.varint(endMs - startMs);
    endBeforeMs = endMs;
  }
  for (const lane of FRONTIER_LANES) writer.varint(frontier.holds[lane]);
}

function readFrontier(reader: ByteReader): Frontier {
  const epoch = reader.varint();
  if (epoch > EPOCH_MAX) reader.fail("epoch out of range");
  const number = reader.varint();
  const flags = reader.byte();
  if (flags > 7) reader.fail("unknown flags");
  const watermarkMs = (flags & FLAG.hasWatermark) === 0 ? null : reader.zigzag();
  const pendingCount = reader.count(2);
  if (pendingCount > PENDING_RANGES_MAX) reader.fail(`more than ${PENDING_RANGES_MAX} pending ranges`);
  const pending: TimeRange[] = [];
  let endBeforeMs = 0;
  while (reader.fault === undefined && pending.length < pendingCount) {
    const gapMs = reader.zigzag();
    const startMs = endBeforeMs + gapMs;
    const endMs = startMs + reader.varint();
    const isSound = Number.isSafeInteger(startMs) && Number.isSafeInteger(endMs) && endMs > startMs;
    if (!isSound || (pending.length > 0 && gapMs < 0)) reader.fail("pending ranges do not ascend");
    pending.push({ startMs, endMs });
    endBeforeMs = endMs;
  }
  return {
    epoch,
    number,
    watermarkMs,
    isIdle: (flags & FLAG.isIdle) !== 0,
    isClockSynchronised: (flags & FLAG.isClockSynchronised) !== 0,
    pending,
    holds: { alarm: reader.varint(), live: reader.varint(), backfill: reader.varint() },
  };
}

function writeSection(writer: ByteWriter, rows: PaneRows, textIndex: (text: string) => number): void {
  const { layout, rowCount, unread = [] } = rows;
  writer.varint(textIndex(rows.metric));
  writer.varint(layout.paneMs);
  writer.varint(rows.series.length);
  for (const labels of rows.series) {
    const entries = Object.entries(labels);
    writer.varint(entries.length);
    for (const [name, value] of entries) {
      writer.varint(textIndex(name));
      writer.varint(textIndex(value));
    }
  }
  writer.varint(rowCount);
  let before = 0;
  for (let row = 0; row < rowCount; row += 1) {
    writer.zigzag(rows.seriesIndex[row] - before);
    before = rows.seriesIndex[row];
  }
  before = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const pane = rows.startMs[row] / layout.paneMs;
    writer.zigzag(pane - before);
    before = pane;
  }
  const written = layout.accumulators
    .map((accumulator, index) => ({ accumulator, offset: layout.offsets[index] }))
    .filter(
      ({ accumulator, offset }) =>
        accumulator.name !== "beside" || !isAllZero(rows, offset, accumulator.width),
    );
  writer.varint(written.length + layout.sketches.length + unread.length);
  for (const { accumulator, offset } of written) {
    const { params, width } = accumulator;
    const block = new ByteWriter();
    if (params.length > 0) {
      block.varint(params.length);
      writeFloatColumn(block, Float64Array.from(params), 0, 1, params.length);
    }
    block.varint(width);
    for (let field = 0; field < width; field += 1) {
      writeFloatColumn(block, rows.state, offset + field, layout.stride, rowCount);
    }
    writer.varint(accumulator.id);
    writer.block(block.bytes());
  }
  for (const [index, { id }] of layout.sketches.entries()) {
    const block = new ByteWriter();
    for (const sketch of rows.sketches[index]) block.block(sketch?.encode() ?? NOTHING);
    writer.varint(id);
    writer.block(block.bytes());
  }
  for (const { id, bytes } of unread) {
    writer.varint(id);
    writer.block(bytes);
  }
}

function readTexts(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (let left = reader.count(1); left > 0; left -= 1) texts.push(reader.text());
  return texts;
}

function readHeading(reader: ByteReader, texts: readonly string[]): SectionHeading {
  const metric = readText(reader, texts);
  const paneMs = reader.varint();
  if (paneMs < 1 || paneMs > PANE_MS_MAX) reader.fail("pane size out of range");
  const series: Labels[] = [];
  for (let left = reader.count(1); left > 0 && reader.fault === undefined; left -= 1)
    series.push(readLabels(reader, texts));
  return { metric, paneMs, series };
}

function readSection(
  reader: ByteReader,
  { metric, paneMs, series }: SectionHeading,
  room: RowRoom,
): PaneRows {
  const rowCount = reader.count(2);
  const ints = reader.fault === undefined ? rowCount : 0;
  const startMs = room.floats(ints);
  const seriesIndex = room.indices(ints);
  const places = { at: 0, stride: 1, count: ints };
  // For the moment the indices lie where the starts will.
  reader.sums(startMs, places, Number.MAX_SAFE_INTEGER);
  for (let row = 0; row < ints; row += 1) {
    const index = startMs[row];
    if (index < 0 || index >= series.length) reader.fail("row of an unknown series");
    seriesIndex[row] = index;
  }
  reader.sums(startMs, places, Number.MAX_SAFE_INTEGER);
  for (let row = 0; row < ints; row += 1) {
    startMs[row] = startMs[row] * paneMs;
    if (!Number.isSafeInteger(startMs[row])) reader.fail("start out of range");
  }

  const kinds: (Accumulator | SketchKind)[] = [];
  /** Of each kind. */
  const blocks: ByteReader[] = [];
  const unread: UnreadColumn[] = [];
  for (let left = reader.count(2); left > 0 && reader.fault === undefined; left -= 1) {
    const id = reader.varint();
    const columns = reader.part();
    const kind = hasParams(id)
      ? accumulatorById(id, readParams(columns))
      : (accumulatorById(id) ?? sketchById(id));
    if (kind === undefined) unread.push({ id, bytes: columns.whole });
    else if (placeOf(kinds, kind.name) >= 0) reader.fail(`${kind.name} stands twice`);
    else {
      kinds.push(kind);
      blocks.push(columns);
    }
  }
  if (placeOf(kinds, "count") < 0) reader.fail("no count");

  const layout = paneLayoutOf(paneMs, kinds);
  // Every field of a row takes a byte at least: a block too short for its rows is refused before room is made for them.
  for (let place = 0; place < kinds.length; place += 1) {
    const kind = kinds[place];
    const bytesMin = "create" in kind ? rowCount : 1 + kind.width * (1 + rowCount);
    if (blocks[place].remaining < bytesMin) reader.fail(`${kind.name} ends early`);
  }
  const state = room.floats(reader.fault === undefined ? rowCount * layout.stride : 0);
  for (let index = 0; index < layout.accumulators.length; index += 1) {
    const accumulator = layout.accumulators[index];
    const place = placeOf(kinds, accumulator.name);
    if (place < 0 || reader.fault !== undefined) continue;
    const columns = blocks[place];
    readFields(columns, accumulator, {
      state,
      offset: layout.offsets[index],
      stride: layout.stride,
      rowCount,
    });
    if (columns.fault !== undefined) reader.fail(`${accumulator.name}: ${columns.fault}`);
  }
  const sketches = layout.sketches.map((kind) => {
    const place = placeOf(kinds, kind.name);
    if (place < 0 || reader.fault !== undefined) return [];
    const columns = blocks[place];
    const read = readSketches(columns, kind, rowCount);
    if (columns.fault !== undefined) reader.fail(`${kind.name}: ${columns.fault}`);
    return read;
  });
  const rows = { metric, layout, rowCount, series, seriesIndex, startMs, state, sketches };
  return unread.length === 0 ? rows : { ...rows, unread };
}

const sharedRoom = new RowRoom();

function placeOf(kinds: readonly (Accumulator | SketchKind)[], name: string): number {
  for (let place = 0; place < kinds.length; place += 1) if (kinds[place].name === name) return place;
  return -1;
}

function readParams(columns: ByteReader): number[] {
  const count = columns.count(1);
  const params = new Float64Array(columns.fault === undefined ? count : 0);
  readFloatColumn(columns, params, 0, 1, params.length);
  return [...params];
}

function readFields(
  columns: ByteReader,
  accumulator: Accumulator,
  into: {
    readonly state: Float64Array;
    readonly offset: number;
    readonly stride: number;
    readonly rowCount: number;
  },
): void {
  const { state, offset, stride, rowCount } = into;
  if (columns.varint() !== accumulator.width) columns.fail("another number of fields");
  for (let field = 0; field < accumulator.width; field += 1) {
    readFloatColumn(columns, state, offset + field, stride, rowCount);
  }
  if (columns.remaining > 0) columns.fail("something follows the last column");
  if (accumulator.name !== "count" && accumulator.name !== "beside") return;
  // The ledger counts readings with these.
  for (let row = 0; row < rowCount; row += 1) {
    for (let at = row * stride + offset; at < row * stride + offset + accumulator.width; at += 1) {
      if (!Number.isSafeInteger(state[at]) || state[at] < 0) columns.fail("not a count");
    }
  }
}

function readSketches(columns: ByteReader, kind: SketchKind, rowCount: number): (Sketch | null)[] {
  const sketches: (Sketch | null)[] = [];
  while (sketches.length < rowCount && columns.fault === undefined) {
    const bytes = columns.block();
    const sketch = bytes.length === 0 ? null : kind.decode(bytes);
    if (sketch === undefined) columns.fail("not a sketch");
    sketches.push(sketch ?? null);
  }
  if (columns.remaining > 0) columns.fail("something follows the last sketch");
  return sketches;
}

const NOTHING = new Uint8Array(0);

/** Built label by label: a list of pairs for each series of a new writer's first batch would be most of what that leaves behind. */
function readLabels(reader: ByteReader, texts: readonly string[]): Labels {
  const count = reader.count(2);
  if (count > LABELS_MAX) reader.fail(`more than ${LABELS_MAX} labels`);
  const labels: Record<string, string> = {};
  for (let left = count; left > 0 && reader.fault === undefined; left -= 1) {
    const name = readText(reader, texts);
    if (Object.hasOwn(labels, name)) reader.fail("a label stands twice");
    const value = readText(reader, texts);
    if (name === "__proto__") defineLabel(labels, name, value);
    else labels[name] = value;
  }
  return labels;
}

/** A label may be called as what an assignment takes for something else. */
function defineLabel(labels: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(labels, name, { value, configurable: true, enumerable: true, writable: true });
}

function readText(reader: ByteReader, texts: readonly string[]): string {
  const index = reader.varint();
  if (index < texts.length) return texts[index];
  reader.fail("unknown text");
  return "";
}

function isAllZero(rows: PaneRows, offset: number, width: number): boolean {
  for (let row = 0; row < rows.rowCount; row += 1) {
    for (let field = 0; field < width; field += 1) {
      if (!Object.is(rows.state[row * rows.layout.stride + offset + field], 0)) return false;
    }
  }
  return true;
}
