import type { Change } from "@millrace/queue";
import { RECORD_HASH_WORDS } from "@millrace/wire";
import { CENTRAL_KEYS } from "../core/central-keys.ts";

/** Of one id: four words of hash, and the record's time as float64; little-endian. */
const ID_BYTES = 4 * RECORD_HASH_WORDS + 8;
/** An entry that has fewer is written again with the ids of the next commit, so that many small commits make few entries. */
const ENTRY_IDS_MIN = 256;
const FRESH_FIRST = 1_024;

interface Entry {
  readonly number: number;
  readonly latestMs: number;
}

/**
 * The ids of a stream in the store: those of each commit as an entry, under ascending numbers, deleted once all of them are
 * older than the horizon. So a commit writes what is new, and never what is known.
 */
export class IdLog {
  readonly #stream: string;
  /** By number; the last one may still grow. */
  readonly #entries: Entry[] = [];
  #next = 0;
  #tail: Uint8Array = new Uint8Array(0);
  /** Of the commit at hand. */
  #fresh = new DataView(new ArrayBuffer(FRESH_FIRST * ID_BYTES));
  #freshCount = 0;
  #freshLatestMs = -Infinity;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** The number of the first entry that the store has, or would have. */
  get firstNumber(): number {
    return this.#entries[0]?.number ?? this.#next;
  }

  /** Takes an entry back, ascending; its ids. */
  restore(number: number, bytes: Uint8Array): { hashes: Int32Array; timesMs: Float64Array; count: number } {
    const count = Math.floor(bytes.length / ID_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hashes = new Int32Array(count * RECORD_HASH_WORDS);
    const timesMs = new Float64Array(count);
    let latestMs = -Infinity;
    for (let id = 0, at = 0; id < count; id += 1, at += ID_BYTES) {
      for (let word = 0; word < RECORD_HASH_WORDS; word += 1)
        hashes[id * RECORD_HASH_WORDS + word] = view.getInt32(at + 4 * word, true);
      timesMs[id] = view.getFloat64(at + 4 * RECORD_HASH_WORDS, true);
      latestMs = Math.max(latestMs, timesMs[id]);
    }
    this.#entries.push({ number, latestMs });
    this.#next = number + 1;
    this.#tail = bytes;
    return { hashes, timesMs, count };
  }

  /** The next entry's number, where the store has none. */
  begin(next: number): void {
    this.#next = next;
  }

  /** Remembers an id that is new: the hash at `hashAt`. */
  add(hashes: Int32Array, hashAt: number, timeMs: number): void {
    let at = this.#freshCount * ID_BYTES;
    if (at + ID_BYTES > this.#fresh.byteLength) this.#grow();
    for (let word = 0; word < RECORD_HASH_WORDS; word += 1, at += 4)
      this.#fresh.setInt32(at, hashes[hashAt + word], true);
    this.#fresh.setFloat64(at, timeMs, true);
    this.#freshCount += 1;
    if (timeMs > this.#freshLatestMs) this.#freshLatestMs = timeMs;
  }

  /** What is to be committed: the new ids, and the entries that have only ids older than `fromMs`. */
  takeChanges(fromMs: number): Change[] {
    const changes: Change[] = [];
    if (this.#freshCount > 0) changes.push(this.#put());
    while (this.#entries.length > 1 && this.#entries[0].latestMs < fromMs) {
      const [{ number }] = this.#entries.splice(0, 1);
      changes.push({ type: "del", key: CENTRAL_KEYS.ids(this.#stream, number) });
    }
    return changes;
  }

  #put(): Change {
    const fresh = new Uint8Array(this.#fresh.buffer, 0, this.#freshCount * ID_BYTES);
    const last = this.#entries.at(-1);
    const isSmall = last !== undefined && this.#tail.length < ENTRY_IDS_MIN * ID_BYTES;
    const value = isSmall ? joined(this.#tail, fresh) : fresh.slice();
    const number = isSmall ? last.number : this.#next;
    const latestMs = Math.max(isSmall ? last.latestMs : -Infinity, this.#freshLatestMs);
    if (isSmall) this.#entries.pop();
    else this.#next += 1;
    this.#entries.push({ number, latestMs });
    this.#tail = value;
    this.#freshCount = 0;
    this.#freshLatestMs = -Infinity;
    return { type: "put", key: CENTRAL_KEYS.ids(this.#stream, number), value };
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
