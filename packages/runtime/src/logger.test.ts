// Logger: one line per call, readable or JSON; what repeats is thinned to one line per cause and minute, with its count.
import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { createLogger, type LoggerOptions } from "./logger.ts";

function capture(options: LoggerOptions = {}) {
  const lines: string[] = [];
  let nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const timers: { atMs: number; callback: () => void }[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    },
  };
  const log = createLogger({ clock, write: (line) => lines.push(line), ...options });
  const pass = (ms: number) => {
    nowMs += ms;
    for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.callback();
    }
  };
  return { log, lines, timers, pass };
}

test("JSON lines carry time, level, component, message and fields", () => {
  const { log, lines } = capture({ format: "json" });
  log.child("agent").child("uplink").warn("central is silent", { silentMs: 3200 });
  expect(lines).toEqual([
    '{"level":"warn","time":"2026-01-02T03:04:05.678Z","component":"agent.uplink","silentMs":3200,"msg":"central is silent"}\n',
  ]);
});

test("text lines are one line each, with quoted values where needed", () => {
  const { log, lines } = capture({ format: "text" });
  log.child("agent").error("cannot write store", { reason: "disk full", path: "/data", tries: 3 });
  expect(lines).toEqual([
    '03:04:05.678  error  agent  cannot write store  reason="disk full"  path=/data  tries=3\n',
  ]);
});

test("a text line shows what a stranger has sent, and does nothing else with the terminal", () => {
  const { log, lines } = capture({ format: "text" });
  log.warn("refused", {
    topic: "\u001B[2J",
    text: "a b\u202E\u009B",
    list: ["\u202E"],
    long: "x".repeat(5_000),
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[^\P{C}\n]/u);
  expect(lines[0]).toContain('topic=·[2J  text="a b··"  list=["·"]  long=xxx');
  expect(lines[0]?.length).toBeLessThan(2_500);
});

test("lines below the level are left out", () => {
  const { log, lines } = capture({ format: "text", level: "warn" });
  log.debug("a");
  log.info("b");
  log.warn("c");
  expect(lines).toHaveLength(1);
});

test("a repeated cause writes one line a minute and says how many it left out", () => {
  const { log, lines, timers, pass } = capture({ format: "json" });
  const messages = () => lines.map((line) => /"msg":"([^"]*)"/.exec(line)?.[1]);
  for (let n = 0; n < 1000; n += 1) log.repeated("oversized", "payload is too big");
  log.repeated("malformed", "payload is no number");
  expect(messages()).toEqual(["payload is too big", "payload is no number"]);
  pass(60_000);
  log.repeated("oversized", "payload is too big");
  expect(messages().slice(2)).toEqual([
    "payload is too big (and 999 more like it, the last 60 s ago)",
    "payload is too big",
  ]);
  log.repeated("oversized", "payload is too big");
  expect(timers).toHaveLength(1);
  log.flush();
  expect(timers).toEqual([]);
  expect(messages().slice(4)).toEqual(["payload is too big (and 1 more like it, the last 0 s ago)"]);
});

test("another reason of the same cause is said at once, of those that come and go a few a minute", () => {
  const { log, lines, pass } = capture({ format: "json" });
  const reasons = () => lines.map((line) => /"reason":"([^"]*)"/.exec(line)?.[1] ?? "more like it");
  const fails = (reason: string) => log.repeated("lost", "cannot connect", { reason });
  for (let n = 0; n < 5; n += 1) fails("ECONNREFUSED");
  for (let n = 0; n < 5; n += 1) fails("Not authorized");
  expect(reasons()).toEqual(["ECONNREFUSED", "Not authorized"]);
  for (let n = 0; n < 1_000; n += 1) fails(`port ${n}`);
  expect(reasons().slice(2)).toEqual(["port 0", "port 1", "port 2"]);
  pass(60_000);
  expect(lines.at(-1)).toContain("and 1005 more like it");
});

test("once it is over the count comes before that is said, and none behind it; what comes again is said at once", () => {
  const { log, lines, pass } = capture({ format: "json" });
  const messages = () => lines.splice(0).map((line) => /"msg":"([^"]*)"/.exec(line)?.[1]);
  for (let n = 0; n < 5; n += 1) log.repeated("lost", "cannot read", { reason: "away" });
  log.ended("lost");
  log.info("reads again");
  expect(messages()).toEqual([
    "cannot read",
    "cannot read (and 4 more like it, the last 0 s ago)",
    "reads again",
  ]);
  pass(60_000);
  expect(messages()).toEqual([]);
  log.ended("nothing");
  for (let n = 0; n < 100; n += 1) {
    log.repeated("lost", "cannot read", { reason: "away" });
    log.ended("lost");
  }
  expect(messages().filter((message) => message === "cannot read")).toHaveLength(5);
});

test("the count of lines left out comes by itself, under the component that wrote them", () => {
  const { log, lines, timers, pass } = capture({ format: "text" });
  log.child("agent").repeated("rejected", "rejected a payload");
  expect(timers).toEqual([]);
  pass(30_000);
  for (let n = 0; n < 5; n += 1) log.child("agent").repeated("rejected", "rejected a payload");
  log.child("broker").repeated("rejected", "refused a client");
  pass(45_000);
  for (let n = 0; n < 2; n += 1) log.child("broker").repeated("rejected", "refused a client");
  pass(60_000);
  expect(lines.slice(2).map((line) => line.slice(14))).toEqual([
    "warn   agent  rejected a payload (and 5 more like it, the last 45 s ago)  cause=rejected  leftOutCount=5\n",
    "warn   broker  refused a client (and 2 more like it, the last 60 s ago)  cause=rejected  leftOutCount=2\n",
  ]);
  expect(timers).toEqual([]);
});

test("causes without end do not make lines without end", () => {
  const { log, lines } = capture({ format: "json" });
  for (let n = 0; n < 10_000; n += 1) log.repeated(`topic ${n}`, "unknown topic");
  expect(lines.length).toBe(257);
});
