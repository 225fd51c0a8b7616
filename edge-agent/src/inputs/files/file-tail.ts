import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { reasonOf } from "@millrace/runtime";
import type { FileStatus, InputHandler } from "../input.ts";
import { FileLane, type FileLaneOptions } from "./file-lane.ts";
import { followedNames, namePattern } from "./file-names.ts";
import type { FilePosition } from "./file-position.ts";

export interface FileTailOptions extends Omit<FileLaneOptions, "path" | "stored"> {
  /** Positions of this source from before the start, by number. */
  readonly stored: ReadonlyMap<number, FilePosition>;
}

/** Files that one path may match; further ones are not read, and its status says so. */
const FILES_MAX = 256;
/** Positions kept of files that are not there; the oldest go first. */
const MISSING_MAX = 256;
/** Least bytes read at once. */
const BUFFER_BYTES_MIN = 128 * 1024;

/** One configured path, with all files that it matches. They take turns, a batch of lines each. */
export class FileTail {
  readonly #options: FileTailOptions;
  readonly #pattern: RegExp | undefined;
  readonly #lanes = new Map<string, FileLane>();
  readonly #buffer: Uint8Array;
  readonly #stopping = Promise.withResolvers<void>();
  #isStopped = false;
  #isFirst = true;
  #error: string | null = null;
  #polling: Promise<void> | undefined;

  constructor(options: FileTailOptions) {
    this.#options = options;
    this.#pattern = namePattern(options.source.path);
    // One that does not fit into it whole is oversized.
    this.#buffer = new Uint8Array(Math.max(BUFFER_BYTES_MIN, options.payloadBytesMax + 2));
    for (const [path, stored] of this.#storedByPath()) this.#addLane(path, stored);
  }

  status(): readonly FileStatus[] {
    const lanes = [...this.#lanes.values()].map((lane) => lane.status());
    const error = this.#error ?? (lanes.length === 0 ? "no file matches" : null);
    if (error === null) return lanes;
    const { path, topic } = this.#options.source;
    return [...lanes, { path, topic: topic.text, positionBytes: 0, lagBytes: 0, error }];
  }

  /** One look at every file, then turns until all of them are at their end or `limitMs` is over. Never rejects. */
  async poll(handler: InputHandler, limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#polling ??= this.#poll(handler, limitMs).finally(() => (this.#polling = undefined));
    await this.#polling;
  }

  /** Hands nothing over any more, from now on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopping.resolve();
    await this.#polling;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  async #poll(handler: InputHandler, limitMs: number): Promise<void> {
    const { clock, positions } = this.#options;
    const untilMs = clock.monotonicMs() + limitMs;
    const failure = positions.failure();
    if (failure !== null) {
      for (const lane of this.#lanes.values()) lane.fallBehind(`waits: ${failure}`);
      return;
    }
    await this.#findFiles();
    for (const lane of this.#lanes.values()) {
      if (this.#isStopped) return;
      await lane.look({ isFirst: this.#isFirst });
    }
    this.#isFirst = false;
    for (const [path, lane] of this.#lanes) {
      if (this.#pattern !== undefined && lane.isOver) this.#lanes.delete(path);
    }
    for (let hasMore = true; hasMore && clock.monotonicMs() < untilMs;) {
      hasMore = false;
      const durables: Promise<void>[] = [];
      for (const lane of this.#lanes.values()) {
        if (this.#isStopped) return;
        const turn = await lane.turn(handler, this.#buffer);
        hasMore ||= turn.hasMore;
        if (turn.durable !== undefined) durables.push(turn.durable);
      }
      // What waits for the disk is bounded by one batch a file.
      await Promise.race([Promise.all(durables), this.#stopping.promise]);
    }
  }

  async #findFiles(): Promise<void> {
    const { path } = this.#options.source;
    if (this.#pattern === undefined) {
      if (!this.#lanes.has(path)) this.#addLane(path, new Map());
      return;
    }
    const folder = dirname(path);
    try {
      const names = followedNames(await readdir(folder), this.#pattern);
      this.#error = null;
      for (const name of names) {
        const found = join(folder, name);
        if (this.#lanes.has(found)) continue;
        if (this.#openCount() >= FILES_MAX) {
          this.#error = `more than ${FILES_MAX} files match; the others are not read`;
          return;
        }
        this.#addLane(found, new Map());
      }
    } catch (error) {
      this.#error = reasonOf(error);
    }
  }

  #openCount(): number {
    return [...this.#lanes.values()].filter(({ isMissing }) => !isMissing).length;
  }

  #addLane(path: string, stored: ReadonlyMap<number, FilePosition>): void {
    this.#lanes.set(path, new FileLane({ ...this.#options, path, stored }));
  }

  /** Those beyond MISSING_MAX and FILES_MAX are forgotten. */
  #storedByPath(): Map<string, Map<number, FilePosition>> {
    const { stored, positions } = this.#options;
    const byPath = new Map<string, Map<number, FilePosition>>();
    const byNumber = [...stored].sort(([a], [b]) => a - b);
    const forgotten = byNumber.splice(0, Math.max(0, byNumber.length - FILES_MAX - MISSING_MAX));
    if (forgotten.length > 0) {
      void positions.save(new Map(forgotten.map(([number]) => [number, null])), { isUrgent: false });
    }
    for (const [number, position] of byNumber) {
      const ofPath = byPath.get(position.path) ?? new Map<number, FilePosition>();
      byPath.set(position.path, ofPath.set(number, position));
    }
    return byPath;
  }
}
