// Files that grow, are rotated, cut, deleted and damaged: each line is handed over once, and with its position in one commit.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileFormat, TailedFileConfig } from "@millrace/config";
import { silentLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { parseTopicTemplate } from "@millrace/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Arrival } from "../input.ts";
import type { FilePosition } from "./file-position.ts";
import { ROTATED_QUIET_MS } from "./file-lane.ts";
import { FileTail } from "./file-tail.ts";

let folder = "";
const tails: FileTail[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-files-"));
});
afterEach(async () => {
  for (const tail of tails.splice(0)) await tail.stop();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const write = (name: string, text: string): void => appendFileSync(at(name), text);

/** The disk of an agent: lines and positions become durable together, when `commit` says so. */
class Disk {
  readonly lines: string[] = [];
  readonly positions = new Map<number, FilePosition>();
  failure: string | null = null;
  /** Saving takes until `commit`. */
  isSlow = false;
  #durable = Promise.withResolvers<void>();
  #lines: string[] = [];
  #changes: (readonly [number, FilePosition | null])[] = [];

  take(line: string): void {
    this.#lines.push(line);
  }

  save(changes: ReadonlyMap<number, FilePosition | null>): Promise<void> {
    this.#changes.push(...changes);
    return this.isSlow ? this.#durable.promise : Promise.resolve();
  }

  commit(): void {
    this.lines.push(...this.#lines);
    for (const [number, position] of this.#changes) {
      if (position === null) this.positions.delete(number);
      else this.positions.set(number, position);
    }
    this.crash();
    this.#durable.resolve();
    this.#durable = Promise.withResolvers();
  }

  get waitingCount(): number {
    return this.#changes.length;
  }

  /** What no commit has carried is gone. */
  crash(): void {
    this.#lines = [];
    this.#changes = [];
  }
}

interface SetUp extends Partial<Omit<TailedFileConfig, "path" | "topic">> {
  readonly name?: string;
  readonly topic?: string;
  readonly payloadBytesMax?: number;
}

function follow(disk: Disk, setUp: SetUp = {}) {
  const template = parseTopicTemplate(setUp.topic ?? "logs/{file}");
  if (!template.ok) throw new Error(template.detail);
  const counted = { lines: 0, bytes: 0, lost_files: 0, rotations: 0, left_early: 0 };
  const counts = { ...counted, rejected: new Map<string, number>() };
  const time = new SimulatedTime(0);
  let nextNumber = Math.max(0, ...disk.positions.keys()) + 1;
  const arrivals: Arrival[] = [];
  const tail = new FileTail({
    source: {
      path: at(setUp.name ?? "x.log"),
      topic: template.template,
      format: setUp.format ?? { kind: "lines" },
      start: setUp.start ?? "beginning",
      intervalMs: 1000,
    },
    positions: {
      failure: () => disk.failure,
      read: () => Promise.resolve(disk.positions),
      save: (changes) => disk.save(changes),
    },
    stored: new Map(disk.positions),
    counts,
    takeNumber: () => nextNumber++,
    payloadBytesMax: setUp.payloadBytesMax ?? 1000,
    clock: time.clock(),
    log: silentLogger,
  });
  tails.push(tail);
  const poll = async (): Promise<void> => {
    await tail.poll((arrival) => {
      arrivals.push({ ...arrival, payload: Uint8Array.from(arrival.payload) });
      disk.take(Buffer.from(arrival.payload).toString());
      return arrival.malformed === undefined
        ? undefined
        : Promise.resolve({ reason: "malformed" as const, detail: arrival.malformed });
    });
    disk.commit();
  };
  /** Looks often enough for the file after a rotated one to have its turn. */
  const settle = async (): Promise<void> => {
    for (let times = 0; times < 4; times += 1) await poll();
  };
  /** Nothing is written for so long that rotated files are left. */
  const rest = async (): Promise<void> => {
    await time.run(ROTATED_QUIET_MS);
    await settle();
  };
  return { tail, counts, arrivals, poll, settle, rest, time };
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

describe("a file that grows", () => {
  it("is read line by line; a part of a line waits for its end", async () => {
    const disk = new Disk();
    const { poll, arrivals } = follow(disk);
    write("x.log", "one\ntw");
    await poll();
    expect(disk.lines).toEqual(["one"]);
    await poll();
    write("x.log", "o\r\n\n\nthree\n");
    await poll();
    expect(disk.lines).toEqual(["one", "two", "three"]);
    expect(arrivals[0]).toMatchObject({ topic: "logs/x", qos: 0, client: at("x.log") });
  });

  it("is gone on with after a restart, where it stood", async () => {
    const disk = new Disk();
    write("x.log", text(numbers(0, 5000)));
    await follow(disk).poll();
    expect(disk.lines).toEqual(numbers(0, 5000));
    write("x.log", text(numbers(5000, 5003)));
    await follow(disk).poll();
    expect(disk.lines).toEqual(numbers(0, 5003));
  });

  it("gives what a crash has taken once more, and nothing twice", async () => {
    const disk = new Disk();
    write("x.log", text(numbers(0, 10)));
    await follow(disk).poll();
    write("x.log", text(numbers(10, 20)));
    const second = follow(disk);
    await second.tail.poll((arrival) => disk.take(Buffer.from(arrival.payload).toString()));
    disk.crash();
    await follow(disk).poll();
    expect(disk.lines).toEqual(numbers(0, 20));
  });

  it("gives nothing before the store knows it: rotated after a crash, it would not be found again", async () => {
    const disk = new Disk();
    disk.isSlow = true;
    write("x.log", "a1\n");
    const { poll, arrivals } = follow(disk);
    const polled = poll();
    await vi.waitFor(() => expect(disk.waitingCount).toBe(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(arrivals).toEqual([]);
    disk.commit();
    await vi.waitFor(() => expect(arrivals).toHaveLength(1));
    disk.crash();
    disk.isSlow = false;
    renameSync(at("x.log"), at("x.log.1"));
    write("x.log", "b1\n");
    await follow(disk).settle();
    expect(disk.lines).toEqual(["a1", "b1"]);
    await tails[0]?.stop();
    await polled;
  });

  it("begins at its end where it was there before and start says so, but not when it comes later", async () => {
    const disk = new Disk();
    write("x.log", "old\nhalf a li");
    const { poll } = follow(disk, { start: "end" });
    await poll();
    write("x.log", "ne\nnew\n");
    await poll();
    expect(disk.lines).toEqual(["new"]);

    const later = new Disk();
    const other = follow(later, { start: "end", name: "y.log" });
    await other.poll();
    expect(other.tail.status()).toMatchObject([{ path: at("y.log"), error: "there is no such file" }]);
    write("y.log", "first\n");
    await other.poll();
    expect(later.lines).toEqual(["first"]);
    expect(other.tail.status()).toEqual([
      { path: at("y.log"), topic: "logs/y", positionBytes: 6, lagBytes: 0, error: null },
    ]);
  });

  it("says of lines that were there at the start that they may be old, of those that came since not", async () => {
    const { poll, arrivals } = follow(new Disk());
    write("x.log", "old\n");
    await poll();
    write("x.log", "new\n");
    await poll();
    expect(arrivals.map(({ isRetained }) => isRetained)).toEqual([true, false]);
  });

  it("waits while the store takes no writes; what came meanwhile may be old", async () => {
    const disk = new Disk();
    const { poll, tail, arrivals } = follow(disk);
    write("x.log", "one\n");
    await poll();
    disk.failure = "disk full";
    write("x.log", "two\n");
    await poll();
    expect(disk.lines).toEqual(["one"]);
    expect(tail.status()[0]?.error).toBe("waits: disk full");
    disk.failure = null;
    await poll();
    expect(disk.lines).toEqual(["one", "two"]);
    expect(arrivals[1]?.isRetained).toBe(true);
  });
});

describe("what is in a file", () => {
  it("a line longer than a payload may be is oversized once, whatever its length, also over a restart", async () => {
    const disk = new Disk();
    const { poll, arrivals } = follow(disk);
    write("x.log", `${"a".repeat(2000)}\nshort\n${"b".repeat(500_000)}`);
    await poll();
    expect(arrivals.map(({ isOversized }) => isOversized)).toEqual([true, false, true]);
    const after = follow(disk);
    await after.poll();
    write("x.log", `${"b".repeat(300_000)}\nlast\n`);
    await after.poll();
    expect(after.arrivals.map(({ payload }) => Buffer.from(payload).toString())).toEqual(["last"]);
  });

  it("a byte order mark is left out, binary junk is handed over as it is", async () => {
    const { poll, arrivals } = follow(new Disk());
    writeFileSync(at("x.log"), Buffer.from([0xef, 0xbb, 0xbf, 0x31, 0x0a, 0xff, 0x00, 0xfe, 0x0a]));
    await poll();
    expect(arrivals.map(({ payload }) => [...payload])).toEqual([[0x31], [0xff, 0x00, 0xfe]]);
  });

  it("rows of CSV become objects with the header's names, also after a restart", async () => {
    const disk = new Disk();
    const format: FileFormat = { kind: "csv", delimiter: ";" };
    write("x.csv", '\uFEFFtime; temp ;note\n1;21.5;"a;""b"""\n2;22\n');
    const { poll, counts } = follow(disk, { name: "x.csv", format });
    await poll();
    expect(disk.lines).toEqual(['{"time":"1","temp":"21.5","note":"a;\\"b\\""}', "2;22"]);
    expect(counts.rejected).toEqual(new Map([["malformed", 1]]));
    write("x.csv", "3;23;\n");
    await follow(disk, { name: "x.csv", format }).poll();
    expect(disk.lines.at(-1)).toBe('{"time":"3","temp":"23","note":""}');
  });

  it("what a pattern finds becomes an object; a line that it does not match is malformed", async () => {
    const disk = new Disk();
    const format: FileFormat = { kind: "pattern", pattern: /^(?<time>\S+) .*temp=(?<value>[\d.]+)/u };
    write("x.log", "2026-01-05T08:00:00Z m1 temp=21.5 ok\nnonsense\n");
    const { poll, arrivals } = follow(disk, { format });
    await poll();
    expect(disk.lines[0]).toBe('{"time":"2026-01-05T08:00:00Z","value":"21.5"}');
    expect(arrivals[1]?.malformed).toBe("the pattern does not match the line");
  });
});

describe("rotation", () => {
  it("by rename: the old file is read to its end, what is written to it afterwards too, then the new one", async () => {
    const disk = new Disk();
    const { poll, settle, rest, counts } = follow(disk);
    write("x.log", "a1\n");
    await poll();
    write("x.log", "a2\n");
    renameSync(at("x.log"), at("x.log.1"));
    write("x.log", "b1\n");
    await poll();
    write("x.log.1", "a3\na4 without an end");
    await settle();
    write("x.log", "b2\n");
    await settle();
    expect(disk.lines).toEqual(["a1", "a2", "a3", "b1", "b2"]);
    await rest();
    await rest();
    expect(disk.lines).toEqual(["a1", "a2", "a3", "b1", "b2", "a4 without an end"]);
    expect(counts).toMatchObject({ rotations: 1, lost_files: 0, left_early: 0 });
    expect(disk.positions.size).toBe(1);
  });

  it("by rename: a writer that keeps the old file is read beside the new one, until it is quiet, also over a restart", async () => {
    const disk = new Disk();
    const first = follow(disk);
    write("x.log", "a1\n");
    await first.poll();
    renameSync(at("x.log"), at("x.log.1"));
    write("x.log", "b1\n");
    await first.settle();
    for (let second = 0; second < 200; second += 50) {
      write("x.log.1", `a at ${second} s\n`);
      write("x.log", `b at ${second} s\n`);
      await first.time.run(50_000);
      await first.poll();
    }
    await first.tail.stop();
    write("x.log.1", "a after the stop\n");
    const second = follow(disk);
    await second.settle();
    write("x.log.1", "a after the start\n");
    await second.settle();
    const ofOld = [
      "a1",
      ...[0, 50, 100, 150].map((at) => `a at ${at} s`),
      "a after the stop",
      "a after the start",
    ];
    expect(disk.lines.filter((line) => line.startsWith("a"))).toEqual(ofOld);
    expect(disk.lines.filter((line) => line.startsWith("b"))).toHaveLength(5);
    await second.rest();
    expect(disk.positions.size).toBe(1);
    expect(second.counts).toMatchObject({ lost_files: 0, left_early: 0 });
  });

  it("by rename: what is written to a file after it was left is read at the next rotation, and nothing of it twice", async () => {
    const disk = new Disk();
    const { poll, settle, rest } = follow(disk);
    write("x.log", "a1\n");
    await poll();
    renameSync(at("x.log"), at("x.log.1"));
    write("x.log", "b1\n");
    await settle();
    await rest();
    expect(disk.positions.size).toBe(1);
    renameSync(at("x.log.1"), at("x.log.2"));
    renameSync(at("x.log"), at("x.log.1"));
    utimesSync(at("x.log.1"), 1, 1);
    write("x.log.2", "a2\n");
    write("x.log", "c1\n");
    await settle();
    expect(disk.lines.toSorted()).toEqual(["a1", "a2", "b1", "c1"]);
  });

  it("many times in a row leaves no more than a few files open; the oldest are left early, and counted", async () => {
    const disk = new Disk();
    const { settle, counts } = follow(disk);
    for (let rotation = 0; rotation < 20; rotation += 1) {
      write("x.log", `${rotation}\n`);
      await settle();
      renameSync(at("x.log"), at(`x.log-${rotation}`));
    }
    write("x.log", "20\n");
    await settle();
    expect(disk.lines).toEqual(Array.from({ length: 21 }, (_, rotation) => `${rotation}`));
    expect(disk.positions.size).toBe(5);
    expect(counts).toMatchObject({ rotations: 20, lost_files: 0, left_early: 16 });
  });

  it("by rename, several times while the agent is down: every file between is read, in order", async () => {
    const disk = new Disk();
    write("x.log", "a1\n");
    await follow(disk).poll();
    write("x.log", "a2\n");
    let writtenS = 1;
    const stamp = (): void => utimesSync(at("x.log"), (writtenS += 1), writtenS);
    stamp();
    for (const generation of ["b", "c", "d"]) {
      for (const n of [3, 2, 1]) {
        try {
          renameSync(at(`x.log.${n}`), at(`x.log.${n + 1}`));
        } catch {
          // Not there yet.
        }
      }
      renameSync(at("x.log"), at("x.log.1"));
      write("x.log", `${generation}1\n`);
      stamp();
    }
    await follow(disk).settle();
    expect(disk.lines).toEqual(["a1", "a2", "b1", "c1", "d1"]);
  });

  it("by copy and truncation: what was not read yet is read from the copy", async () => {
    const disk = new Disk();
    const { poll, settle, counts } = follow(disk);
    write("x.log", "a1\n");
    await poll();
    write("x.log", "a2\n");
    copyFileSync(at("x.log"), at("x.log.1"));
    truncateSync(at("x.log"), 0);
    write("x.log", "b1 which is longer than all that was there before\n");
    await settle();
    expect(disk.lines).toEqual(["a1", "a2", "b1 which is longer than all that was there before"]);
    expect(counts).toMatchObject({ rotations: 1, lost_files: 0 });
  });

  it("by copy and truncation in the midst of what may be old: the rest, too, may be old, until the end is reached", async () => {
    const disk = new Disk();
    const { tail, poll, settle, arrivals } = follow(disk);
    write("x.log", numbers(0, 5_000).join("\n").concat("\n"));
    await tail.poll((arrival) => {
      if (arrivals.length === 0) {
        copyFileSync(at("x.log"), at("x.log.1"));
        truncateSync(at("x.log"), 0);
        write("x.log", "after\n");
      }
      arrivals.push(arrival);
    });
    await settle();
    expect(arrivals).toHaveLength(5_001);
    expect(arrivals.filter(({ isRetained }) => !isRetained)).toHaveLength(0);
    write("x.log", "live\n");
    await poll();
    expect(arrivals.at(-1)?.isRetained).toBe(false);
  });

  it("by copy and truncation while the agent is down, dated names", async () => {
    const disk = new Disk();
    write("x.log", "a1\n");
    await follow(disk).poll();
    write("x.log", "a2\n");
    copyFileSync(at("x.log"), at("x.log-20260105"));
    truncateSync(at("x.log"), 0);
    write("x.log", "b1\n");
    await follow(disk).settle();
    expect(disk.lines).toEqual(["a1", "a2", "b1"]);
  });

  it("a file that is cut without a copy begins anew, and the loss is counted", async () => {
    const disk = new Disk();
    const { poll, counts } = follow(disk);
    write("x.log", "a1\na2\n");
    await poll();
    writeFileSync(at("x.log"), "b1\n");
    await poll();
    expect(disk.lines).toEqual(["a1", "a2", "b1"]);
    expect(counts.lost_files).toBe(1);
  });

  it("a deleted file is read to its end and left; the next under its name is read from its beginning", async () => {
    const disk = new Disk();
    const { poll, settle, rest, tail } = follow(disk);
    write("x.log", "a1\n");
    await poll();
    write("x.log", "a2\n");
    unlinkSync(at("x.log"));
    await settle();
    expect(disk.lines).toEqual(["a1", "a2"]);
    await poll();
    expect(tail.status()[0]?.error).toBe("there is no such file");
    expect(disk.positions.size).toBe(0);
    await rest();
    write("x.log", "b1\n");
    await poll();
    expect(disk.lines).toEqual(["a1", "a2", "b1"]);
  });
});

describe("many files", () => {
  it("all that match are read in turns, new ones too; rotated and compressed ones are not", async () => {
    const disk = new Disk();
    write("a.log", text(numbers(0, 5000)));
    write("b.log", "b\n");
    write("b.log.1", "old\n");
    write("b.log.2.gz", "junk\n");
    write("a.txt", "other\n");
    const { poll, arrivals } = follow(disk, { name: "*.log*", topic: "plant/{file}/temperature" });
    await poll();
    const topics = arrivals.map(({ topic }) => topic);
    expect(new Set(topics)).toEqual(new Set(["plant/a/temperature", "plant/b/temperature"]));
    // Not behind all of the long one.
    expect(topics.indexOf("plant/b/temperature")).toBe(2000);
    expect(arrivals).toHaveLength(5001);
    write("c.log", "c\n");
    await poll();
    expect(arrivals.at(-1)?.topic).toBe("plant/c/temperature");
  });

  it("one that may not be read, one that is no file and one whose name is no level are told, the others are read", async () => {
    const disk = new Disk();
    write("a.log", "a\n");
    write("secret.log", "s\n");
    chmodSync(at("secret.log"), 0);
    mkdirSync(at("folder.log"));
    write("c#d.log", "x\n");
    const { poll, tail } = follow(disk, { name: "*.log" });
    await poll();
    const isRoot = process.getuid?.() === 0;
    expect(disk.lines).toEqual(isRoot ? ["a", "s"] : ["a"]);
    const errors = new Map(tail.status().map(({ path, error }) => [path, error]));
    expect(errors.get(at("a.log"))).toBeNull();
    if (!isRoot) expect(errors.get(at("secret.log"))).toMatch(/permission denied/i);
    expect(errors.get(at("folder.log"))).toBe("it is not a file");
    expect(errors.get(at("c#d.log"))).toBe("its name, c#d, cannot be a level of a topic");
    chmodSync(at("secret.log"), 0o600);
    await poll();
    expect(disk.lines).toContain("s");
  });

  it("a folder that is missing is a status", async () => {
    const { poll, tail } = follow(new Disk(), { name: "nowhere/*.log" });
    await poll();
    expect(tail.status()).toMatchObject([
      { path: at("nowhere/*.log"), error: expect.stringMatching(/ENOENT/) },
    ]);
  });
});
