import type { RecordFiles } from "../record-files.ts";
import type { BusinessRecord } from "../business-record.ts";
import type { RecordReceiver } from "./record-receiver.ts";

/** Records as lines of files, which hold them when `send` resolves: in the file system's hands, as after a death of this process. */
export class FileReceiver implements RecordReceiver {
  readonly againMax = 0;
  readonly #files: RecordFiles;

  constructor(files: RecordFiles) {
    this.#files = files;
  }

  open(): Promise<null> {
    return Promise.resolve(null);
  }

  async send(records: readonly BusinessRecord[]): Promise<void> {
    this.#files.append(records);
  }

  close(): Promise<void> {
    this.#files.close();
    return Promise.resolve();
  }
}
