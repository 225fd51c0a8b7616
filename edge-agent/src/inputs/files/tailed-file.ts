import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { FileFormat } from "@millrace/config";
import type { FilePosition } from "./file-position.ts";
import {
  type Fingerprint,
  FINGERPRINT_BYTES_MAX,
  hasFingerprint,
  NO_FINGERPRINT,
  readFingerprint,
} from "./fingerprint.ts";
import { LineReader } from "./line-reader.ts";
import { splitLines } from "./line-splitter.ts";

/** Lines of one turn: what is handed over at once, and bounded. */
const LINES_MAX = 2_000;

/** What a look into a file brought. Views into the buffer, valid until the next look. */
export interface TailedLines {
  readonly lines: readonly Uint8Array[];
  /** A line longer than the buffer began here: its beginning. Its rest is left out. */
  readonly oversized: Uint8Array | undefined;
  /** How things stand once these lines are handed over. */
  readonly after: Pick<FilePosition, "offset" | "isSkipping" | "head" | "tail">;
  /** Nothing whole is behind them now. */
  readonly isAtEnd: boolean;
}

/** Which file a path names now, whatever its bytes. */
export interface FileIdentity {
  /** Device and inode. */
  readonly file: string;
  readonly size: number;
  readonly modifiedNs: bigint;
}

/** Null where there is none. Throws where it may not be looked at, or is no file: opening a pipe would wait for ever. */
export async function identify(path: string): Promise<FileIdentity | null> {
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) throw new Error("it is not a file");
    return toIdentity(found);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** One file, open, under whatever name: the one at the path, or one that a rotation has put aside. */
export class TailedFile {
  readonly number: number;
  readonly file: string;
  readonly lineReader: LineReader;
  /** No longer at its path: it is read to its end, then left. */
  isRotated = false;
  /** Made at a rotation: nobody writes to it. */
  isCopy = false;
  /** Its end has been reached: what comes from now on is new. */
  isCaughtUp = false;
  /** Until the store knows it. After a crash, a file that it does not know would not be looked for under another name. */
  begun: Promise<void> | undefined;
  /** Number of the look in which it was found at its end. */
  endedAtLook: number | undefined;
  /** Monotonic clock, ms: when it last brought lines, since it is read beside the next one. */
  quietSinceMs = 0;
  readonly #handle: FileHandle;
  #position: FilePosition;
  #size = 0;
  #isUnlinked = false;
  /** Its size when there was no whole line. */
  #triedSize = -1;

  private constructor(
    handle: FileHandle,
    options: { readonly number: number; readonly position: FilePosition; readonly format: FileFormat },
  ) {
    this.#handle = handle;
    this.number = options.number;
    this.file = options.position.file;
    this.#position = options.position;
    this.lineReader = new LineReader(options.format);
  }

  /** A file never read, at its beginning or its end. Undefined where it is gone meanwhile. */
  static async begin(options: {
    readonly number: number;
    readonly source: string;
    /** The path that it belongs to. */
    readonly path: string;
    /** The name that it has now. */
    readonly at: string;
    readonly format: FileFormat;
    readonly start: "beginning" | "end";
  }): Promise<TailedFile | undefined> {
    const { source, path, start } = options;
    const handle = await openFile(options.at);
    if (handle === undefined) return undefined;
    try {
      const { file, size } = await identityOf(handle);
      const offset = start === "end" ? size : 0;
      const lastByte = new Uint8Array(1);
      if (offset > 0) await handle.read(lastByte, 0, 1, offset - 1);
      const position: FilePosition = {
        source,
        path,
        file,
        offset,
        isSkipping: offset > 0 && lastByte[0] !== 0x0a,
        ...(await fingerprintsAt(handle, offset)),
      };
      return new TailedFile(handle, { ...options, position });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The file at `at`, where it is the one of the position, or a copy of it: another inode with the same bytes. */
  static async resume(options: {
    readonly number: number;
    readonly position: FilePosition;
    readonly at: string;
    readonly isCopy: boolean;
    readonly format: FileFormat;
  }): Promise<TailedFile | undefined> {
    const { position, isCopy } = options;
    const handle = await openFile(options.at);
    if (handle === undefined) return undefined;
    try {
      const { file, size } = await identityOf(handle);
      const isSame =
        (file !== position.file) === isCopy &&
        size >= position.offset &&
        (!isCopy || position.offset > 0) &&
        (await hasSameBytes(handle, position.offset, position));
      if (isSame) {
        const resumed = new TailedFile(handle, { ...options, position: { ...position, file } });
        resumed.#size = size;
        resumed.isCopy = isCopy;
        return resumed;
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  get position(): FilePosition {
    return this.#position;
  }

  get size(): number {
    return this.#size;
  }

  /** No name leads to it any more: after a restart it could not be found. */
  get isUnlinked(): boolean {
    return this.#isUnlinked;
  }

  get lagBytes(): number {
    return Math.max(0, this.#size - this.#position.offset);
  }

  /** As the open file is now. */
  async look(): Promise<FileIdentity> {
    const found = await this.#handle.stat({ bigint: true });
    this.#size = Number(found.size);
    this.#isUnlinked = found.nlink === 0n;
    return toIdentity(found);
  }

  /** Its bytes are no longer those that were read: truncated, and perhaps written anew. */
  async isReplaced(): Promise<boolean> {
    await this.look();
    const { offset } = this.#position;
    return this.#size < offset || !(await hasSameBytes(this.#handle, offset, this.#position));
  }

  /**
   * The next lines; undefined where there is nothing new. `isLast`: nothing will come any more, so the last line is whole
   * without its line feed. Nothing changes before `advance`.
   */
  async next(buffer: Uint8Array, { isLast }: { readonly isLast: boolean }): Promise<TailedLines | undefined> {
    await this.look();
    const { offset, isSkipping } = this.#position;
    if (this.#size <= offset || (this.#triedSize === this.#size && !isLast)) return undefined;
    if (await this.isReplaced()) return undefined;
    if (this.lineReader.needsHeader && offset > 0) await this.#readHeader(buffer);
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, offset);
    const bytes = buffer.subarray(0, bytesRead);
    const isFull = bytesRead === buffer.length;
    let from = offset === 0 && hasByteOrderMark(bytes) ? 3 : 0;
    if (isSkipping) {
      const feed = bytes.indexOf(0x0a);
      if (feed < 0) return this.#linesTo(offset + bytesRead, { isSkipping: true, isAtEnd: !isFull });
      from = feed + 1;
    }
    const isLastPart = isLast && !isFull;
    const { lines, usedBytes } = splitLines(bytes.subarray(from), LINES_MAX, isLastPart);
    const used = from + usedBytes;
    if (usedBytes > 0 || isSkipping) {
      const isAtEnd = !isFull && (used === bytesRead || bytes.indexOf(0x0a, used) < 0);
      return this.#linesTo(offset + used, { lines, isAtEnd });
    }
    if (isFull)
      return this.#linesTo(offset + bytesRead, {
        isSkipping: true,
        oversized: bytes.subarray(from),
        isAtEnd: false,
      });
    this.#triedSize = this.#size;
    return undefined;
  }

  /** What `next` gave is handed over. */
  advance(after: TailedLines["after"]): void {
    this.#position = { ...this.#position, ...after };
    this.#triedSize = -1;
    this.endedAtLook = undefined;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #linesTo(
    offset: number,
    parts: Pick<TailedLines, "isAtEnd"> &
      Partial<Pick<TailedLines, "lines" | "oversized">> & {
        readonly isSkipping?: boolean;
      },
  ): Promise<TailedLines> {
    const { lines = [], oversized, isSkipping = false, isAtEnd } = parts;
    const fingerprints = await fingerprintsAt(this.#handle, offset);
    return { lines, oversized, isAtEnd, after: { offset, isSkipping, ...fingerprints } };
  }

  /** One that is longer than the buffer names nothing: the rows do not fit it, and are rejected. */
  async #readHeader(buffer: Uint8Array): Promise<void> {
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const { lines } = splitLines(bytes.subarray(hasByteOrderMark(bytes) ? 3 : 0), 1);
    this.lineReader.setHeader(lines[0] ?? new Uint8Array(0));
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  if ((await identify(path)) === null) return undefined;
  return open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
}

async function identityOf(handle: FileHandle): Promise<FileIdentity> {
  return toIdentity(await handle.stat({ bigint: true }));
}

function toIdentity(found: {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}): FileIdentity {
  return {
    file: `${found.dev}:${found.ino}`,
    size: Number(found.size),
    modifiedNs: found.mtimeNs,
  };
}

async function fingerprintsAt(
  handle: FileHandle,
  offset: number,
): Promise<{ readonly head: Fingerprint; readonly tail: Fingerprint }> {
  if (offset === 0) return { head: NO_FINGERPRINT, tail: NO_FINGERPRINT };
  return {
    head: await readFingerprint(handle, 0, offset),
    tail: await readFingerprint(handle, Math.max(0, offset - FINGERPRINT_BYTES_MAX), offset),
  };
}

async function hasSameBytes(
  handle: FileHandle,
  offset: number,
  { head, tail }: Pick<FilePosition, "head" | "tail">,
): Promise<boolean> {
  return (await hasFingerprint(handle, 0, head)) && (await hasFingerprint(handle, offset - tail.bytes, tail));
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
