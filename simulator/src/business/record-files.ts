import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { BusinessRecord } from "./business-record.ts";
import { isChangedTable } from "./debezium/changed-table.ts";
import { SendingOrder } from "./sending-order.ts";

export interface RecordFilesOptions {
  /** Change events have their key and tombstones beside them. */
  readonly hasKeys: boolean;
  /** Files that are there are gone on with. */
  readonly isResumed?: boolean;
}

const FLUSH_CHARACTERS = 262_144;
const TAIL_BYTES = 65_536;
const NEW_LINE = 0x0a;

interface RecordFile {
  readonly path: string;
  readonly file: number;
  text: string;
}

/**
 * Records as JSON lines, a file a stream, each line when its record leaves its source. Change events have their key and
 * tombstones beside them, as `{"key":…,"value":…}`.
 */
export class RecordFiles {
  readonly #folder: string;
  readonly #options: RecordFilesOptions;
  readonly #files = new Map<string, RecordFile>();
  readonly #order = new SendingOrder();

  constructor(folder: string, options: RecordFilesOptions) {
    this.#folder = folder;
    this.#options = options;
    guarded(folder, () => mkdirSync(folder, { recursive: true }));
  }

  /** In order of event time; none will come of an earlier time. */
  write(records: Iterable<BusinessRecord>): void {
    for (const record of this.#order.take(records)) this.#add(record.topic, record);
  }

  /** In the order in which they leave; the files hold them when it returns. */
  append(records: Iterable<BusinessRecord>): void {
    for (const record of records) this.#add(record.topic, record);
    for (const each of this.#files.values()) flush(each);
  }

  /** Records that were before the run, into a file of their own. */
  writeHistory(records: Iterable<BusinessRecord>): void {
    for (const record of records) this.#add(`${record.topic}-history`, record);
  }

  /** With what still waits, by its time. */
  close(): void {
    for (const record of this.#order.until(Infinity)) this.#add(record.topic, record);
    for (const each of this.#files.values()) {
      flush(each);
      closeSync(each.file);
    }
    this.#files.clear();
  }

  #add(name: string, { topic, key, json }: BusinessRecord): void {
    const file = this.#files.get(name) ?? this.#open(name);
    const isChange = this.#options.hasKeys && isChangedTable(topic);
    file.text += isChange ? `{"key":${key},"value":${json}}\n` : `${json}\n`;
    if (file.text.length >= FLUSH_CHARACTERS) flush(file);
  }

  /** A file that is there is somebody's, or an earlier process's of this run. */
  #open(name: string): RecordFile {
    const path = join(this.#folder, `${name}.jsonl`);
    const { isResumed = false } = this.#options;
    const opened = { path, file: guarded(path, () => openSync(path, isResumed ? "a+" : "wx")), text: "" };
    if (isResumed) guarded(path, () => cutTornLine(opened.file));
    this.#files.set(name, opened);
    return opened;
  }
}

/** A record comes again as a whole: what is behind the last line's end goes. */
function cutTornLine(file: number): void {
  const tail = Buffer.alloc(TAIL_BYTES);
  for (let end = fstatSync(file).size; end > 0;) {
    const from = Math.max(0, end - TAIL_BYTES);
    const count = readSync(file, tail, 0, end - from, from);
    const newLine = tail.subarray(0, count).lastIndexOf(NEW_LINE);
    end = newLine < 0 ? from : from + newLine + 1;
    if (newLine >= 0 || end === 0) return ftruncateSync(file, end);
  }
}

function flush(opened: RecordFile): void {
  let rest = Buffer.from(opened.text);
  opened.text = "";
  guarded(opened.path, () => {
    while (rest.length > 0) rest = rest.subarray(writeSync(opened.file, rest));
  });
}

function guarded<Value>(path: string, write: () => Value): Value {
  try {
    return write();
  } catch (error) {
    throw new MillraceError("file_unwritable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
