import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { MillraceError, reasonOf } from "@millrace/runtime";
import { influxLines } from "../inputs/http/influx-lines.ts";
import { LineReader } from "../inputs/files/line-reader.ts";
import type { FileReading } from "./file-reading.ts";
import { recordLine } from "./record-line.ts";
import type { Place, Recorded } from "./recorded-message.ts";
import { recordedTime } from "./recorded-time.ts";

/** Small, so that what a chunk becomes does not live long. */
const CHUNK_BYTES = 32 * 1024;
/** A longer line is bad; its rest is passed over. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export interface RecordedFileOptions {
  /** `-` is the standard input; a name that ends in `.gz` is unpacked. */
  readonly path: string;
  readonly reading: FileReading;
  /** All bytes that have been taken from the disk by now. */
  progress(bytes: number): void;
}

/** The messages of a file in its order, chunk by chunk: one chunk and one line are in memory. Rejects with `file_unreadable`. */
export async function* recordedFile(options: RecordedFileOptions): AsyncGenerator<readonly Recorded[]> {
  const { path, reading } = options;
  const read = lineReading(reading);
  let line = 0;
  for await (const lines of linesOf(options)) {
    const recorded: Recorded[] = [];
    for (const bytes of lines) {
      line += 1;
      const place = { file: path, line, column: 1 };
      if (bytes === "too_long")
        recorded.push({ kind: "bad", bad: { place, reason: `longer than ${LINE_BYTES_MAX} bytes` } });
      else if (bytes.length > 0) for (const each of read(bytes, place)) recorded.push(each);
    }
    if (recorded.length > 0) yield recorded;
  }
}

type ReadLine = (line: Uint8Array, place: Place) => Iterable<Recorded>;

function lineReading(reading: FileReading): ReadLine {
  switch (reading.kind) {
    case "records":
      return (line, place) => [recordLine(line, place)];
    case "influx":
      return (line, place) => influxMessages(line, reading.nsPerUnit, place);
    case "payloads": {
      const { topic, format, timeField } = reading;
      const reader = new LineReader(format);
      return (line, place) => {
        if (reader.needsHeader) {
          reader.setHeader(line);
          return [];
        }
        const message = { topic, isRetained: false, place, ...reader.read(line) };
        if (timeField === null || message.malformed !== undefined)
          return [{ kind: "message", message: { ...message, timeMs: null } }];
        const timeMs = fieldTime(message.payload, timeField);
        if (timeMs !== undefined) return [{ kind: "message", message: { ...message, timeMs } }];
        return [{ kind: "bad", bad: { place, reason: `${timeField} is no time, or is not there` } }];
      };
    }
  }
}

function* influxMessages(line: Uint8Array, nsPerUnit: bigint, place: Place): Iterable<Recorded> {
  for (const { line: _, ...point } of influxLines(line, nsPerUnit))
    yield { kind: "message", message: { ...point, timeMs: null, isRetained: false, place } };
}

function fieldTime(payload: Uint8Array, field: string): number | undefined {
  try {
    const object: unknown = JSON.parse(new TextDecoder().decode(payload));
    const fields = new Map(Object.entries(typeof object === "object" && object !== null ? object : {}));
    return recordedTime(fields.get(field));
  } catch {
    return undefined;
  }
}

/** Lines without their ends, empty ones too; views that are valid until the next. */
async function* linesOf(options: RecordedFileOptions): AsyncGenerator<readonly (Uint8Array | "too_long")[]> {
  /** Of a line whose end has not come: its parts. */
  let parts: Buffer[] = [];
  let partBytes = 0;
  let isFirst = true;
  let isSkipping = false;
  for await (let chunk of chunksOf(options)) {
    if (isFirst && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK)) chunk = chunk.subarray(3);
    isFirst = false;
    const lines: (Uint8Array | "too_long")[] = [];
    let from = 0;
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; feed = chunk.indexOf(LINE_FEED, from)) {
      const end = chunk.subarray(from, feed);
      if (isSkipping) lines.push("too_long");
      else lines.push(withoutReturn(parts.length === 0 ? end : Buffer.concat([...parts, end])));
      isSkipping = false;
      parts = [];
      partBytes = 0;
      from = feed + 1;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      partBytes += chunk.length - from;
    }
    if (partBytes > LINE_BYTES_MAX) isSkipping = true;
    if (isSkipping) parts = [];
    yield lines;
  }
  if (isSkipping) yield ["too_long"];
  else if (parts.length > 0) yield [withoutReturn(Buffer.concat(parts))];
}

function withoutReturn(line: Buffer): Uint8Array {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

async function* chunksOf({ path, progress }: RecordedFileOptions): AsyncGenerator<Buffer> {
  const file = path === "-" ? undefined : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const source = file ?? process.stdin;
  const unpacked = path.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  source.on("error", (error: Error) => unpacked.destroy(error));
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      progress(file?.bytesRead ?? 0);
      yield chunk;
    }
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
