import type { InboxLimits } from "../sessions/inbox.ts";
import type { LogEntry, LogGap, LogPosition, LogTurn, StrangeRecord } from "./uplink-log.ts";
import { WriterSequences } from "./writer-sequences.ts";

/** Read and not yet taken; a single batch of records may be larger. */
const BYTES_MAX = 16 * 1024 * 1024;
const ITEM_BYTES = 256;
/** Of a partition, however many there are: a few batches. */
const SHARE_BYTES_MIN = 1024 * 1024;
/** Of a partition: clocks differ, and what most of so many records say is no one's clock. */
const TIMES = 31;

/** Records of one partition that follow one another. */
export interface ReadRecords extends LogPosition {
  /** What is missing before them. */
  readonly gap: LogGap | null;
  readonly items: readonly ReadItem[];
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
  /** By item: the least time of it and of those behind it. */
  readonly leastMs: Float64Array;
  /** The least time of all that waits of the partition behind this. */
  laterMs: number;
}

/** What of a log has been read and waits for a commit, in order; whoever reads more waits for room. */
export class ReadAhead {
  readonly #waiting: Waiting[] = [];
  /** The same, by partition. */
  readonly #queues = new Map<number, Waiting[]>();
  #bytes = 0;
  #isClosed = false;
  readonly #positions = new Map<number, LogPosition>();
  readonly #readTo = new Map<number, LogPosition>();
  /** By partition: of the last that were taken. */
  readonly #takenAtMs = new Map<number, number[]>();
  #room = Promise.withResolvers<void>();
  #awaited: ReadonlySet<number> | null = null;
  /** Of those that write themselves, while it is taken in order. */
  #sequences = new WriterSequences();

  /** Nothing can be taken. */
  get isEmpty(): boolean {
    return this.#next() === undefined;
  }

  /**
   * From now on the earliest of all partitions is taken first, as soon as there is something of each of these: whoever reads
   * has to hold back those that are ahead, and does not wait for room. Clocks differ: as early as a partition counts the
   * earliest record that waits of it, and where a writer's next batch is missing, its later ones let other partitions go
   * first. Null: in the order in which it was read.
   */
  order(awaited: ReadonlySet<number> | null): void {
    this.#awaited = awaited;
    if (awaited === null) this.#sequences = new WriterSequences();
    this.#giveRoom();
  }

  /** More of the partition waits than its share of the bound. */
  isAhead(partition: number, partitions: number): boolean {
    const bytes = (this.#queues.get(partition) ?? []).reduce((sum, read) => sum + read.bytes, 0);
    return bytes >= Math.max(SHARE_BYTES_MIN, BYTES_MAX / partitions);
  }

  /** Behind what has been taken of a partition; undefined where nothing has. */
  position(partition: number): LogPosition | undefined {
    return this.#positions.get(partition);
  }

  /** Behind what waits of a partition; undefined where nothing of it was ever added. */
  readTo(partition: number): LogPosition | undefined {
    return this.#readTo.get(partition);
  }

  /** Awaited partitions of which nothing waits, while something of others does. */
  get missing(): number[] {
    if (this.#awaited === null || this.#waiting.length === 0) return [];
    return [...this.#awaited].filter((partition) => (this.#queues.get(partition)?.length ?? 0) === 0);
  }

  /** How far a partition has been taken, by what most of the last records say: one writer's clock may be ahead. */
  takenToMs(partition: number): number {
    const times = [...(this.#takenAtMs.get(partition) ?? [])].sort((a, b) => a - b);
    return times[(times.length - 1) >> 1] ?? -Infinity;
  }

  add(read: ReadRecords): void {
    const damaged = read.gap?.damage?.bytes.length ?? 0;
    const bytes = read.items.reduce((sum, item) => sum + bytesOf(item), ITEM_BYTES + damaged);
    const waiting = { ...read, bytes, taken: 0, leastMs: leastTimes(read.items), laterMs: Infinity };
    const queue = this.#queues.get(read.partition) ?? [];
    this.#queues.set(read.partition, queue);
    const [atMs = Infinity] = waiting.leastMs;
    for (let at = queue.length - 1; at >= 0; at -= 1) {
      const before = queue[at];
      if (before === undefined || before.laterMs <= atMs) break;
      before.laterMs = atMs;
    }
    queue.push(waiting);
    this.#waiting.push(waiting);
    this.#bytes += bytes;
    this.#readTo.set(read.partition, positionIn(read, read.next));
  }

  /** Resolves once less waits than the bound. */
  async room(): Promise<void> {
    while (this.#bytes >= BYTES_MAX && this.#awaited === null && !this.#isClosed) await this.#room.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#room.resolve();
  }

  take(limits: InboxLimits): LogTurn {
    const entries: LogEntry[] = [];
    const strange: StrangeRecord[] = [];
    const gaps: LogGap[] = [];
    const positions = new Map<number, LogPosition>();
    let [bytes, count] = [0, 0];
    for (let read = this.#next(); read !== undefined; read = this.#next()) {
      if (read.gap !== null) gaps.push(read.gap);
      read.gap = null;
      const item = read.items[read.taken];
      if (item !== undefined) {
        const { next, content } = item;
        const isFull = count >= limits.messages || bytes + bytesOf(item) > limits.bytes;
        if (count > 0 && isFull) break;
        if ("envelope" in content) {
          entries.push(content);
          if (this.#awaited !== null) this.#sequences.took(content);
        } else strange.push(content);
        this.#took(read.partition, content.atMs);
        bytes += bytesOf(item);
        count += 1;
        read.taken += 1;
        read.bytes -= bytesOf(item);
        this.#bytes -= bytesOf(item);
        positions.set(read.partition, positionIn(read, next));
      }
      if (read.taken >= read.items.length) this.#end(read, positions);
    }
    for (const [partition, position] of positions) this.#positions.set(partition, position);
    if (this.#bytes < BYTES_MAX) this.#giveRoom();
    return { entries, positions: [...positions.values()], gaps, strange };
  }

  #giveRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  /** What is to be taken next; undefined: nothing, or what comes before it may still be read. */
  #next(): Waiting | undefined {
    if (this.#awaited === null) return this.#waiting[0];
    for (const partition of this.#awaited)
      if ((this.#queues.get(partition)?.length ?? 0) === 0) return undefined;
    let [next, first]: [Waiting | undefined, Waiting | undefined] = [undefined, undefined];
    for (const [head] of this.#queues.values()) {
      if (head === undefined) continue;
      if (first === undefined || timeOf(head) < timeOf(first)) first = head;
      const isEarlier = next === undefined || timeOf(head) < timeOf(next);
      if (isEarlier && !this.#sequences.isBeyond(head.items[head.taken]?.content)) next = head;
    }
    // What is missing everywhere is gone.
    return next ?? first;
  }

  #end(read: Waiting, positions: Map<number, LogPosition>): void {
    this.#waiting.splice(this.#waiting.indexOf(read), 1);
    this.#queues.get(read.partition)?.shift();
    this.#bytes -= read.bytes;
    positions.set(read.partition, positionIn(read, read.next));
  }

  #took(partition: number, atMs: number): void {
    const times = this.#takenAtMs.get(partition) ?? [];
    this.#takenAtMs.set(partition, times);
    if (times.push(atMs) > TIMES) times.shift();
  }
}

function positionIn({ partition, identity }: ReadRecords, next: number): LogPosition {
  return { partition, next, identity };
}

function timeOf({ leastMs, taken, laterMs }: Waiting): number {
  return Math.min(leastMs[taken] ?? -Infinity, laterMs);
}

function leastTimes(items: readonly ReadItem[]): Float64Array {
  const leastMs = Float64Array.from(items, ({ content }) => content.atMs);
  for (let at = leastMs.length - 2; at >= 0; at -= 1)
    leastMs[at] = Math.min(leastMs[at] ?? Infinity, leastMs[at + 1] ?? Infinity);
  return leastMs;
}

function bytesOf({ content }: ReadItem): number {
  return content.payload.length + ITEM_BYTES;
}
