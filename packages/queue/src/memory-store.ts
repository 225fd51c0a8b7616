import { MillraceError } from "@millrace/runtime";
import type { Change, Entry, RangeOptions, Store } from "./store.ts";

/** What a simulator may hold up: one kind per method of a Store that does work. */
export type StoreOperation = "get" | "commit" | "range" | "compact" | "reopen";

export interface MemoryStoreOptions {
  /** Awaited before the operation takes effect: a simulator's control of time. */
  readonly delay?: (operation: StoreOperation) => Promise<void>;
  /** Decides how much of an unsynced tail survives a crash; without it, half. */
  readonly random?: { next(): number };
  /** After a failed commit all further ones fail until `reopen`, as LevelDB does after a failed sync. Default true. */
  readonly isStickyOnFailure?: boolean;
}

/** The durable content of a store at one moment. */
export interface MemorySnapshot {
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

/** From so many changes on, sorting all keys anew is cheaper than placing each. */
const SORT_ANEW_FROM = 256;

/**
 * The twin of LevelStore for tests and simulation: sorted in memory, with a durable part and a volatile tail of commits
 * that were not synced. One handle is one process's hold on the disk: after `crash` or `restart` it is dead, and every
 * call on it rejects; the handle returned goes on with what the disk kept.
 */
export class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions;
  /** Keys as text, one character a byte: text order is byte order. */
  readonly #content: Map<string, Uint8Array>;
  #keys: string[] | undefined;
  readonly #durable: Map<string, Uint8Array>;
  /** Committed, not synced; oldest first. */
  #tail: (readonly Change[])[] = [];
  /** Begun and not yet done: a crash may find them on the disk all the same. */
  readonly #inFlight = new Set<readonly Change[]>();
  #isDead = false;
  #isClosed = false;
  #mustReopen = false;
  #commitCount = 0;
  #operationCount = 0;
  #failuresLeft = 0;
  #failingCommit = 0;
  #failingOperation = 0;

  constructor(options: MemoryStoreOptions = {}, snapshot: MemorySnapshot = { entries: new Map() }) {
    this.#options = options;
    this.#durable = new Map(snapshot.entries);
    this.#content = new Map(snapshot.entries);
  }

  /** A new store with the content of a snapshot: a disk rolled back, or cloned. */
  static restore(snapshot: MemorySnapshot, options: MemoryStoreOptions = {}): MemoryStore {
    return new MemoryStore(options, snapshot);
  }

  /** Commits tried so far, failed ones included. */
  get commitCount(): number {
    return this.#commitCount;
  }

  /** Operations tried so far, failed ones included. */
  get operationCount(): number {
    return this.#operationCount;
  }

  get entryCount(): number {
    return this.#content.size;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#begin("get");
    return this.#content.get(textOf(key));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    await this.#begin("get");
    return keys.map((key) => this.#content.get(textOf(key)));
  }

  async commit(changes: readonly Change[], options: { readonly isSync: boolean }): Promise<void> {
    this.#commitCount += 1;
    const isFailing = this.#takeFailure(this.#commitCount === this.#failingCommit);
    const copied = changes.map(copyOf);
    this.#inFlight.add(copied);
    try {
      await this.#begin("commit", isFailing);
    } finally {
      this.#inFlight.delete(copied);
    }
    if (copied.length > SORT_ANEW_FROM) this.#keys = undefined;
    this.#apply(copied, this.#content);
    this.#tail.push(copied);
    if (options.isSync) this.#sync();
  }

  range(options: RangeOptions): AsyncIterable<Entry> {
    const entries = this.#isOpen() ? this.#select(options) : [];
    return this.#iterate(entries);
  }

  async compact(_from: Uint8Array, _to: Uint8Array): Promise<void> {
    await this.#begin("compact");
  }

  async reopen(): Promise<void> {
    await this.#begin("reopen");
    this.#mustReopen = false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /**
   * Power cut. What was not synced is lost; with `tornTail`, some first part of it, or all, is found on the disk all the
   * same, whole commits each, commits still under way included. Returns the handle of the next process.
   */
  crash(options: { readonly tornTail?: boolean } = {}): MemoryStore {
    const tail = options.tornTail === true ? [...this.#tail, ...this.#inFlight] : [];
    const share = this.#options.random?.next() ?? 0.5;
    const survivors = tail.slice(0, Math.floor(share * (tail.length + 1)));
    this.#isDead = true;
    const entries = new Map(this.#durable);
    for (const changes of survivors) this.#apply(changes, entries);
    return new MemoryStore(this.#options, { entries });
  }

  /** The process ended and the machine did not: every commit stays. Returns the handle of the next process. */
  restart(): MemoryStore {
    this.#isDead = true;
    return new MemoryStore(this.#options, { entries: this.#content });
  }

  /** What a power cut now would leave. */
  snapshot(): MemorySnapshot {
    return { entries: new Map(this.#durable) };
  }

  /** The next `count` commits that are tried fail, without effect. */
  failNextCommits(count: number): void {
    this.#failuresLeft = count;
  }

  /** Commit `number` (the first is 1) fails, without effect. */
  failCommitNumber(number: number): void {
    this.#failingCommit = number;
  }

  /** Operation `number` (the first is 1) fails, whatever it is. */
  failOperationNumber(number: number): void {
    this.#failingOperation = number;
  }

  /** Damages or removes a stored value, as a bad sector would. */
  damage(key: Uint8Array, change: (value: Uint8Array) => Uint8Array | undefined): void {
    const text = textOf(key);
    const value = this.#content.get(text);
    if (value === undefined) return;
    const damaged = change(value.slice());
    for (const map of [this.#content, this.#durable]) {
      if (damaged === undefined) map.delete(text);
      else map.set(text, damaged);
    }
    this.#keys = undefined;
  }

  async *#iterate(entries: readonly Entry[]): AsyncGenerator<Entry> {
    await this.#begin("range");
    yield* entries;
  }

  async #begin(operation: StoreOperation, isFailing = false): Promise<void> {
    this.#operationCount += 1;
    const isOperationFailing = this.#operationCount === this.#failingOperation;
    await this.#options.delay?.(operation);
    if (!this.#isOpen()) throw closed(operation);
    if (operation === "commit") {
      if (isFailing || isOperationFailing) this.#mustReopen = this.#options.isStickyOnFailure ?? true;
      if (isFailing || isOperationFailing || this.#mustReopen)
        throw failed("store_write", "injected failure");
    } else if (isOperationFailing) throw failed("store_read", "injected failure");
  }

  #isOpen(): boolean {
    return !this.#isDead && !this.#isClosed;
  }

  #takeFailure(isNumbered: boolean): boolean {
    if (this.#failuresLeft === 0) return isNumbered;
    this.#failuresLeft -= 1;
    return true;
  }

  /** The log is written in order: syncing one commit syncs all before it. */
  #sync(): void {
    for (const changes of this.#tail) this.#apply(changes, this.#durable);
    this.#tail = [];
  }

  #apply(changes: readonly Change[], target: Map<string, Uint8Array>): void {
    for (const change of changes) {
      const key = textOf(change.key);
      if (target === this.#content && target.has(key) !== (change.type === "put"))
        this.#placeKey(key, change.type);
      if (change.type === "put") target.set(key, change.value);
      else target.delete(key);
    }
  }

  #placeKey(key: string, type: Change["type"]): void {
    if (this.#keys === undefined) return;
    const at = lowerBound(this.#keys, key);
    if (type === "put") this.#keys.splice(at, 0, key);
    else this.#keys.splice(at, 1);
  }

  #select(options: RangeOptions): Entry[] {
    this.#keys ??= [...this.#content.keys()].sort();
    const first = lowerBound(this.#keys, textOf(options.from));
    const end = lowerBound(this.#keys, textOf(options.to));
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const entries: Entry[] = [];
    for (let count = 0; count < end - first && count < limit; count += 1) {
      const key = this.#keys[options.isReverse === true ? end - 1 - count : first + count];
      const value = this.#content.get(key);
      if (value !== undefined) entries.push({ key: bytesOf(key), value });
    }
    return entries;
  }
}

function failed(code: "store_read" | "store_write", reason: string): MillraceError {
  return new MillraceError(code, { path: "memory", reason });
}

function closed(operation: StoreOperation): MillraceError {
  return failed(operation === "commit" ? "store_write" : "store_read", "the store is closed");
}

function copyOf(change: Change): Change {
  return change.type === "put"
    ? { type: "put", key: change.key.slice(), value: change.value.slice() }
    : { type: "del", key: change.key.slice() };
}

function textOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
