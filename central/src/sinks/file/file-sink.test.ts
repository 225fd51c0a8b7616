// A sink's files on a real disk: whole lines and nothing else, whatever cuts a write off, takes a file away or fills it.
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileRotation } from "@millrace/config";
import { MemoryLogger } from "@millrace/runtime";
import { expect, onTestFinished, test } from "vitest";
import { FileSink } from "./file-sink.ts";
import { SinkFolder } from "./sink-folder.ts";

const NOON_MS = Date.parse("2026-01-05T12:00:00Z");
const DAY_MS = 86_400_000;

function place(rotation: Partial<FileRotation> = {}, { at }: { readonly at?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), "millrace-file-sink-"));
  const folder = at ?? join(root, "results");
  const path = join(folder, "windows.jsonl");
  let nowMs = NOON_MS;
  const log = new MemoryLogger();
  const sinks: FileSink<string>[] = [];
  /** Of a start of central: its files share what is known of their folder. */
  const begin = (stem = "windows", shared = new SinkFolder(folder)) => {
    const sink = new FileSink<string>({
      name: "file",
      folder: shared,
      stem,
      rotation: { bytesMax: 1_000_000, isDaily: false, filesKept: 3, ...rotation },
      recordOf: (text) => ({ text }),
      clock: { nowMs: () => nowMs },
      log,
    });
    sinks.push(sink);
    return sink;
  };
  onTestFinished(() => {
    for (const sink of sinks) sink.close();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    folder,
    path,
    log,
    begin,
    setTime: (toMs: number) => (nowMs = toMs),
    lines: (name = "windows.jsonl") =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line): string => JSON.parse(line).text),
    aside: () =>
      readdirSync(folder)
        .filter((name) => name !== "windows.jsonl")
        .toSorted(),
  };
}

test("a folder that cannot be made is told at once", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-file-sink-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  symlinkSync(join(root, "gone"), join(root, "link"));
  const { begin } = place({}, { at: join(root, "link", "results") });
  await expect(begin().open()).rejects.toMatchObject({ code: "sink_file" });
});

test("lines are appended; a folder that is not there yet holds nothing, and is made with the first", async () => {
  const { begin, folder, lines, path } = place();
  const sink = begin();
  expect(await sink.open()).toEqual({ holdsAll: false });
  expect(existsSync(folder)).toBe(false);
  expect(await sink.open()).toEqual({ holdsAll: false });
  expect(await sink.write(["北京", "two"])).toEqual({ taken: 2 });
  await sink.write(["three"]);
  expect(lines()).toEqual(["北京", "two", "three"]);
  expect(statSync(path).mode & 0o007).toBe(0);
  const again = begin();
  expect(await again.open()).toEqual({ holdsAll: true });
  await again.write(["four"]);
  expect(lines()).toEqual(["北京", "two", "three", "four"]);
});

test("what was in a folder that is gone is gone for both files of it, whichever makes it again", async () => {
  const { begin, folder, lines } = place();
  const shared = new SinkFolder(folder);
  const windows = begin("windows", shared);
  const alarms = begin("alarms", shared);
  const answers = await Promise.all([windows.open(), alarms.open()]);
  expect(answers).toEqual([{ holdsAll: false }, { holdsAll: false }]);
  await windows.write(["one"]);
  const again = new SinkFolder(folder);
  rmSync(folder, { recursive: true });
  const first = begin("windows", again);
  expect(await first.open()).toEqual({ holdsAll: false });
  await first.write(["one, again"]);
  const second = begin("alarms", again);
  expect(await second.open()).toEqual({ holdsAll: false });
  expect(await second.open()).toEqual({ holdsAll: true });
  expect(await first.open()).toEqual({ holdsAll: true });
  expect(lines()).toEqual(["one, again"]);
});

test.each([1, 70_000])(
  "a last line that a crash cut off after %i bytes is mended at the next start",
  async (bytes) => {
    const { begin, lines, path, log } = place();
    const first = begin();
    await first.open();
    await first.write(["whole"]);
    first.close();
    appendFileSync(path, `{"text":"${"x".repeat(bytes)}`);
    const second = begin();
    expect(await second.open()).toEqual({ holdsAll: true });
    expect(lines()).toEqual(["whole"]);
    expect(log.messages("warn")).toEqual(["the last line of a file was cut off, and is taken away"]);
    await second.write(["next"]);
    expect(lines()).toEqual(["whole", "next"]);
  },
);

test("a file that is nothing but a cut line begins anew", async () => {
  const { begin, lines, path } = place();
  const first = begin();
  await first.write(["gone"]);
  first.close();
  rmSync(path);
  appendFileSync(path, '{"te');
  const second = begin();
  await second.open();
  await second.write(["first"]);
  expect(lines()).toEqual(["first"]);
});

test("a file that would be larger is put aside under its time, and of those only the latest are kept", async () => {
  const { begin, lines, aside, setTime } = place({ bytesMax: 100, filesKept: 2 });
  const sink = begin();
  await sink.open();
  const long = (name: string) => name.padEnd(60, ".");
  await sink.write([long("a")]);
  await sink.write([long("b")]);
  expect(aside()).toEqual(["windows-20260105T120000Z.jsonl"]);
  expect(lines()).toEqual([long("b")]);
  expect(lines("windows-20260105T120000Z.jsonl")).toEqual([long("a")]);
  // Within the same second: a name of its own.
  await sink.write([long("c")]);
  expect(aside()).toEqual(["windows-20260105T120000Z-1.jsonl", "windows-20260105T120000Z.jsonl"]);
  setTime(NOON_MS + 1_000);
  await sink.write([long("d")]);
  expect(aside()).toEqual(["windows-20260105T120000Z-1.jsonl", "windows-20260105T120001Z.jsonl"]);
  expect(lines()).toEqual([long("d")]);
});

test("with a new day a new file is begun, also after a start", async () => {
  const { begin, lines, aside, setTime } = place({ isDaily: true });
  // The file's own time says of which day it is.
  const todayMs = Date.now();
  setTime(todayMs);
  const sink = begin();
  await sink.open();
  await sink.write(["today"]);
  setTime(todayMs + 2 * DAY_MS);
  await sink.write(["later"]);
  expect(lines()).toEqual(["later"]);
  expect(aside()).toHaveLength(1);
  sink.close();
  setTime(todayMs + 3 * DAY_MS);
  const again = begin();
  await again.open();
  await again.write(["anew"]);
  expect(lines()).toEqual(["anew"]);
  expect(aside()).toHaveLength(2);
});

test("a file that was taken away meanwhile, by whatever rotates files here, is begun anew", async () => {
  const { begin, lines, path, folder } = place();
  const sink = begin();
  await sink.open();
  await sink.write(["one"]);
  renameSync(path, join(folder, "taken"));
  await sink.write(["two"]);
  expect(lines()).toEqual(["two"]);
  expect(lines("taken")).toEqual(["one"]);
  const again = begin();
  renameSync(path, join(folder, "taken-too"));
  expect(await again.open()).toEqual({ holdsAll: true });
});

test("a folder, or a file, that was moved away while it was written to is told, once: the new one holds only what comes from then on", async () => {
  const { begin, lines, path, folder, log } = place();
  const sink = begin();
  await sink.open();
  await sink.write(["one"]);
  await sink.write(["two"]);
  expect(log.messages("warn")).toEqual([]);
  renameSync(folder, `${folder}-moved`);
  await sink.write(["three"]);
  await sink.write(["four"]);
  expect(lines()).toEqual(["three", "four"]);
  const told = "a file of results was moved, removed or emptied: a new one is begun, without what it held";
  expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([
    { message: told, fields: { sink: "file", path } },
  ]);
  rmSync(path);
  await sink.write(["five"]);
  expect(log.messages("warn")).toEqual([told, told]);
});

test("a file that is put aside, or that a stop has closed, is none that was moved", async () => {
  const { begin, aside, log } = place({ bytesMax: 100 });
  const sink = begin();
  await sink.open();
  await sink.write(["a".repeat(60)]);
  await sink.write(["b".repeat(60)]);
  sink.close();
  await begin().open();
  expect(aside()).toHaveLength(1);
  expect(log.messages("warn")).toEqual([]);
});

test("what is in the way is an error that names the path, and the next try goes on", async () => {
  const { begin, lines, folder } = place();
  appendFileSync(folder, "a file");
  const sink = begin();
  await expect(sink.write(["one"])).rejects.toMatchObject({ code: "sink_file" });
  await expect(sink.write(["one"])).rejects.toThrow(`cannot write file ${folder}`);
  rmSync(folder);
  await sink.open();
  await sink.write(["one"]);
  expect(lines()).toEqual(["one"]);
});
