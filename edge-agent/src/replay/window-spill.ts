import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Change, LevelStore } from "@millrace/queue";
import type { StateChange, StateEntry, StateRange } from "@millrace/stream";

/** Entries that wait in memory; with more they go to the disk. */
const ENTRIES_MAX = 20_000;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/**
 * The windows that a long recording keeps open for corrections: in memory as long as they are few, else in a store of its
 * own in the system's folder for temporary files, which goes with `close`.
 */
export class WindowSpill {
  #recent = new Map<string, Uint8Array | null>();
  /** The least key there has been, by kind and name: most ranges that are asked for lie before the recording. */
  readonly #least = new Map<string, string>();
  #store: LevelStore | undefined;
  #folder: string | undefined;

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const missing = this.#store === undefined ? [] : keys.filter((key) => !this.#recent.has(key));
    const stored = (await this.#store?.getMany(missing.map((key) => ENCODER.encode(key)))) ?? [];
    const found = new Map(missing.map((key, index) => [key, stored[index]]));
    return keys.map((key) => this.#recent.get(key) ?? found.get(key));
  }

  async put(changes: readonly StateChange[]): Promise<void> {
    for (const { key, bytes } of changes) {
      const name = nameOf(key);
      if (key < (this.#least.get(name) ?? "~")) this.#least.set(name, key);
      if (bytes === null && this.#store === undefined) this.#recent.delete(key);
      else this.#recent.set(key, bytes);
    }
    if (this.#recent.size > ENTRIES_MAX) await this.#flush();
  }

  async range({
    from,
    to,
    limit = Number.POSITIVE_INFINITY,
    isReverse = false,
  }: StateRange): Promise<readonly StateEntry[]> {
    if (to <= (this.#least.get(nameOf(from)) ?? "~")) return [];
    if (this.#store === undefined) {
      const keys = [...this.#recent.keys()].filter((key) => key >= from && key < to).sort();
      if (isReverse) keys.reverse();
      return keys.slice(0, limit).flatMap((key) => {
        const bytes = this.#recent.get(key);
        return bytes === undefined || bytes === null ? [] : [{ key, bytes }];
      });
    }
    await this.#flush();
    const entries: StateEntry[] = [];
    const bounds = { from: ENCODER.encode(from), to: ENCODER.encode(to), isReverse };
    for await (const { key, value } of this.#store.range(limit === Infinity ? bounds : { ...bounds, limit }))
      entries.push({ key: DECODER.decode(key), bytes: value });
    return entries;
  }

  async close(): Promise<void> {
    await this.#store?.close();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #makeFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "millrace-replay-"));
    // Ctrl-C leaves nothing behind either.
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  async #flush(): Promise<void> {
    this.#folder ??= this.#makeFolder();
    this.#store ??= await LevelStore.open({
      path: join(this.#folder, "windows"),
      kind: "central",
      version: 1,
      pid: process.pid,
    });
    const changes = Array.from(this.#recent, ([name, value]): Change => {
      const key = ENCODER.encode(name);
      return value === null ? { type: "del", key } : { type: "put", key, value };
    });
    // Nothing of it outlives this process.
    if (changes.length > 0) await this.#store.commit(changes, { isSync: false });
    this.#recent = new Map();
  }
}

/** Of a key such as `w|window|start|group`: what stands before the start. */
function nameOf(key: string): string {
  return key.slice(0, key.indexOf("|", 2) + 1);
}
