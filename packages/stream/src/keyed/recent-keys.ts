import { assert } from "../assert.ts";
import { isTime } from "./is-time.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

export type StateKey = string | number;

/** What is kept of a key, at least. */
export interface KeyState {
  /** Greatest event time of the key. */
  newestMs: number;
}

interface Entry<State extends KeyState> {
  readonly key: StateKey;
  readonly state: State;
  older: Entry<State> | undefined;
  newer: Entry<State> | undefined;
}

export interface RecentKeysOptions {
  /** How far behind the watermark a time may lie and still be taken. */
  readonly latenessMs: number;
  /** How far behind the watermark a key's greatest event time may lie before the key is forgotten. */
  readonly timeToLiveMs: number;
  /** Most keys. One more, and the one that was active longest ago is dropped. */
  readonly keysMax: number;
}

/** Two a call: more than a call can add. */
const EXPIRED_A_CALL = 2;
/** Bytes after which a chunk of the state is full. */
const CHUNK_BYTES = 65_536;
const VERSION = 1;

/**
 * A state for each key, in order of last activity. Expired keys leave from the front, two a call at most; one that is behind
 * a living one stays until that leaves, as if it were not there. The first to go at the bound is the one in front.
 */
export class RecentKeys<State extends KeyState> {
  readonly #options: RecentKeysOptions;
  readonly #entries = new Map<StateKey, Entry<State>>();
  #oldest: Entry<State> | undefined;
  #newest: Entry<State> | undefined;
  #watermarkMs = -Infinity;
  #droppedCount = 0;
  #tooOldCount = 0;

  constructor(options: RecentKeysOptions) {
    const { latenessMs, timeToLiveMs, keysMax } = options;
    assert(latenessMs >= 0 && timeToLiveMs >= latenessMs, "0 ≤ latenessMs ≤ timeToLiveMs");
    assert(keysMax >= 1, "keysMax ≥ 1");
    this.#options = options;
  }

  /** Keys held; expired ones that have not left yet count. */
  get keyCount(): number {
    return this.#entries.size;
  }

  /** Living keys dropped because of `keysMax`. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Times not taken because they lay too far behind the watermark, or were none. */
  get tooOldCount(): number {
    return this.#tooOldCount;
  }

  /** Moves the watermark; one that goes back, or is no time, changes nothing. */
  advance(watermarkMs: number): void {
    if (watermarkMs > this.#watermarkMs && isTime(watermarkMs)) this.#watermarkMs = watermarkMs;
    for (let left = EXPIRED_A_CALL; left > 0 && this.#isExpired(this.#oldest); left--) this.#removeOldest();
  }

  /** Whether a time is to be taken. If not, it is counted. */
  takes(timeMs: number): boolean {
    if (isTime(timeMs) && timeMs >= this.#watermarkMs - this.#options.latenessMs) return true;
    this.#tooOldCount++;
    return false;
  }

  /** The state of a living key. */
  find(key: StateKey): State | undefined {
    const entry = this.#entries.get(key);
    return this.#isExpired(entry) ? undefined : entry?.state;
  }

  /** The state of a key that is active now; `create` makes one for a key that is not held. */
  touch(key: StateKey, create: () => State): State {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { key, state: create(), older: undefined, newer: undefined };
      this.#entries.set(key, entry);
    } else if (entry === this.#newest) return entry.state;
    else this.#unlink(entry);
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    if (this.#entries.size > this.#options.keysMax) {
      if (!this.#isExpired(this.#oldest)) this.#droppedCount++;
      this.#removeOldest();
    }
    return entry.state;
  }

  /**
   * The state in chunks of about 64 KB, which belong together only if nothing changes in between. First: u8 version, u32 keys, f64
   * each: watermark, dropped, too old. Then keys, the one active longest ago first: the key and what `write` adds. Expired ones
   * in front are left out.
   */
  *encode(write: (state: State, writer: StateWriter) => void): Generator<Uint8Array, void> {
    let oldest = this.#oldest;
    let keyCount = this.#entries.size;
    for (; this.#isExpired(oldest); oldest = oldest?.newer) keyCount--;
    const writer = new StateWriter();
    writer.byte(VERSION);
    writer.word(keyCount);
    for (const field of [this.#watermarkMs, this.#droppedCount, this.#tooOldCount]) writer.float(field);
    yield writer.take();
    for (let entry = oldest; entry !== undefined; entry = entry.newer) {
      writer.scalar(entry.key);
      write(entry.state, writer);
      if (writer.byteCount >= CHUNK_BYTES || entry.newer === undefined) yield writer.take();
    }
  }

  /** Takes the state back, when it is still empty. `read` gives undefined on junk. Never throws: false on junk. */
  decode(chunks: Iterable<Uint8Array>, read: (reader: StateReader) => State | undefined): boolean {
    let leftCount: number | undefined;
    for (const chunk of chunks) {
      const reader = new StateReader(chunk);
      if (leftCount === undefined) {
        if (reader.byte() !== VERSION) return false;
        leftCount = reader.word();
        if (!this.#readHead(reader)) return false;
      } else {
        for (; reader.restCount > 0; leftCount--) {
          const key = reader.scalar();
          const state = read(reader);
          if (state === undefined || reader.isOver || leftCount === 0 || this.#entries.has(key)) return false;
          this.touch(key, () => state);
        }
      }
    }
    return leftCount === 0;
  }

  #readHead(reader: StateReader): boolean {
    this.#watermarkMs = reader.float();
    this.#droppedCount = reader.float();
    this.#tooOldCount = reader.float();
    const counts = [this.#droppedCount, this.#tooOldCount];
    const isWatermark = this.#watermarkMs === -Infinity || isTime(this.#watermarkMs);
    return (
      reader.isAtEnd && isWatermark && counts.every((count) => Number.isSafeInteger(count) && count >= 0)
    );
  }

  #isExpired(entry: Entry<State> | undefined): boolean {
    return entry !== undefined && entry.state.newestMs < this.#watermarkMs - this.#options.timeToLiveMs;
  }

  #removeOldest(): void {
    const oldest = this.#oldest;
    if (oldest === undefined) return;
    this.#entries.delete(oldest.key);
    this.#unlink(oldest);
  }

  #unlink(entry: Entry<State>): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
  }
}
