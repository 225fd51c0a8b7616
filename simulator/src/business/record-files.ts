import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { BusinessRecord } from "./business-record.ts";
import { DueQueue } from "./due-queue.ts";

const FLUSH_CHARACTERS = 262_144;

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
  readonly #hasKeys: boolean;
  readonly #files = new Map<string, RecordFile>();
  /** What waits in its source. */
  readonly #waiting = new DueQueue<BusinessRecord>();

  constructor(folder: string, { hasKeys }: { readonly hasKeys: boolean }) {
    this.#folder = folder;
    this.#hasKeys = hasKeys;
    guarded(folder, () => mkdirSync(folder, { recursive: true }));
  }

  /** In order of event time; none will come of an earlier time. */
  write(records: Iterable<BusinessRecord>): void {
    for (const record of records) {
      this.#writeUntil(record.timeMs);
      if (record.sentMs > record.timeMs) this.#waiting.push(record.sentMs, record);
      else this.#append(record.topic, record);
    }
  }

  /** Records that were before the run, into a file of their own. */
  writeHistory(records: Iterable<BusinessRecord>): void {
    for (const record of records) this.#append(`${record.topic}-history`, record);
  }

  /** With what still waits, by its time. */
  close(): void {
    this.#writeUntil(Infinity);
    for (const each of this.#files.values()) {
      flush(each);
      closeSync(each.file);
    }
  }

  #writeUntil(timeMs: number): void {
    while (this.#waiting.size > 0 && this.#waiting.nextMs <= timeMs) {
      const record = this.#waiting.pop();
      if (record !== undefined) this.#append(record.topic, record);
    }
  }

  #append(name: string, { topic, key, json }: BusinessRecord): void {
    const file = this.#files.get(name) ?? this.#open(name);
    const isChange = this.#hasKeys && (topic === "orders" || topic === "transfers");
    file.text += isChange ? `{"key":${key},"value":${json}}\n` : `${json}\n`;
    if (file.text.length >= FLUSH_CHARACTERS) flush(file);
  }

  /** A file that is there is somebody's. */
  #open(name: string): RecordFile {
    const path = join(this.#folder, `${name}.jsonl`);
    const opened = { path, file: guarded(path, () => openSync(path, "wx")), text: "" };
    this.#files.set(name, opened);
    return opened;
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
