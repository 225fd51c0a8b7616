import type { InboxLimits } from "../core/inbox.ts";
import type { LogEntry, LogGap, LogPosition, LogTurn, StrangeRecord } from "./uplink-log.ts";

/** Read and not yet taken; a single batch of records may be larger. */
const BYTES_MAX = 16 * 1024 * 1024;
const ITEM_BYTES = 256;

/** Records of one partition that follow one another. */
export interface ReadRecords extends LogPosition {
  /** What is missing before them. */
  readonly gap: LogGap | null;
  readonly items: readonly ReadItem[];
  /** Time of the last; undefined where there is none. */
  readonly toMs: number | undefined;
}

export interface ReadItem {
  /** Where to go on behind it. */
  readonly next: number;
  readonly content: LogEntry | StrangeRecord;
}

interface Waiting extends ReadRecords {
  gap: LogGap | null;
  /** Of what is not taken yet. */
  bytes: number;
  taken: number;
}

/** What of a log has been read and waits for a commit, in order; whoever reads more waits for room. */
export class ReadAhead {
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #isClosed = false;
  readonly #positions = new Map<number, number>();
  readonly #readTo = new Map<number, number>();
  readonly #takenToMs = new Map<number, number>();
  #room = Promise.withResolvers<void>();

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Behind what has been taken of a partition; undefined where nothing has. */
  position(partition: number): number | undefined {
    return this.#positions.get(partition);
  }

  /** Behind what waits of a partition; undefined where nothing of it was ever added. */
  readTo(partition: number): number | undefined {
    return this.#readTo.get(partition);
  }

  /** Time of the last that was taken of a partition. */
  takenToMs(partition: number): number {
    return this.#takenToMs.get(partition) ?? -Infinity;
  }

  add(read: ReadRecords): void {
    const damaged = read.gap?.damage?.bytes.length ?? 0;
    const bytes = read.items.reduce((sum, item) => sum + bytesOf(item), ITEM_BYTES + damaged);
    this.#waiting.push({ ...read, bytes, taken: 0 });
    this.#bytes += bytes;
    this.#readTo.set(read.partition, read.next);
  }

  /** Resolves once less waits than the bound. */
  async room(): Promise<void> {
    while (this.#bytes >= BYTES_MAX && !this.#isClosed) await this.#room.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#room.resolve();
  }

  take(limits: InboxLimits): LogTurn {
    const entries: LogEntry[] = [];
    const strange: StrangeRecord[] = [];
    const gaps: LogGap[] = [];
    const positions = new Map<number, number>();
    let [bytes, count] = [0, 0];
    for (let read = this.#waiting[0]; read !== undefined; read = this.#waiting[0]) {
      if (read.gap !== null) gaps.push(read.gap);
      read.gap = null;
      for (let item = read.items[read.taken]; item !== undefined; item = read.items[read.taken]) {
        const { next, content } = item;
        const isFull = count >= limits.messages || bytes + bytesOf(item) > limits.bytes;
        if (count > 0 && isFull) break;
        if ("envelope" in content) entries.push(content);
        else strange.push(content);
        bytes += bytesOf(item);
        count += 1;
        read.taken += 1;
        read.bytes -= bytesOf(item);
        this.#bytes -= bytesOf(item);
        positions.set(read.partition, next);
      }
      if (read.taken < read.items.length) break;
      this.#end(read, positions);
    }
    for (const [partition, next] of positions) this.#positions.set(partition, next);
    if (this.#bytes < BYTES_MAX) {
      this.#room.resolve();
      this.#room = Promise.withResolvers();
    }
    const at = Array.from(positions, ([partition, next]) => ({ partition, next }));
    return { entries, positions: at, gaps, strange };
  }

  #end(read: Waiting, positions: Map<number, number>): void {
    this.#waiting.shift();
    this.#bytes -= read.bytes;
    positions.set(read.partition, read.next);
    if (read.toMs !== undefined)
      this.#takenToMs.set(read.partition, Math.max(read.toMs, this.takenToMs(read.partition)));
  }
}

function bytesOf({ content }: ReadItem): number {
  return content.payload.length + ITEM_BYTES;
}
