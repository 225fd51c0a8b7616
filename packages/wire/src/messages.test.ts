// Messages, alarms and skipped ranges come back as they were; anything else is refused with its place, never thrown.
import fc from "fast-check";
import { assert, expect, test } from "vitest";
import { decodeAlarmBatch, encodeAlarmBatch } from "./alarm-batch.ts";
import type { AlarmEvent } from "./alarm-event.ts";
import {
  type Ack,
  encodeMessage,
  type Heartbeat,
  type Hello,
  type LaneMarks,
  MESSAGE_BYTES_MAX,
  parseAck,
  parseEcho,
  parseHeartbeat,
  parseHello,
  parseWelcome,
  type Refusal,
  type Welcome,
} from "./messages.ts";
import { decodeSkippedBatch, encodeSkippedBatch } from "./skipped-batch.ts";
import { downTopic, isAgentId, parseDownTopic, parseUpTopic, upTopic } from "./topics.ts";

const marks = {
  oldest: 1,
  sent: 4,
  next: 9,
  epochs: [
    { epoch: 0, from: 1 },
    { epoch: 2, from: 5 },
  ],
};
const emptyLane: LaneMarks = { oldest: 1, sent: 0, next: 1, epochs: [] };
const hello: Hello = {
  agent: "alpha-1",
  site: "工厂一",
  storeId: "0123456789abcdef0123456789abcdef",
  instance: "ab12",
  program: "millrace-agent 0.1.0",
  wireVersions: [1],
  epoch: 2,
  lanes: { alarm: marks, live: marks, backfill: emptyLane, evidence: emptyLane },
  runs: [
    { run: "cd34", from: { alarm: 1, live: 1, backfill: 1, evidence: 1 } },
    { run: "ab12", from: { alarm: 3, live: 5, backfill: 1, evidence: 1 } },
  ],
  clockMs: 1_700_000_000_000,
};
const welcome: Welcome = {
  type: "welcome",
  epoch: 3,
  epochFrom: { alarm: 3, live: 5, backfill: 1, evidence: 1 },
  wireVersion: 1,
  marks: { alarm: 0, live: 7, backfill: 2, evidence: 5 },
  clockMs: 1,
};
const refusal: Refusal = { type: "refusal", code: "store_held", reason: "held by ab12", retryAfterMs: 3000 };
const ack: Ack = { lane: "live", mark: 12 };
const heartbeat: Heartbeat = {
  instance: "ab12",
  beat: 3,
  sentAtMs: 5,
  frontier: {
    epoch: 2,
    number: 9,
    watermarkMs: null,
    isIdle: true,
    isClockSynchronised: false,
    pending: [
      { startMs: -5, endMs: 5 },
      { startMs: 7, endMs: 9 },
    ],
    holds: { alarm: 0, live: 1, backfill: 2 },
  },
  ledger: { received: 10, "rejected.malformed": 1 },
  status: { link: "up", series: 4, isFailing: false },
};
const alarm: AlarmEvent = {
  id: "a-1",
  step: 2,
  rule: "overheating",
  metric: "temperature",
  labels: { site: "alpha", machine: "壓力機" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 1,
  clearedAtMs: null,
  timeMs: 2,
  value: 81.5,
  limit: 80,
  action: "commanded",
  command: {
    id: "c",
    topic: "t",
    payload: "STOP",
    attempt: 1,
    commandedAtMs: 3,
    confirmedAtMs: null,
    latencyMs: 0.4,
  },
  message: "above 80",
};

const cases: readonly (readonly [string, unknown, (bytes: Uint8Array) => { readonly ok: boolean }])[] = [
  ["hello", hello, parseHello],
  ["welcome", welcome, parseWelcome],
  ["refusal", refusal, parseWelcome],
  ["ack", ack, parseAck],
  ["heartbeat", heartbeat, parseHeartbeat],
  ["echo", { beat: 3, clockMs: 4 }, parseEcho],
  [
    "echo with requests",
    { beat: 3, clockMs: 4, requests: [{ id: "1", kind: "reset_alarm", alarm: "a", by: "page" }] },
    parseEcho,
  ],
  ["welcome of a central that keeps a status", { ...welcome, keepsStatus: true }, parseWelcome],
  ["heartbeat with the status of the one before", { ...heartbeat, status: undefined }, parseHeartbeat],
  ["heartbeat with answers", { ...heartbeat, answers: [{ id: "1", outcome: "done" }] }, parseHeartbeat],
  [
    "heartbeat with maintenance",
    {
      ...heartbeat,
      maintenance: [
        { labels: { machine: "m1" }, sinceMs: 1, untilMs: 2, by: "anna" },
        { labels: {}, sinceMs: 3, untilMs: 4, by: "topic a/b" },
      ],
    },
    parseHeartbeat,
  ],
  ["alarms", [alarm, { ...alarm, command: null, clearedAtMs: 9, by: "status page" }], decodeAlarmBatch],
  ["skipped", { from: 3, to: 9, readings: 100, reason: "evicted" }, decodeSkippedBatch],
];
/** What older sides do not say. */
const OPTIONAL = new Set([
  "runs",
  "epochFrom",
  "keepsStatus",
  "requests",
  "answers",
  "maintenance",
  "status",
]);
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test.each(cases)("%s comes back as it was", (_, message, parse) => {
  expect(parse(bytesOf(message))).toEqual({ ok: true, message });
});

test("the encoders write what the parsers read", () => {
  expect(parseHello(encodeMessage(hello))).toEqual({ ok: true, message: hello });
  expect(decodeAlarmBatch(encodeAlarmBatch([alarm]))).toEqual({ ok: true, message: [alarm] });
  const skipped = { from: 1, to: 2, readings: 3, reason: "damaged" } as const;
  expect(decodeSkippedBatch(encodeSkippedBatch(skipped))).toEqual({ ok: true, message: skipped });
});

test.each(cases)("%s: keys of a newer side are ignored, a missing one is named", (_, message, parse) => {
  if (Array.isArray(message)) return;
  expect(parse(bytesOf({ ...Object(message), later: { deep: [1] } }))).toEqual({ ok: true, message });
  for (const name of Object.keys(Object(message))) {
    if (OPTIONAL.has(name)) continue;
    const { [name]: _removed, ...rest } = Object(message);
    expect(parse(bytesOf(rest))).toMatchObject({
      ok: false,
      reason: "malformed",
      detail: expect.stringContaining(name),
    });
  }
});

test("a hello and a welcome of older sides are read", () => {
  const { runs: _runs, ...oldHello } = hello;
  expect(parseHello(bytesOf(oldHello))).toEqual({ ok: true, message: oldHello });
  const { epochFrom: _epochFrom, ...oldWelcome } = welcome;
  expect(parseWelcome(bytesOf(oldWelcome))).toEqual({ ok: true, message: oldWelcome });
});

test("sides from before evidence say nothing of its lane: the agent has none, and this central takes none", () => {
  const { alarm, live, backfill } = hello.lanes;
  const from = { alarm: 3, live: 5, backfill: 1 };
  const oldHello = { ...hello, lanes: { alarm, live, backfill }, runs: [{ run: "ab12", from }] };
  expect(parseHello(bytesOf(oldHello))).toEqual({
    ok: true,
    message: { ...hello, runs: [{ run: "ab12", from: { ...from, evidence: 1 } }] },
  });
  const marks = { alarm: 0, live: 7, backfill: 2 };
  const oldWelcome = { ...welcome, epochFrom: from, marks };
  expect(parseWelcome(bytesOf(oldWelcome))).toEqual({
    ok: true,
    message: { ...welcome, epochFrom: { ...from, evidence: 1 }, marks },
  });
});

test.each(cases)("%s: never throws on other JSON, junk or changed bytes", (_, message, parse) => {
  fc.assert(fc.property(fc.json(), (json) => void parse(new TextEncoder().encode(json))));
  fc.assert(fc.property(fc.uint8Array(), (junk) => assert(!parse(junk).ok)));
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), (at, byte) => {
      const bytes = bytesOf(message);
      bytes[at % bytes.length] = byte;
      parse(bytes);
    }),
  );
});

test("bounds are kept", () => {
  const refused = (message: unknown) => parseHello(bytesOf(message)).ok;
  expect(parseHello(new Uint8Array(MESSAGE_BYTES_MAX + 1))).toMatchObject({ ok: false, reason: "oversized" });
  expect(refused({ ...hello, agent: "a/b" })).toBe(false);
  expect(refused({ ...hello, storeId: "x".repeat(32) })).toBe(false);
  expect(refused({ ...hello, epoch: -1 })).toBe(false);
  expect(refused({ ...hello, epoch: 2 ** 32 })).toBe(false);
  expect(refused({ ...hello, lanes: { ...hello.lanes, live: { ...marks, oldest: 10 } } })).toBe(false);
  expect(
    refused({
      ...hello,
      lanes: { ...hello.lanes, live: { ...marks, epochs: [marks.epochs[1], marks.epochs[0]] } },
    }),
  ).toBe(false);
  const frontier = {
    ...heartbeat.frontier,
    pending: [
      { startMs: 0, endMs: 5 },
      { startMs: 4, endMs: 9 },
    ],
  };
  expect(parseHeartbeat(bytesOf({ ...heartbeat, frontier })).ok).toBe(false);
  expect(parseHeartbeat(bytesOf({ ...heartbeat, ledger: { received: "many" } })).ok).toBe(false);
  expect(decodeSkippedBatch(bytesOf({ from: 3, to: 2, readings: 0, reason: "evicted" })).ok).toBe(false);
});

test("topics carry the agent's name, and no other topic does", () => {
  expect(parseUpTopic(upTopic("alpha-1", "batch"))).toEqual({ agent: "alpha-1", name: "batch" });
  expect(parseDownTopic(downTopic("alpha-1", "ack"))).toEqual({ agent: "alpha-1", name: "ack" });
  for (const topic of [
    "millrace/v1/a/ack",
    "millrace/v1//batch",
    "millrace/v1/a b/batch",
    "millrace/v1/a/b/batch",
    "x/v1/a/batch",
    "",
  ]) {
    expect(parseUpTopic(topic)).toBeUndefined();
  }
  expect(isAgentId("a".repeat(64))).toBe(true);
  for (const id of ["", "a".repeat(65), "a/b", "+", "#", "a b", "中"]) expect(isAgentId(id)).toBe(false);
});
