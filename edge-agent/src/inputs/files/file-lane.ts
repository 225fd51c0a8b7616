import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { TailedFileConfig } from "@millrace/config";
import { type Clock, type Logger, reasonOf } from "@millrace/runtime";
import type { FileStatus, InputHandler } from "../input.ts";
import { capturesOf, rotationsOf } from "./file-names.ts";
import type { FilePosition } from "./file-position.ts";
import type { FilePositions } from "./file-positions.ts";
import { type FileIdentity, identify, TailedFile, type TailedLines } from "./tailed-file.ts";

export interface FileLaneOptions {
  readonly source: TailedFileConfig;
  readonly path: string;
  readonly positions: FilePositions;
  /** Positions of this path from before the start, by number, the oldest first. */
  readonly stored: ReadonlyMap<number, FilePosition>;
  readonly counts: FileCounts;
  /** A number that no position has. */
  takeNumber(): number;
  readonly payloadBytesMax: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Totals of one input, kept by all its lanes. */
export interface FileCounts {
  lines: number;
  bytes: number;
  /** Files whose rest was gone when they were looked for: rotated out of sight, or cut. */
  lost_files: number;
  rotations: number;
  /** Rotated files that were left before they were quiet for long enough: there were too many. */
  left_early: number;
  readonly rejected: Map<string, number>;
}

/** What one turn has handed over. */
export interface FileTurn {
  /** Another turn now would bring more. */
  readonly hasMore: boolean;
  readonly durable?: Promise<void>;
}

/** A rotated file is left once it has been quiet for so long: its writer may keep it open well after the rename. */
export const ROTATED_QUIET_MS = 60_000;
/** Rotated files read beside the one at the path; with more, the oldest is left earlier. */
const ROTATED_OPEN_MAX = 4;
/** Open files that wait for their turn; later ones are found once there is room. */
const WAITING_OPEN_MAX = 8;
/** Files that were left, known again at a later rotation if they have grown since. */
const LEFT_MAX = 16;

/**
 * The files that one path has named, in the order in which they were written: each is read to its end before the next, and
 * beside it as long as its writer goes on.
 * A rotation puts the open file aside under another name (rename), or copies it and cuts it to nothing (copytruncate);
 * in both cases the rest of what was not read is found by its bytes.
 */
export class FileLane {
  readonly path: string;
  readonly #options: FileLaneOptions;
  readonly #topic: string | null;
  /** What is read now, and what comes after it. */
  readonly #files: TailedFile[] = [];
  /** Read to their ends, and not quiet for long enough yet; the oldest first. */
  readonly #rotated: TailedFile[] = [];
  /** By device and inode; the oldest first. */
  readonly #left = new Map<string, { readonly number: number; readonly position: FilePosition }>();
  #isRotatedsTurn = true;
  /** Stored, and their files not found yet. */
  readonly #pending: Map<number, FilePosition>;
  #lookCount = 0;
  #seen: FileIdentity | null = null;
  #isAbsent = false;
  #error: string | null = "not looked at yet";

  constructor(options: FileLaneOptions) {
    this.#options = options;
    this.path = options.path;
    this.#pending = new Map(options.stored);
    this.#topic = options.source.topic.fill(capturesOf(options.path)) ?? null;
  }

  /** There is nothing at its path, and nothing open. */
  get isMissing(): boolean {
    return this.#isAbsent && this.#files.length + this.#rotated.length === 0;
  }

  /** Nor is anything to be found: it can be forgotten. */
  get isOver(): boolean {
    return this.isMissing && this.#pending.size === 0;
  }

  status(): FileStatus {
    return {
      path: this.path,
      topic: this.#topic,
      positionBytes: this.#files[0]?.position.offset ?? 0,
      lagBytes: [...this.#rotated, ...this.#files].reduce((sum, file) => sum + file.lagBytes, 0),
      error: this.#error,
    };
  }

  /**
   * Sees what has become of the path since the last look: new, rotated, cut, gone. `isFirst`: the agent has just started,
   * and what is there may be old.
   */
  async look({ isFirst }: { readonly isFirst: boolean }): Promise<void> {
    this.#lookCount += 1;
    if (this.#topic === null) {
      this.#error = `its name, ${capturesOf(this.path).file}, cannot be a level of a topic`;
      return;
    }
    try {
      await this.#look(isFirst);
      this.#error = this.#isAbsent && this.#files.length === 0 ? "there is no such file" : null;
    } catch (error) {
      this.#error = reasonOf(error);
      this.#options.log.repeated(`file:${this.path}`, "cannot read a file", { path: this.path, error });
    }
  }

  /** Hands over one batch of lines. `durable` resolves when they are; absent where there was nothing to hand over. */
  async turn(handler: InputHandler, buffer: Uint8Array): Promise<FileTurn> {
    try {
      const ofRotated = this.#isRotatedsTurn ? await this.#turnOfRotated(handler, buffer) : undefined;
      // By turns: neither holds up the other.
      const isRotatedNext = !this.#isRotatedsTurn && this.#rotated.length > 0;
      this.#isRotatedsTurn = ofRotated === undefined;
      if (ofRotated !== undefined) return ofRotated;
      for (;;) {
        const file = this.#files[0];
        if (file === undefined) return { hasMore: isRotatedNext };
        if (file.begun !== undefined) return { hasMore: true, durable: file.begun };
        const lines = await file.next(buffer, { isLast: false });
        if (lines !== undefined) return this.#handOver(handler, file, lines);
        // Cut meanwhile, it has an end of something else.
        file.isCaughtUp ||= !(await file.isReplaced());
        if (!(await this.#isFinished(file))) return { hasMore: isRotatedNext };
        const last = file.isCopy ? await file.next(buffer, { isLast: true }) : undefined;
        if (last !== undefined) return this.#handOver(handler, file, last);
        this.#files.shift();
        if (file.isCopy) await this.#leave(file);
        else this.#readBeside(file);
      }
    } catch (error) {
      this.#error = reasonOf(error);
      return { hasMore: false };
    }
  }

  /** What comes next may be old: nothing was read for a while. */
  fallBehind(reason: string): void {
    this.#error = reason;
    for (const file of [...this.#rotated, ...this.#files]) file.isCaughtUp = false;
  }

  async close(): Promise<void> {
    const open = [...this.#rotated.splice(0), ...this.#files.splice(0)];
    await Promise.all(open.map((file) => file.close()));
  }

  #readBeside(file: TailedFile): void {
    file.quietSinceMs = this.#options.clock.monotonicMs();
    this.#rotated.push(file);
    if (file.isUnlinked) this.#forget(file.number);
  }

  /** What has been written to rotated files since; those that are quiet are left. Undefined where there is nothing. */
  async #turnOfRotated(handler: InputHandler, buffer: Uint8Array): Promise<FileTurn | undefined> {
    const nowMs = this.#options.clock.monotonicMs();
    for (const file of this.#rotated.slice()) {
      const isQuiet = nowMs - file.quietSinceMs >= ROTATED_QUIET_MS;
      const isOver = isQuiet || this.#rotated.length > ROTATED_OPEN_MAX;
      const wasUnlinked = file.isUnlinked;
      const lines = await file.next(buffer, { isLast: isOver }).catch((error: unknown) => {
        // It keeps no other from being read.
        this.#error = reasonOf(error);
        return undefined;
      });
      if (file.isUnlinked && !wasUnlinked) this.#forget(file.number);
      if (lines !== undefined) {
        file.quietSinceMs = nowMs;
        return this.#handOver(handler, file, lines);
      }
      if (!isOver) continue;
      if (!isQuiet) this.#options.counts.left_early += 1;
      this.#rotated.splice(this.#rotated.indexOf(file), 1);
      await this.#leave(file);
    }
    return undefined;
  }

  async #leave(file: TailedFile): Promise<void> {
    this.#forget(file.number);
    this.#left.delete(file.file);
    this.#left.set(file.file, { number: file.number, position: file.position });
    for (const [oldest] of this.#left) {
      if (this.#left.size <= LEFT_MAX) break;
      this.#left.delete(oldest);
    }
    await file.close();
  }

  #forget(number: number): void {
    void this.#options.positions.save(new Map([[number, null]]), { isUrgent: false });
  }

  async #look(isFirst: boolean): Promise<void> {
    const before = this.#seen;
    const now = await identify(this.path);
    this.#isAbsent = now === null;
    if (this.#pending.size > 0) await this.#resume(now);
    this.#seen = now;
    const newest = this.#files.at(-1);
    if (newest !== undefined && newest.file === now?.file && !newest.isCopy) {
      newest.isRotated = false;
      const isSame = before?.size === now.size && before.modifiedNs === now.modifiedNs;
      if (!isSame && (await newest.isReplaced())) await this.#truncated(newest);
      return;
    }
    if (newest !== undefined) newest.isRotated = true;
    if (now === null || this.#pending.size > 0) return;
    if (newest === undefined) return this.#begin(this.path, { isFirst });
    if (!(await this.#beginUnseen(newest))) return;
    this.#options.counts.rotations += 1;
    await this.#begin(this.path, { isFirst: false });
  }

  /** Finds the files of stored positions: at the path, or where a rotation has put them meanwhile. */
  async #resume(now: FileIdentity | null): Promise<void> {
    for (const [number, position] of this.#pending) {
      const file = await this.#find(number, position);
      if (file === undefined && now === null) continue;
      this.#pending.delete(number);
      if (file === undefined) {
        this.#lost(number, position);
        continue;
      }
      file.isRotated = file.file !== now?.file;
      this.#files.push(file);
    }
    // Its bytes are found elsewhere, and the path's own are new.
    if (this.#files.length === 0 && this.#pending.size === 0 && now !== null)
      await this.#begin(this.path, { isFirst: false });
  }

  async #truncated(newest: TailedFile): Promise<void> {
    const { number, position } = newest;
    this.#options.counts.rotations += 1;
    const copy = await this.#findCopy(number, position);
    this.#files.pop();
    await newest.close();
    if (copy === undefined) {
      this.#lost(number, position);
    } else {
      copy.isRotated = true;
      copy.isCaughtUp = newest.isCaughtUp;
      this.#files.push(copy);
      if (!(await this.#beginUnseen(copy))) return;
    }
    await this.#begin(this.path, { isFirst: false });
  }

  /** Files that a rotation has put aside between two looks, each written to after `last`. False where there is no room for more. */
  async #beginUnseen(last: TailedFile): Promise<boolean> {
    const { modifiedNs } = await last.look();
    const known = new Set([...this.#rotated, ...this.#files].map(({ file }) => file));
    const unseen = (await this.#rotations()).filter(
      (each) => each.modifiedNs > modifiedNs && !known.has(each.file),
    );
    for (const { path, file } of unseen.reverse()) {
      if (await this.#resumeLeft(path, file)) continue;
      if (this.#files.length >= WAITING_OPEN_MAX) return false;
      await this.#begin(path, { isFirst: false, isRotated: true });
    }
    return this.#files.length < WAITING_OPEN_MAX;
  }

  /** One that was left and has been written to since: gone on with where it was left. */
  async #resumeLeft(at: string, file: string): Promise<boolean> {
    const left = this.#left.get(file);
    if (left === undefined) return false;
    const { format } = this.#options.source;
    const found = await TailedFile.resume({ ...left, at, isCopy: false, format });
    if (found === undefined) return false;
    found.isRotated = true;
    found.isCaughtUp = true;
    this.#left.delete(file);
    this.#readBeside(found);
    return true;
  }

  async #begin(
    at: string,
    { isFirst, isRotated = false }: { readonly isFirst: boolean; readonly isRotated?: boolean },
  ): Promise<void> {
    const { source, path, takeNumber, positions } = this.#options;
    const file = await TailedFile.begin({
      number: takeNumber(),
      source: source.path,
      path,
      at,
      format: source.format,
      start: isFirst ? source.start : "beginning",
    });
    if (file === undefined) return;
    file.isRotated = isRotated;
    file.isCaughtUp = !isFirst && (this.#files.at(-1)?.isCaughtUp ?? true);
    this.#files.push(file);
    // From now on it is one that was seen: `start` no longer concerns it.
    const durable = positions.save(new Map([[file.number, file.position]]), { isUrgent: true });
    file.begun = durable.then(() => (file.begun = undefined));
  }

  /** At the path, under another name, or as a copy. */
  async #find(number: number, position: FilePosition): Promise<TailedFile | undefined> {
    const { format } = this.#options.source;
    const moved = (await this.#rotations()).filter(({ file }) => file === position.file);
    for (const at of [this.path, ...moved.map(({ path }) => path)]) {
      const file = await TailedFile.resume({ number, position, at, isCopy: false, format });
      if (file !== undefined) return file;
    }
    return this.#findCopy(number, position);
  }

  async #findCopy(number: number, position: FilePosition): Promise<TailedFile | undefined> {
    const { format } = this.#options.source;
    for (const { path: at } of await this.#rotations()) {
      // An archive that may not be read is no copy that could be gone on with.
      const resumed = TailedFile.resume({ number, position, at, isCopy: true, format });
      const file = await resumed.catch(() => undefined);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  #lost(number: number, { offset }: FilePosition): void {
    const { counts, log, path } = this.#options;
    counts.lost_files += 1;
    log.repeated(
      `lost_file:${path}`,
      "a file was cut or replaced and is nowhere to be found: what was not read of it is lost",
      { path, readBytes: offset },
    );
    this.#forget(number);
  }

  /** What rotations have put aside, the latest first. */
  async #rotations(): Promise<(FileIdentity & { readonly path: string })[]> {
    const folder = dirname(this.path);
    const found: (FileIdentity & { readonly path: string })[] = [];
    for (const name of rotationsOf(await readdir(folder), basename(this.path))) {
      const path = join(folder, name);
      const identity = await identify(path).catch(() => null);
      if (identity !== null) found.push({ ...identity, path });
    }
    return found.sort((a, b) => (a.modifiedNs > b.modifiedNs ? -1 : 1));
  }

  /** At its end, and it is the next one's turn. A writer may go on for a moment after the rename. */
  async #isFinished(file: TailedFile): Promise<boolean> {
    if (!file.isRotated) return false;
    if (file.isCopy) return true;
    file.endedAtLook ??= this.#lookCount;
    if (file.endedAtLook === this.#lookCount) return false;
    const next = this.#files[1];
    if (next === undefined) return file.isUnlinked;
    return (await next.look()).size > 0;
  }

  /** In one turn of the event loop: the lines and their position are in the same commit. */
  #handOver(
    handler: InputHandler,
    file: TailedFile,
    { lines, oversized, after, isAtEnd }: TailedLines,
  ): FileTurn {
    const { positions } = this.#options;
    const failure = positions.failure();
    if (failure !== null) {
      this.fallBehind(`waits: ${failure}`);
      return { hasMore: false };
    }
    for (const line of lines) {
      if (file.lineReader.needsHeader) file.lineReader.setHeader(line);
      else this.#arrived(handler, file, line, false);
    }
    if (oversized !== undefined) {
      if (file.lineReader.needsHeader) file.lineReader.setHeader(new Uint8Array(0));
      this.#arrived(handler, file, oversized, true);
    }
    this.#options.counts.bytes += after.offset - file.position.offset;
    file.advance(after);
    if (isAtEnd) file.isCaughtUp = true;
    const position = file.isUnlinked ? null : file.position;
    const durable = positions.save(new Map([[file.number, position]]), { isUrgent: !isAtEnd });
    return { hasMore: !isAtEnd || file !== this.#files.at(-1), durable };
  }

  #arrived(handler: InputHandler, file: TailedFile, line: Uint8Array, isCut: boolean): void {
    const { counts, clock, payloadBytesMax } = this.#options;
    const isOversized = isCut || line.length > payloadBytesMax;
    counts.lines += 1;
    const work = handler({
      topic: this.#topic ?? "",
      ...(isOversized ? { payload: line } : file.lineReader.read(line)),
      isRetained: !file.isCaughtUp,
      isOversized,
      qos: 0,
      client: this.path,
      arrivedMonotonicMs: clock.monotonicMs(),
    });
    const count = (reason: string) => counts.rejected.set(reason, (counts.rejected.get(reason) ?? 0) + 1);
    work?.then(
      (rejection) => rejection !== undefined && count(rejection.reason),
      () => count("not_taken"),
    );
  }
}
