// Where a run stands, as a person reads it: on a terminal in one line that renews itself, elsewhere a line now and then.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@millrace/runtime";
import { expect, test } from "vitest";
import { formatDuration } from "./format-duration.ts";
import { progressLine } from "./progress-line.ts";
import { ProgressReport } from "./progress-report.ts";
import { ReadProgress } from "./read-progress.ts";
import type { RunProgress } from "./run-progress.ts";
import { StatusLine } from "./status-line.ts";
import { TimeLeft } from "./time-left.ts";

const before: RunProgress = {
  makes: "readings",
  generated: 1_000,
  acked: 900,
  lost: 0,
  waiting: 100,
  onTheWay: 0,
  remainingMs: 3_600_000,
  lagMs: 0,
  connected: { count: 2, of: 2 },
};
const records: RunProgress = { ...before, makes: "records", connected: null };

test.each([
  [350, "350 ms"],
  [42_400, "42 s"],
  [59_600, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [86_400_000, "1 d"],
  [90_000_000, "1 d 1 h"],
])("%i ms: %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("rate, what was made, acknowledged and waits, how far behind, and the time left", () => {
  const now = { ...before, generated: 61_000, acked: 60_000, remainingMs: 3_000_000, lagMs: 1_200 };
  expect(progressLine({ now, before, elapsedMs: 10_000, leftMs: 50_000 })).toBe(
    "6,000 readings/s, 50 s left, 61,000 made, 60,000 acknowledged, 100 waiting, 1 s behind, 2 of 2 connected",
  );
  const late = { ...now, onTheWay: 40, lost: 7, remainingMs: null };
  expect(progressLine({ now: late, before, elapsedMs: 10_000, leftMs: null })).toContain(
    "40 on their way, 7 lost, 1 s behind",
  );
  const offline = { ...now, acked: null, connected: null };
  expect(progressLine({ now: offline, before, elapsedMs: 10_000, leftMs: 50_000 })).toBe(
    "6,000 readings/s, 50 s left, 61,000 made",
  );
  const ofRecords = { ...records, generated: 2_000, remainingMs: 3_590_000 };
  expect(progressLine({ now: ofRecords, before: records, elapsedMs: 10_000, leftMs: 3_590_000 })).toBe(
    "100 records/s, 59 min 50 s left, 2,000 made, 900 acknowledged, 100 waiting, 0 ms behind",
  );
});

test("the time left is at the pace of the last while, and steady although single looks differ", () => {
  const left = new TimeLeft(600_000);
  expect(left.look(600_000, 500)).toBeNull();
  let remainingMs = 600_000;
  const told: number[] = [];
  for (let at = 0; at < 200; at += 1) {
    // Twice the clock's pace, in jumps: every fourth look finds it moved.
    if (at % 4 === 3) remainingMs -= 4_000;
    const ms = left.look(remainingMs, 500);
    if (at > 100) told.push((ms ?? 0) / (remainingMs / 2));
  }
  expect(Math.min(...told)).toBeGreaterThan(0.9);
  expect(Math.max(...told)).toBeLessThan(1.1);
  // Ten times slower: a minute later it says three times as long and more.
  for (let at = 0; at < 120; at += 1) left.look((remainingMs -= 100), 500);
  expect(left.look((remainingMs -= 100), 500)).toBeGreaterThan(remainingMs * 3);
  expect(new TimeLeft(null).look(null, 500)).toBeNull();
});

function report(isTerminal: boolean) {
  const due: (() => void)[] = [];
  const waits: number[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => due.length * 1_000,
    after(delayMs, callback) {
      waits.push(delayMs);
      due.push(callback);
      return { cancel: () => {} };
    },
  };
  const written: string[] = [];
  const made = new ProgressReport({
    runs: [{ progress: before }, { progress: records }],
    clock,
    write: (text) => written.push(text),
    status: isTerminal ? new StatusLine({ write: (text) => written.push(text), columns: () => 80 }) : null,
  });
  made.start();
  due[0]();
  due[1]();
  return { made, written, waits };
}

test("elsewhere than on a terminal: a line every 10 s", () => {
  const { written, waits } = report(false);
  expect(waits).toEqual([10_000, 10_000, 10_000]);
  expect(written).toHaveLength(2);
  expect(written.every((line) => line.includes("2 of 2 connected; 0 records/s"))).toBe(true);
  expect(written.every((line) => line.endsWith("behind\n"))).toBe(true);
});

test("on a terminal: a row for readings and one for records, twice a second, gone at the end", () => {
  const { made, written, waits } = report(true);
  expect(waits).toEqual([500, 500, 500]);
  expect(written.every((text) => /^[^\n]*readings\/s[^\n]*\n0 records\/s[^\n]*$/.test(text))).toBe(true);
  made.stop();
  expect(written.at(-1)).toBe("\u001b[1A\r\u001b[J");
});

test("a truth that is read more than once: lines a second, share done and time left, over all of it", () => {
  const path = join(mkdtempSync(join(tmpdir(), "millrace-progress-")), "truth");
  writeFileSync(path, "x".repeat(1_000));
  let nowMs = 0;
  let due = (): void => {};
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => nowMs,
    after(_delayMs, callback) {
      due = callback;
      return { cancel: () => {} };
    },
  };
  const written: string[] = [];
  const progress = new ReadProgress({ path, clock, write: (text) => written.push(text), status: null });
  progress.start();
  const read = (bytes: readonly number[]): void => {
    for (const each of bytes) progress.onLine(each);
    nowMs += 10_000;
    due();
  };
  read([250, 500]);
  progress.willRead(2);
  read([1_000, 200]);
  read([1_000]);
  progress.stop();
  expect(written).toEqual([
    "0 lines/s, 2 lines read, 50 % done, 10 s left\n",
    "0 lines/s, 4 lines read, 60 % done, 13 s left\n",
    "0 lines/s, 5 lines read, the file is read; what is left is asking and comparing\n",
  ]);
});
