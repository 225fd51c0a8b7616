import type { Change } from "@millrace/queue";

/** Entries behind the first that one commit looks at, whether they are over: more than it writes. */
const LOOKED_AT = 64;
/** An entry that has fewer is written again with the ids of the next commit, so that many small commits make few entries. */
const ENTRY_IDS_MIN = 256;
const FRESH_FIRST = 1_024;

export interface IdLogOptions {
  /** Of each id's hash. */
  readonly words: number;
  /** Of the entry with this number. */
  readonly keyOf: (number: number) => Uint8Array;
}

interface Entry {
  readonly number: number;
  readonly count: number;
  readonly latestMs: number;
}

/**
 * Ids with their times in the store: those of each commit as an entry, under ascending numbers, deleted once all of them are
 * older than the horizon, be there older entries that are not: of a partition that is years ahead. So a commit writes what is new, and never what is known. Of one id in an entry: the words of its hash,
 * and the time as float64; little-endian.
 */
export class IdLog {
  readonly #words: number;
  readonly #idBytes: number;
  readonly #keyOf: (number: number) => Uint8Array;
  /** By number; the last one may still grow. */
  readonly #entries: Entry[] = [];
  #next = 0;
  /** Of the entries, the one that is looked at next. */
  #lookAt = 0;
  #tail: Uint8Array = new Uint8Array(0);
  readonly #dropped: Change[] = [];
  /** Of the commit at hand. */
  #fresh: DataView<ArrayBuffer>;
  #freshCount = 0;
  #freshLatestMs = -Infinity;

  constructor({ words, keyOf }: IdLogOptions) {
    this.#words = words;
    this.#idBytes = 4 * words + 8;
    this.#keyOf = keyOf;
    this.#fresh = new DataView(new ArrayBuffer(FRESH_FIRST * this.#idBytes));
  }

  /** Ids in entries; one that was added again counts again. */
  get count(): number {
    return this.#entries.reduce((sum, { count }) => sum + count, 0);
  }

  /** The first entry, once it can change no more: its key, and the latest of its times. */
  get first(): { readonly key: Uint8Array; readonly latestMs: number } | null {
    const [first] = this.#entries;
    if (this.#entries.length < 2) return null;
    return { key: this.#keyOf(first.number), latestMs: first.latestMs };
  }

  /** Forgets the first entry with the next commit. */
  dropFirst(): void {
    const first = this.#entries.shift();
    if (first !== undefined) this.#dropped.push({ type: "del", key: this.#keyOf(first.number) });
  }

  /** The number of the first entry that the store has, or would have. */
  get firstNumber(): number {
    return this.#entries[0]?.number ?? this.#next;
  }

  /** Takes an entry back, ascending; its ids. */
  restore(number: number, bytes: Uint8Array): { hashes: Int32Array; timesMs: Float64Array; count: number } {
    const read = this.read(bytes);
    const { timesMs, count } = read;
    let latestMs = -Infinity;
    for (let id = 0; id < count; id += 1) latestMs = Math.max(latestMs, timesMs[id]);
    this.#entries.push({ number, count, latestMs });
    this.#next = number + 1;
    this.#tail = bytes;
    return read;
  }

  /** What an entry holds. */
  read(bytes: Uint8Array): { hashes: Int32Array; timesMs: Float64Array; count: number } {
    const words = this.#words;
    const count = Math.floor(bytes.length / this.#idBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hashes = new Int32Array(count * words);
    const timesMs = new Float64Array(count);
    for (let id = 0, at = 0; id < count; id += 1, at += this.#idBytes) {
      for (let word = 0; word < words; word += 1)
        hashes[id * words + word] = view.getInt32(at + 4 * word, true);
      timesMs[id] = view.getFloat64(at + 4 * words, true);
    }
    return { hashes, timesMs, count };
  }

  /** The next entry's number, where the store has none. */
  begin(next: number): void {
    this.#next = next;
  }

  /** Remembers an id that is new: the hash at `hashAt`. */
  add(hashes: Int32Array, hashAt: number, timeMs: number): void {
    let at = this.#freshCount * this.#idBytes;
    if (at + this.#idBytes > this.#fresh.byteLength) this.#grow();
    for (let word = 0; word < this.#words; word += 1, at += 4)
      this.#fresh.setInt32(at, hashes[hashAt + word], true);
    this.#fresh.setFloat64(at, timeMs, true);
    this.#freshCount += 1;
    if (timeMs > this.#freshLatestMs) this.#freshLatestMs = timeMs;
  }

  /** What is to be committed: the new ids, and the entries that have only ids older than `fromMs`. */
  takeChanges(fromMs: number): Change[] {
    const changes = this.#dropped.splice(0);
    if (this.#freshCount > 0) changes.push(this.#put());
    while (this.#entries.length > 1 && this.#entries[0].latestMs < fromMs) {
      const [{ number }] = this.#entries.splice(0, 1);
      changes.push({ type: "del", key: this.#keyOf(number) });
    }
    // Some of the others, in turns; never the last, which may still grow.
    for (let left = Math.min(LOOKED_AT, this.#entries.length - 1); left > 0; left -= 1) {
      if (this.#lookAt >= this.#entries.length - 1) this.#lookAt = 0;
      const { number, latestMs } = this.#entries[this.#lookAt];
      if (latestMs >= fromMs) this.#lookAt += 1;
      else {
        this.#entries.splice(this.#lookAt, 1);
        changes.push({ type: "del", key: this.#keyOf(number) });
      }
    }
    return changes;
  }

  #put(): Change {
    const fresh = new Uint8Array(this.#fresh.buffer, 0, this.#freshCount * this.#idBytes);
    const last = this.#entries.at(-1);
    const isSmall = last !== undefined && this.#tail.length < ENTRY_IDS_MIN * this.#idBytes;
    const value = isSmall ? joined(this.#tail, fresh) : fresh.slice();
    const number = isSmall ? last.number : this.#next;
    const latestMs = Math.max(isSmall ? last.latestMs : -Infinity, this.#freshLatestMs);
    if (isSmall) this.#entries.pop();
    else this.#next += 1;
    const count = value.length / this.#idBytes;
    this.#entries.push({ number, count, latestMs });
    this.#tail = value;
    this.#freshCount = 0;
    this.#freshLatestMs = -Infinity;
    return { type: "put", key: this.#keyOf(number), value };
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#fresh.byteLength);
    grown.set(new Uint8Array(this.#fresh.buffer));
    this.#fresh = new DataView(grown.buffer);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
