// A recording through the real pipeline: the windows of its truth, late and doubled readings, alarms that never act.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAgentConfig, loadPipeline } from "@millrace/config";
import type { AlarmEvent } from "@millrace/detect";
import { SeededRandom } from "@millrace/testkit";
import { SPARKPLUG_TYPES } from "@millrace/wire";
import protobuf from "sparkplug-payload/lib/sparkplugPayloadProto.js";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import type { Rejection } from "../intake/rejection.ts";
import type { BadLine, Recorded } from "./recorded-message.ts";
import { replay } from "./replay.ts";
import { ReplayedAgent } from "./replayed-agent.ts";
import type { ToldWindow } from "./replayed-central.ts";

const { Payload } = protobuf.org.eclipse.tahu.protobuf;

const folder = mkdtempSync(join(tmpdir(), "millrace-replay-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.restoreAllMocks());

const T = Date.parse("2026-01-05T10:00:00Z");
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const YEAR = 365 * DAY;

function configOf(more: { agent?: object; pipeline?: object } = {}) {
  const agent = {
    version: 1,
    agent: "alpha-1",
    site: "alpha",
    inputs: { broker: {} },
    uplink: { url: "mqtt://127.0.0.1:1884", password: "x" },
    ...more.agent,
  };
  const pipeline = {
    version: 1,
    metrics: {
      temperature: {
        unit: "°C",
        from: {
          topic: "factory/{site}/{machine}/temperature",
          json: { value: "$.v", time: { path: "$.t", unit: "ms" } },
        },
        accumulate: ["count", "sum", "min", "max"],
      },
    },
    windows: { w10: { metric: "temperature", size: "10s", by: ["machine"], late: { allowed: "1h" } } },
    ...more.pipeline,
  };
  writeFileSync(join(folder, "agent.yaml"), JSON.stringify(agent));
  writeFileSync(join(folder, "pipeline.yaml"), JSON.stringify(pipeline));
  const { config } = loadAgentConfig(join(folder, "agent.yaml"));
  return { config, pipeline: loadPipeline(config.pipelinePath).config };
}

interface Sent {
  readonly topic?: string;
  readonly machine?: string;
  readonly t?: number;
  readonly v?: unknown;
  /** In place of `t` and `v`. */
  readonly bytes?: Uint8Array;
  /** When it came; absent: the recording does not say. */
  readonly at?: number;
  readonly isRetained?: boolean;
}

async function* recording(sent: Iterable<Sent>): AsyncGenerator<readonly Recorded[]> {
  let line = 0;
  for (const { topic, machine = "m1", t, v, bytes, at, isRetained = false } of sent) {
    line += 1;
    yield await Promise.resolve([
      {
        kind: "message",
        message: {
          topic: topic ?? `factory/alpha/${machine}/temperature`,
          payload: bytes ?? Buffer.from(typeof v === "string" ? v : JSON.stringify({ t, v })),
          timeMs: at ?? null,
          isRetained,
          place: { file: "r", line, column: 1 },
        },
      },
    ]);
  }
}

interface More {
  readonly agent?: object;
  readonly pipeline?: object;
  readonly stop?: AbortSignal;
  readonly moved?: (timeMs: number) => void;
}

async function play(
  sent: Iterable<Sent> | AsyncIterable<readonly Recorded[]>,
  { moved = () => undefined, stop = new AbortController().signal, ...more }: More = {},
) {
  const windows: ToldWindow[] = [];
  const alarms: AlarmEvent[] = [];
  const bad: BadLine[] = [];
  const rejected: string[] = [];
  const totals = await replay({
    ...configOf(more),
    files: [Symbol.asyncIterator in sent ? sent : recording(sent)],
    todayMs: () => T + 200 * YEAR,
    stop,
    report: {
      window: (told) => windows.push(told),
      alarm: (event) => alarms.push(event),
      bad: (line) => bad.push(line),
      rejected: ({ place }, all: readonly Rejection[]) =>
        rejected.push(...all.map(({ reason }) => `${place.line} ${reason}`)),
      moved,
    },
  });
  const { received, aggregated, ruleOnly, duplicate } = totals.ledger;
  const rejectedCount = Object.values(totals.ledger.rejected).reduce((sum, count) => sum + count, 0);
  expect(received).toBe(aggregated + ruleOnly + duplicate + rejectedCount);
  const { merged, tooLate, unwindowed } = totals.windows;
  expect(aggregated).toBe(merged + tooLate + unwindowed);
  const told = windows.map(
    ({ kind, result: { startMs, values, group } }) =>
      `${kind} ${group["machine"]} +${(startMs - T) / SECOND} n=${values["count"]} sum=${values["sum"]}`,
  );
  return { windows, told, alarms, bad, rejected, totals };
}

test("each window is told when it is complete, once; what the end cuts is provisional", async () => {
  const { told, totals } = await play(
    Array.from({ length: 27 }, (_, second) => ({ t: T + second * SECOND, v: second })),
  );
  expect(told).toEqual([
    "complete m1 +0 n=10 sum=45",
    "complete m1 +10 n=10 sum=145",
    "cut m1 +20 n=7 sum=161",
  ]);
  expect(totals).toMatchObject({ messages: 27, badLines: 0, fromMs: T, toMs: T + 26 * SECOND });
});

test("a late reading revises its window, a doubled one counts once, one past the lateness is too late", async () => {
  const { told, totals } = await play([
    ...Array.from({ length: 31 }, (_, second) => ({ t: T + second * SECOND, v: 1 })),
    { t: T + 5 * SECOND + 1, v: 7, at: T + 31 * SECOND },
    { t: T + 5 * SECOND + 1, v: 7, at: T + 32 * SECOND },
    { t: T + 2 * 3_600 * SECOND, v: 1 },
    { t: T + 2 * 3_600 * SECOND + SECOND, v: 1 },
    { t: T + 6 * SECOND + 1, v: 9, at: T + 2 * 3_600 * SECOND + 2 * SECOND },
  ]);
  expect(told.slice(0, 4)).toEqual([
    "complete m1 +0 n=10 sum=10",
    "complete m1 +10 n=10 sum=10",
    "revised m1 +0 n=11 sum=17",
    "complete m1 +20 n=10 sum=10",
  ]);
  expect(totals.ledger.duplicate).toBe(1);
  expect(totals.windows).toMatchObject({ revising: 1, tooLate: 1 });
});

test("what the agent would reject is rejected by reason, with its line; a time that none gives is a bad line", async () => {
  const { bad, rejected, totals } = await play([
    { topic: "factory/alpha/m1/temperature", v: "nonsense" },
    { t: T, v: 1 },
    { topic: "factory/beta/m1/temperature", t: T, v: 1 },
    { topic: "elsewhere", v: 1, t: T },
    { t: T + 60 * SECOND, v: 1, at: T },
    { t: T, v: "x".repeat(70_000), at: T },
    { t: 0, v: 1, at: T },
  ]);
  expect(bad.map(({ place }) => place.line)).toEqual([1]);
  expect(rejected).toEqual(["3 wrong_site", "4 unknown_topic", "5 future", "6 oversized", "7 before_floor"]);
  expect(totals).toMatchObject({ messages: 6, badLines: 1 });
});

test("payloads of evidence are counted as such and left", async () => {
  const evidence = {
    scan: {
      topic: "scan/{site}/{machine}/{taken}",
      contentType: "image/png",
      bytesMax: "1MiB",
      time: { capture: "taken", unit: "ms" },
    },
  };
  const { rejected, totals } = await play(
    [
      { topic: `scan/alpha/m1/${T}`, v: "x".repeat(70_000) },
      { topic: `scan/alpha/m1/${T + SECOND}`, v: "x".repeat(2_000_000) },
      { topic: "scan/alpha/m1/never", v: "x" },
      { topic: `scan/alpha/m1/${T + 60 * SECOND}`, v: "x", at: T + SECOND },
      { topic: `scan/beta/m1/${T}`, v: "x" },
      { t: T + SECOND, v: 1 },
    ],
    { pipeline: { evidence } },
  );
  expect(totals).toMatchObject({ messages: 6, badLines: 0, evidence: 1, ledger: { aggregated: 1 } });
  expect(rejected).toEqual(["2 oversized", "3 bad_time", "4 future", "5 wrong_site"]);
});

test("Sparkplug is read by births and aliases; nobody is asked for what the recording lacks", async () => {
  const sparkplug = { group: "{site}", node: "{line}", device: "{machine}", metric: "Temperature" };
  const pipeline = {
    metrics: { temperature: { unit: "°C", from: { sparkplug }, accumulate: ["count", "sum"] } },
  };
  const float = SPARKPLUG_TYPES.indexOf("Float");
  const message = (topic: string, second: number, seq: number, ...metrics: object[]): Sent => ({
    topic: `spBv1.0/alpha/${topic}`,
    bytes: Payload.encode(Payload.create({ timestamp: T + second * SECOND, seq, metrics })).finish(),
  });
  const { told, rejected, totals } = await play(
    [
      message("DDATA/l1/m1", 0, 4, { alias: 1, floatValue: 5 }),
      message("NCMD/l1", 1, 0, { name: "Node Control/Rebirth", datatype: 11, booleanValue: true }),
      message("NBIRTH/l1", 1, 0, { name: "bdSeq", datatype: SPARKPLUG_TYPES.indexOf("Int64"), longValue: 0 }),
      message("DBIRTH/l1/m1", 2, 1, { name: "Temperature", alias: 1, datatype: float, floatValue: 20 }),
      message("DDATA/l1/m1", 3, 2, { alias: 1, floatValue: 21 }),
      message("NDEATH/l1", 4, 0),
      { topic: "spBv1.0/STATE/alpha-1", v: '{"online":false,"timestamp":1}', at: T + 5 * SECOND },
    ],
    { pipeline },
  );
  expect(told).toEqual(["cut m1 +0 n=2 sum=41"]);
  expect(rejected).toEqual(["1 no_birth"]);
  // Two readings, and a bad one of the death.
  expect(totals.ledger).toMatchObject({ received: 4, aggregated: 3 });
});

const rules = {
  rules: {
    hot: {
      metric: "temperature",
      when: { above: 80, clearBelow: 75 },
      severity: 900,
      action: {
        publish: "factory/{site}/{machine}/command",
        payload: "STOP",
        confirm: { topic: "factory/{site}/{machine}/state", equals: "stopped", within: "2s" },
        retry: 3,
        armed: true,
      },
    },
    silent: { metric: "temperature", when: { missing: { for: "1m" } }, severity: 300 },
    busy: { window: "w10", value: "count", when: { above: 9 }, severity: 200 },
  },
};

test("alarms come at the recording's time, and no action is more than a dry run", async () => {
  const { alarms } = await play(
    [
      { t: T, v: 20 },
      { t: T + SECOND, v: 90, isRetained: true },
      { t: T + 2 * SECOND, v: 91 },
      { topic: "factory/alpha/m1/state", v: "stopped", at: T + 3 * SECOND },
      { t: T + 4 * SECOND, v: 70 },
      { t: T + 10 * 60 * SECOND, v: 20 },
    ],
    { pipeline: rules },
  );
  const told = alarms.map(
    ({ rule, isActive, isHistorical, action, timeMs }) =>
      `${rule} ${isActive ? "active" : "over"} ${isHistorical ? "historical" : action} +${(timeMs - T) / SECOND}`,
  );
  expect(told).toEqual([
    "hot active historical +1",
    "hot active dry_run +2",
    "hot active dry_run +4",
    expect.stringMatching(/^silent active none \+6[45]/),
    "silent over none +600",
  ]);
});

test("rules on windows see what the agent's own windows say", async () => {
  const { alarms } = await play(
    Array.from({ length: 21 }, (_, second) => ({ t: T + second * SECOND, v: 1 })),
    { pipeline: rules },
  );
  expect(alarms.map(({ rule, value, timeMs }) => [rule, value, timeMs - T])).toEqual([
    ["busy", 10, 10 * SECOND],
  ]);
});

test("a long recording gives exactly the windows of its truth, out of order and doubled, through the disk", async () => {
  const random = new SeededRandom(7);
  const truth = new Map<string, number>();
  const sent: Sent[] = [];
  for (let index = 0; index < 60_000; index += 1) {
    const t = T + index * 100 - (index % 7 === 0 ? 600 : 0);
    const machine = `m${index % 40}`;
    const start = Math.floor(t / 10_000) * 10_000;
    const key = `${machine} ${start}`;
    truth.set(key, (truth.get(key) ?? 0) + 1);
    sent.push({ t, v: random.integer(0, 100), machine });
    if (index % 11 === 0) sent.push(sent[sent.length - 1]);
  }
  const { windows } = await play(sent);
  const last = new Map(
    windows.map(({ result: { group, startMs, values } }) => [
      `${group["machine"]} ${startMs}`,
      values["count"],
    ]),
  );
  expect(last).toEqual(truth);
});

test("fourteen days at one reading in five minutes are a matter of moments, and time passes in the gaps too", async () => {
  const { told, totals } = await play(
    Array.from({ length: 14 * 288 }, (_, index) => ({ t: T + index * 300 * SECOND, v: 1 })),
    { pipeline: { windows: { w1d: { metric: "temperature", size: "1d", by: ["machine"] } } } },
  );
  expect(told).toHaveLength(15);
  expect(told.filter((line) => line.startsWith("complete"))).toHaveLength(14);
  expect(totals.windows.merged).toBe(14 * 288);
});

test("an empty recording has no time and no windows", async () => {
  const { told, totals } = await play([]);
  expect(told).toEqual([]);
  expect(totals).toMatchObject({ messages: 0, fromMs: null });
});

/** Everything that is asked of rules and windows, with silences of seconds to hours between bursts of readings. */
function eventful(seed: number): Sent[] {
  const random = new SeededRandom(seed);
  const sent: Sent[] = [];
  let at = T;
  for (let burst = 0; burst < 8; burst += 1) {
    const steadyMs = random.integer(1, 200) * SECOND;
    const machines = random.integer(1, 4);
    for (let count = random.integer(1, 40); count > 0; count -= 1) {
      at += random.integer(0, 4) === 0 ? random.integer(0, 100) : steadyMs;
      const machine = `m${random.integer(1, machines)}`;
      const offsetMs = random.chance(0.2) ? random.integer(-90_000, 8_000) : 0;
      sent.push({
        machine,
        at,
        t: at + offsetMs,
        v: random.integer(40, 100),
        isRetained: random.chance(0.05),
      });
      const state = random.chance(0.5) ? "on" : "off";
      if (random.chance(0.1)) sent.push({ topic: `factory/alpha/${machine}/service`, v: state, at });
      if (random.chance(0.1)) sent.push({ topic: `factory/alpha/${machine}/state`, v: "stopped", at });
      if (random.chance(0.1)) sent.push({ machine, at, t: T - 20 * YEAR, v: 1 });
    }
    at += Math.floor(10 ** random.integer(4, 7) * (0.3 + random.next()));
  }
  return sent;
}

const action = { publish: "factory/{site}/stop", payload: "STOP", atMostPerMinute: 1, armed: true };
const everything = {
  maintenance: { topic: "factory/{site}/{machine}/service", equals: "on", longest: "40m" },
  windows: {
    w10: { metric: "temperature", size: "10s", by: ["machine"], late: { allowed: "1h" } },
    sliding: { metric: "temperature", size: "10m", slide: "1m", by: ["site"] },
    daily: { metric: "temperature", size: "1d", timeZone: "Europe/Berlin", by: ["machine"] },
    runs: { metric: "temperature", session: { gap: "20m" }, by: ["machine"] },
  },
  rules: {
    ...rules.rules,
    gone: { metric: "temperature", when: { missing: { for: "7m" } }, severity: 500, action },
    long_gone: { metric: "temperature", when: { missing: { for: "30m" } }, severity: 600, action },
    steep: {
      metric: "temperature",
      when: { rateOfChange: { above: 5, per: "1s", over: "10s" } },
      severity: 100,
    },
    frozen: { metric: "temperature", when: { stuck: { for: "2m" } }, severity: 100 },
    lasting: { metric: "temperature", when: { above: 70, forAtLeast: "1m" }, severity: 100 },
    average: { window: "sliding", value: "sum", when: { above: 900 }, severity: 200, action },
  },
};

test.each([1, 2, 3, 4])(
  "silence that is skipped gives just what silence gives that is gone through tick by tick (seed %i)",
  async (seed) => {
    const ticks = vi.spyOn(ReplayedAgent.prototype, "tick");
    const skipping = await play(eventful(seed), { pipeline: everything });
    const skippingCount = ticks.mock.calls.length;
    vi.spyOn(ReplayedAgent.prototype, "restsUntil").mockReturnValue(Number.NEGATIVE_INFINITY);
    const ticking = await play(eventful(seed), { pipeline: everything });
    expect(JSON.stringify(skipping)).toBe(JSON.stringify(ticking));
    expect(skipping.alarms.length).toBeGreaterThan(10);
    expect(skippingCount).toBeLessThan(ticks.mock.calls.length - skippingCount);
  },
);

test("a century of silence costs what is due in it: a missing series, its end, no more", async () => {
  const ticks = vi.spyOn(ReplayedAgent.prototype, "tick");
  const { alarms, told } = await play(
    [
      { t: T, v: 20 },
      { t: T + 100 * YEAR, v: 20 },
    ],
    { pipeline: rules },
  );
  expect(alarms.map(({ rule, isActive }) => `${rule} ${isActive}`)).toEqual(["silent true", "silent false"]);
  expect(told).toHaveLength(2);
  expect(ticks.mock.calls.length).toBeLessThan(10_000);
});

test("a series with a habit of months falls idle in its time, and its windows are told then", async () => {
  const ticks = vi.spyOn(ReplayedAgent.prototype, "tick");
  const monthly = Array.from({ length: 24 }, (_, month) => ({ t: T + month * 30 * DAY, v: 20 }));
  const { alarms } = await play([...monthly, { t: T + 20 * YEAR, v: 20 }], {
    pipeline: { rules: { any: { window: "w10", value: "count", when: { above: 0 }, severity: 200 } } },
  });
  expect(alarms).not.toHaveLength(0);
  expect(ticks.mock.calls.length).toBeLessThan(150_000);
});

test("a line of a time that cannot be is bad and named; such a time in a reading is the reading's own affair", async () => {
  const { bad, rejected, totals } = await play([
    { t: 5_000, v: 1, at: 5_000 },
    { t: 5_000, v: 1 },
    { t: T, v: 1 },
    { t: T, v: 2, at: Date.parse("9999-01-01T00:00:00Z") },
    { t: Date.parse("9999-01-01T00:00:00Z"), v: 3 },
    { t: 5_000, v: 4 },
    { t: T + SECOND, v: 5 },
    { t: T + 500 * YEAR, v: 5, at: T + 500 * YEAR },
  ]);
  expect(bad.map(({ place, reason }) => `${place.line} ${reason}`)).toEqual([
    "1 its time 1970-01-01T00:00:05.000Z is before limits.clockFloor (before_floor)",
    "2 its time 1970-01-01T00:00:05.000Z is before limits.clockFloor (before_floor)",
    "4 its time 9999-01-01T00:00:00.000Z is more than limits.maxFuture ahead of this machine's clock (future)",
    expect.stringMatching(/^8 its time 25\d\d-.* \(future\)$/),
  ]);
  expect(rejected).toEqual(["5 future", "6 before_floor"]);
  expect(totals).toMatchObject({ messages: 4, badLines: 4, fromMs: T, toMs: T + SECOND });
});

test("stopped on a long way, it ends there with what is known by then", async () => {
  vi.spyOn(ReplayedAgent.prototype, "restsUntil").mockReturnValue(Number.NEGATIVE_INFINITY);
  const stopping = new AbortController();
  const sent = [
    { t: T, v: 1 },
    { t: T + SECOND, v: 2 },
    { t: T + 100 * YEAR, v: 3 },
  ];
  const { told, totals } = await play(sent, {
    stop: stopping.signal,
    moved: (timeMs) => void (timeMs === T && setImmediate(() => stopping.abort())),
  });
  expect(totals).toMatchObject({ isStopped: true, messages: 2, badLines: 0, ledger: { aggregated: 2 } });
  expect(totals.toMs).toBeLessThan(T + YEAR);
  expect(told).toEqual(["complete m1 +0 n=2 sum=3"]);
});

test("stopped while it waits for more input, it ends", async () => {
  const stopping = new AbortController();
  async function* endless() {
    yield* recording([
      { t: T, v: 1 },
      { t: T + SECOND, v: 2 },
    ]);
    setImmediate(() => stopping.abort());
    await new Promise(() => undefined);
  }
  const { told, totals } = await play(endless(), { stop: stopping.signal });
  expect(totals).toMatchObject({ isStopped: true, ledger: { aggregated: 2 } });
  expect(told).toEqual(["cut m1 +0 n=2 sum=3"]);
});
