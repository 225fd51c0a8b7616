// The page in the terminal, whatever is on it: what strangers have sent is shown, and does nothing else.
import { expect, test } from "vitest";
import type { StatusPage } from "../status/status-server.ts";
import { renderStatus } from "./status.ts";

const lane = {
  oldest: 1,
  next: 1,
  sent: 0,
  acked: 0,
  queuedBatches: 0,
  queuedBytes: 0,
  queuedReadings: 0,
  oldestMs: null,
};

/** One of everything; `said` where a sensor, a broker, a person or another program has the word. */
function pageOf(said: string) {
  return {
    agent: "alpha-1",
    site: "alpha",
    storeId: "0".repeat(32),
    epoch: 1,
    ledger: { received: 1, rejected: { malformed: 1 }, aggregated: 0 },
    link: { state: "down", reason: said, sinceMs: 1, clockOffsetMs: null },
    lanes: { alarm: lane },
    series: { temperature: 1 },
    seriesForgotten: { temperature: 1 },
    refusedSeries: { temperature: { count: 1, topic: said, client: said, atMs: 0 } },
    watermarkMs: 1,
    watermarkHeldBy: { metric: "temperature", labels: { machine: said }, idleInMs: 1 },
    clock: { isSynchronised: true, isProven: true, nowMs: 2, steadyMs: 5, wallMs: 2 },
    sensorClocks: {
      ahead: 0,
      behind: 1,
      most: [{ metric: "temperature", labels: { machine: said }, aheadMs: -3_600_001 }],
    },
    alarms: [
      {
        id: said,
        labels: { machine: said },
        message: said,
        severity: 1,
        activeAtMs: 0,
        value: 1,
        limit: 1,
        action: "none",
        clearedAtMs: null,
        level: said,
      },
    ],
    rules: { late: 0, seriesOverLimit: 0, windowsRefused: 0 },
    maintenance: [{ labels: { machine: said }, sinceMs: 0, untilMs: 5, by: said, topic: said }],
    actionLatency: null,
    commands: [{ input: "mqtt", taken: 0, missed: 1, failing: { atMs: 1, topic: said, reason: said } }],
    store: {
      failure: said,
      lastEnd: { kind: "process", isLogCut: true, missing: 1, missingMax: 2 },
    },
    disk: {
      freeBytes: null,
      isLow: false,
      bytesLeft: 0,
      bytesPerHour: null,
      hoursLeft: null,
      coarsened: null,
    },
    unavailableSensors: { temperature: said },
    quarantine: [
      { atMs: 0, topic: said, client: said, reason: "malformed", detail: said, head: "", bytes: 1 },
    ],
    quarantineCount: 1,
    held: {
      readings: 1,
      series: 1,
      bytes: 1,
      most: [{ metric: "temperature", labels: { machine: said }, readings: 1 }],
    },
    recorder: null,
    dedupe: { keys: 0, forgotten: 0 },
    configuration: {
      version: "v",
      source: "central",
      by: said,
      sinceMs: 0,
      forMs: 60_000,
      isOnTrial: false,
      isDurable: true,
      refused: { version: "w", source: "central", reason: `first\n${said}`, atMs: 0 },
      refusedAgoMs: null,
    },
    sparkplug: {
      hostId: "host",
      nodesOnline: 0,
      nodesOffline: 1,
      events: { sequence_gap: 0, rebirth_request: 0, refused_birth: 2, ndeath: 0, ddeath: 0 },
      nodes: [{ group: said, node: said, isOnline: false, sinceMs: 1, devicesOnline: 0, devicesOffline: 0 }],
    },
    inputs: [
      {
        name: "files",
        isConnected: false,
        reason: said,
        counts: {},
        files: [{ path: said, topic: null, positionBytes: 0, lagBytes: 0, error: said }],
      },
    ],
  };
}

const render = (said: string): string[] => {
  const page: StatusPage = JSON.parse(JSON.stringify(pageOf(said)));
  return renderStatus(page, "http://127.0.0.1:9464/status").split("\n");
};

test("a stranger's text clears no screen, adds no line and turns no writing round", () => {
  const plain = render("hello");
  expect(plain.filter((line) => line.includes("hello")).length).toBeGreaterThanOrEqual(13);
  const hostile = render("\u001B[2J\u009B\u202E\r\nhello\u2028");
  // What central says of a pipeline has lines of its own.
  expect(hostile.length).toBe(plain.length + 1);
  expect(hostile.join("")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(hostile.filter((line) => line.includes("hello")).length).toBe(
    plain.filter((line) => line.includes("hello")).length,
  );
});

test("a stranger's text without end leaves the rest of its line to be read", () => {
  const lines = render("x".repeat(1_000_000));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(1_001);
  expect(lines.find((line) => line.includes("  malformed  "))).toMatch(
    /^[^x]+x{200}… from x{200}…: x{200}…; 1 bytes: $/,
  );
  expect(lines.find((line) => line.startsWith("in maintenance: "))).toMatch(
    /machine=x{192}…, for 0\.0 s more \(x{200}…\)$/,
  );
});

test("durations are those that the agent has measured, whatever its wall clock says now", () => {
  const lines = render("x");
  expect(lines[1]).toBe("pipeline   v pushed by x at central, for 60.0 s");
  expect(lines[2]).toBe("           REFUSED w of central, before this start: first");
});

test("held readings are named by the series that hold the most, and births that were refused are counted", () => {
  const lines = render("m1");
  const at = lines.findIndex((line) => line.startsWith("  held 1 readings of 1 series"));
  expect(lines[at + 1]).toBe("    temperature machine=m1  1");
  expect(lines.find((line) => line.startsWith("sparkplug"))).toMatch(/1 offline, refused_birth 2$/);
});

test("a clock is called plausible where it is, and how far it is off is said in words", () => {
  const clockLines = (clock: object, clockOffsetMs: number | null) => {
    const plain = pageOf("m1");
    const page: StatusPage = JSON.parse(
      JSON.stringify({
        ...plain,
        clock: { ...plain.clock, ...clock },
        link: { ...plain.link, clockOffsetMs },
      }),
    );
    return renderStatus(page, "")
      .split("\n")
      .filter((line) => /^clock |sensors|furthest/.test(line));
  };
  expect(clockLines({}, -20.4)).toEqual([
    "clock      plausible, confirmed by central: 20 ms ahead of central",
    "           of sensors, by series: 0 too far ahead of it (rejected or held), 1 too far behind (never act)",
    "           the furthest: temperature machine=m1 60 min behind this agent",
  ]);
  expect(clockLines({ isProven: false }, -3_600_001)[0]).toBe(
    "clock      NOT PLAUSIBLE, or central's is not: 60 min ahead of central",
  );
  expect(clockLines({}, 200_000_000)[0]).toMatch(/: 2 days 7 h behind central$/);
  expect(clockLines({ isProven: false }, null)[0]).toBe(
    "clock      plausible, confirmed by nobody since the start",
  );
  expect(clockLines({ isSynchronised: false }, 12_000)[0]).toMatch(
    /not synchronised: 12\.0 s behind central$/,
  );
});
