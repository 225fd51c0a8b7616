import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MillraceError, reasonOf } from "@millrace/runtime";
import type { BusinessRecord } from "./business-record.ts";
import { SendingOrder } from "./sending-order.ts";

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
  readonly #order = new SendingOrder();

  constructor(folder: string, { hasKeys }: { readonly hasKeys: boolean }) {
    this.#folder = folder;
    this.#hasKeys = hasKeys;
    guarded(folder, () => mkdirSync(folder, { recursive: true }));
  }

  /** In order of event time; none will come of an earlier time. */
  write(records: Iterable<BusinessRecord>): void {
    for (const record of this.#order.take(records)) this.#append(record.topic, record);
  }

  /** Records that were before the run, into a file of their own. */
  writeHistory(records: Iterable<BusinessRecord>): void {
    for (const record of records) this.#append(`${record.topic}-history`, record);
  }

  /** With what still waits, by its time. */
  close(): void {
    for (const record of this.#order.until(Infinity)) this.#append(record.topic, record);
    for (const each of this.#files.values()) {
      flush(each);
      closeSync(each.file);
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
