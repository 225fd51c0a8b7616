import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import { reasonOf, type Clock, type Timer } from "@millrace/runtime";
import type { OutgoingMessage } from "./outgoing-message.ts";
import type { Output } from "./output.ts";
import type { ReceiverWatch } from "./receiver-watch.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface FileOutputOptions {
  readonly folder: string;
  /** Name of its format: what the file's name ends with, and whether it begins with a heading. */
  formatOf(level: string): "json" | "influx" | "csv";
  readonly rotateBytes: number;
  readonly keep: number;
  readonly clock: Clock;
  readonly watch: ReceiverWatch;
  readonly onDelivered: (message: OutgoingMessage) => void;
}

interface OpenFile {
  readonly path: string;
  readonly file: number;
  bytes: number;
}

const EXTENSIONS = { json: "jsonl", influx: "lp", csv: "csv" } as const;
const CSV_HEADING = "ts,line,machine,value\n";
const RETRY_MS = 1_000;
const LINES_MAX = 1_000;
const LINE_FEED = 0x0a;

/**
 * Lines of readings, a file for each signal (or one for line protocol), named by the last level of the topic. A full file
 * is renamed to `….1`, the older ones one further, and a new one begun. What is no reading (states, waveforms) is left out.
 */
export class FileOutput implements Output {
  readonly #options: FileOutputOptions;
  readonly #line = new WaitingLine();
  readonly #files = new Map<string, OpenFile>();
  #timer: Timer | null = null;
  #isConnected = false;
  #isOpen = false;
  #holdCount = 0;
  #backCount = 0;

  constructor(options: FileOutputOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  get reconnectCount(): number {
    return Math.max(0, this.#backCount - 1);
  }

  waitingNumbers(): Iterable<number> {
    return this.#line.numbers();
  }

  open(): void {
    this.#isOpen = true;
    this.#plan(0);
  }

  send(message: OutgoingMessage): void {
    this.#line.push(message);
    this.#plan(0);
  }

  hold(): void {
    this.#holdCount++;
  }

  resume(): void {
    if (this.#holdCount === 0) return;
    this.#holdCount--;
    this.#plan(0);
  }

  close(): Promise<void> {
    this.#isOpen = false;
    this.#timer?.cancel();
    for (const { file } of this.#files.values()) closeSync(file);
    this.#files.clear();
    return Promise.resolve();
  }

  #plan(delayMs: number): void {
    if (this.#timer !== null || !this.#isOpen) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = null;
      if (!this.#writeAll()) this.#plan(RETRY_MS);
    });
  }

  /** False: the disk does not take it. */
  #writeAll(): boolean {
    const { watch, onDelivered } = this.#options;
    while (this.#holdCount === 0 && this.#line.length > 0) {
      const messages = this.#line.first(LINES_MAX);
      const level = levelOf(messages[0]);
      const same = messages.slice(0, lengthOfSame(messages, level));
      try {
        this.#write(level, same);
      } catch (error) {
        this.#isConnected = false;
        this.#forget(level);
        watch.away(this, reasonOf(error));
        return false;
      }
      if (!this.#isConnected) this.#backCount++;
      this.#isConnected = true;
      watch.back(this);
      this.#line.drop(same.length);
      for (const message of same) onDelivered(message);
    }
    return true;
  }

  #write(level: string, messages: readonly OutgoingMessage[]): void {
    if (level === "state" || level.startsWith("waveform")) return;
    const bytes = Buffer.concat(
      messages.flatMap(({ payload }) => [
        typeof payload === "string" ? Buffer.from(payload) : payload,
        Uint8Array.of(LINE_FEED),
      ]),
    );
    let open = this.#files.get(level) ?? this.#openFile(level);
    if (open.bytes > 0 && open.bytes + bytes.length > this.#options.rotateBytes)
      open = this.#rotate(level, open);
    for (let rest: Uint8Array = bytes; rest.length > 0;) {
      const written = writeSync(open.file, rest);
      open.bytes += written;
      rest = rest.subarray(written);
    }
  }

  #openFile(level: string): OpenFile {
    const { folder, formatOf } = this.#options;
    mkdirSync(folder, { recursive: true });
    const format = formatOf(level);
    const filePath = path.join(folder, `${level}.${EXTENSIONS[format]}`);
    const file = openSync(filePath, "a+");
    let { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    // A killed process may have left a part of a line.
    if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== LINE_FEED)
      size += writeSync(file, "\n");
    if (size === 0 && format === "csv") size += writeSync(file, CSV_HEADING);
    const open = { path: filePath, file, bytes: size };
    this.#files.set(level, open);
    return open;
  }

  #rotate(level: string, { path: filePath }: OpenFile): OpenFile {
    this.#forget(level);
    for (let index = this.#options.keep - 1; index >= 0; index -= 1) {
      try {
        renameSync(index === 0 ? filePath : `${filePath}.${index}`, `${filePath}.${index + 1}`);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    return this.#openFile(level);
  }

  #forget(level: string): void {
    const open = this.#files.get(level);
    this.#files.delete(level);
    if (open !== undefined) closeSync(open.file);
  }
}

function levelOf({ topic }: OutgoingMessage): string {
  const levels = topic.split("/");
  return levels.slice(4).join("/") || topic;
}

function lengthOfSame(messages: readonly OutgoingMessage[], level: string): number {
  const end = messages.findIndex((message) => levelOf(message) !== level);
  return end < 0 ? messages.length : end;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
