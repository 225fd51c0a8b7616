// The judge of a whole run, against a central of paper: what was lost or spoilt is not expected, a rejection too few or too many is
// found, and so is a reading that central has not received.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { TruthLine, TruthReading } from "../truth/truth-line.ts";
import { TruthLog } from "../truth/truth-log.ts";
import { formatVerdict } from "./format-verdict.ts";
import { notYet } from "./not-yet.ts";
import { verifyTruth } from "./verify-truth.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const START_MS = 1_767_225_600_000;
const place = { site: "alpha", line: "line-1", machine: "machine-1" };
const reading = (second: number): TruthReading => ({
  type: "reading",
  ...place,
  metric: "temperature",
  time: START_MS + second * 1_000,
  value: second,
});
const header: TruthLine = {
  type: "run",
  version: 1,
  seed: 1,
  plan: 'version: 1\nsites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 1 } }\nsignals: { temperature: {} }\n',
  plantStart: START_MS,
  start: START_MS,
  readingsPerSecond: 1,
  sites: ["alpha"],
  rules: [],
};
const LINES: readonly TruthLine[] = [
  header,
  { type: "acked", through: 0, at: START_MS },
  reading(0),
  reading(1),
  reading(2),
  { type: "delivery", site: "alpha", readings: [3], due: START_MS + 2_000, isLost: true },
  reading(3),
  { type: "delivery", site: "alpha", readings: [4], due: START_MS + 3_000, malformed: "truncated" },
  reading(4),
  { type: "acked", through: 2, left: 5, at: START_MS + 5_000 },
  { type: "delivery", site: "alpha", readings: [5], due: START_MS + 90_000 },
  { type: "sent", readings: [5], at: START_MS + 90_000 },
  { type: "acked", through: 5, at: START_MS + 91_000 },
  { type: "end", at: START_MS + 91_000, generated: 5, acked: 4, lost: 1, commands: 0 },
];

/** Central with one window of 5 s that takes readings for a minute, in which two are. */
async function centralWith(counts: {
  count?: number;
  received?: number;
  tooLate?: number;
  rejected?: number;
  /** Further counts of the agent's ledger. */
  ledger?: Readonly<Record<string, number>>;
  /** Of the truth's window. */
  row?: object;
  watermarkMs?: number;
  metrics?: readonly object[];
  /** Further windows of the pipeline. */
  windows?: readonly object[];
  /** Starts of windows that others' readings have made, and the times of their alarms. */
  others?: readonly number[];
  /** Of whom they are. */
  othersSite?: string;
  alarms?: readonly object[];
  /** What central knows of its agent besides. */
  agent?: object;
}) {
  const {
    agent = {},
    count = 2,
    received = 3,
    tooLate = 1,
    rejected = 1,
    others = [],
    othersSite = "alpha",
    alarms = [],
  } = counts;
  const rest = { unwindowed: 0, unreadable: 0, future: 0, foreignSite: 0, skipped: 0 };
  const answers: Record<string, object> = {
    "/api/v1/pipeline": {
      metrics: counts.metrics ?? [],
      windows: [
        ...(counts.windows ?? []),
        {
          name: "t5",
          metric: "temperature",
          kind: "aligned",
          sizeMs: 5_000,
          slideMs: 5_000,
          offsetMs: 0,
          latenessMs: 60_000,
          by: ["site"],
        },
      ],
    },
    "/api/v1/windows": {
      windows: [
        {
          window: "t5",
          group: { site: "alpha" },
          startMs: START_MS,
          endMs: START_MS + 5_000,
          revision: 1,
          state: "final",
          values: { count, sum: 1 },
          ...counts.row,
        },
        ...others.map((startMs) => ({
          window: "t5",
          group: { site: othersSite },
          startMs,
          endMs: startMs + 5_000,
          revision: 1,
          state: "final",
          values: { count: 1, sum: 1 },
        })),
      ],
      cursor: null,
    },
    "/api/v1/alarms": { alarms: [...others.map(alarmAt), ...alarms], cursor: null },
    "/api/v1/agents": {
      agents: [
        {
          agent: "alpha-1",
          site: "alpha",
          agentRejected: rejected,
          watermarkMs: counts.watermarkMs ?? null,
          ...agent,
        },
      ],
    },
    "/api/v1/ledger": {
      agents: {
        "alpha-1": { received, merged: received - tooLate, tooLate, ...rest, ...counts.ledger },
      },
    },
  };
  const server = createServer((request, response) => {
    response.end(JSON.stringify(answers[new URL(request.url ?? "", "http://x").pathname] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function waitingFor(...agentsMissing: readonly string[]) {
  return { state: "provisional", completeness: { agentsMissing } };
}

function alarmAt(activeAtMs: number) {
  return {
    id: String(activeAtMs),
    rule: "hot",
    labels: place,
    step: 1,
    activeAtMs,
    clearedAtMs: null,
    timeMs: activeAtMs,
    value: 90,
    receivedAtMs: activeAtMs,
    action: "none",
    command: null,
  };
}

async function judge(
  lines: readonly TruthLine[],
  counts: Parameters<typeof centralWith>[0],
  isBesideOthers = counts.others !== undefined,
) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-verify-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const truthPath = join(folder, "truth.jsonl");
  const log = new TruthLog(truthPath);
  for (const line of lines) log.append(line);
  log.close();
  return verifyTruth({ truthPath, centralUrl: await centralWith(counts), isBesideOthers });
}

test("what is lost is not expected, what is spoilt is one rejection, what is too late is counted so", async () => {
  const verdict = await judge(LINES, {});
  expect(verdict).toMatchObject({
    isRight: true,
    readings: { generated: 5, unacked: 0, lost: 1, spoilt: 1, hasEnded: true },
    windows: [{ right: 1, wrong: 0, missing: 0, unsure: 0 }],
  });
  expect(verdict.ledger.map(({ count, min, max, found }) => [count, min, max, found])).toEqual([
    ["received", 3, 3, 3],
    ["merged", 2, 2, 2],
    ["too late", 1, 1, 1],
    ["rejected", 1, 1, 1],
    ["given up", 0, 0, 0],
    ["accounted for", 3, 3, 3],
  ]);
  const text = formatVerdict(verdict);
  expect(text).toContain("5 generated, 0 never acknowledged, 1 lost on the way, 1 spoilt on the way");
  expect(text).toMatch(/✓ rejected\s+alpha\s+1\s+1/);
});

test.each([
  ["a window with a reading that was lost", { count: 3 }, "windows"],
  ["a rejection that is not counted", { rejected: 0 }, "ledger"],
  ["a rejection of something good", { rejected: 2 }, "ledger"],
  ["a reading that central has not received", { received: 2 }, "ledger"],
  ["a reading too late that is not counted so", { tooLate: 0 }, "ledger"],
  ["a merged reading that is not counted so", { ledger: { merged: 1 } }, "ledger"],
  ["a merged reading that is set aside too", { ledger: { future: 100 } }, "ledger"],
  ["a reading that was given up, and received", { ledger: { skipped: 1 } }, "ledger"],
  ["another end", { row: { endMs: START_MS + 60_000 } }, "windows"],
  ["a window that waits for nobody", { row: waitingFor() }, "windows"],
  [
    "a window that waits for who sent all of it",
    { row: waitingFor("alpha-1"), watermarkMs: START_MS + 5_000 },
    "windows",
  ],
])("%s is found", async (_what, counts, where) => {
  const verdict = await judge(LINES, counts);
  expect(verdict.isRight).toBe(false);
  expect(verdict.windows.some(({ wrong }) => wrong > 0)).toBe(where === "windows");
  expect(verdict.ledger.some(({ isRight }) => !isRight)).toBe(where === "ledger");
});

test("a window that is there twice, or has a further label, is one too many", async () => {
  const again = await judge(LINES, { others: [START_MS] }, false);
  expect(again).toMatchObject({ isRight: false, windows: [{ right: 1, extra: 1 }] });
  expect(formatVerdict(again)).toContain("one too many, count 1");
  const labelled = await judge(LINES, { row: { group: { site: "alpha", machine: "ghost" } } });
  expect(labelled).toMatchObject({ isRight: false, windows: [{ missing: 1, extra: 1 }] });
});

test("a window may wait for who has not sent all of it, and has lost some for good; that it does is told", async () => {
  for (const counts of [{}, { watermarkMs: START_MS + 4_999 }]) {
    const verdict = await judge(LINES, { ...counts, row: waitingFor("alpha-1") });
    expect(verdict.isRight).toBe(true);
    expect(formatVerdict(verdict)).toContain(
      "not judged: that 1 windows are complete, since central waits for alpha-1",
    );
  }
  const completeness = { agentsMissing: ["alpha-1"], agentsWithLoss: ["alpha-1"] };
  const lost = { row: { state: "provisional", completeness }, watermarkMs: START_MS + 9_000 };
  expect((await judge(LINES, lost)).isRight).toBe(true);
});

test("where nothing was judged, nothing is right", async () => {
  // The first two seconds of a run that goes on.
  const begun = LINES.slice(0, 4);
  const verdict = await judge(begun, {});
  expect(verdict).toMatchObject({ isRight: false, windows: [{ expected: 0 }] });
  expect(formatVerdict(verdict)).toContain("✗ nothing was judged: no window of this truth has ended yet");
  const other = await judge(LINES, { windows: [] });
  expect(other.isRight).toBe(true);
  // All of it may be lost.
  const unsure: TruthLine = { type: "unsure", readings: [1, 2, 5] };
  const empty = await judge([...LINES.slice(0, -1), unsure, LINES[LINES.length - 1]], {
    count: 0,
    received: 0,
    tooLate: 0,
  });
  expect(empty).toMatchObject({ isRight: false, windows: [{ right: 1, unsure: 1 }] });
  expect(formatVerdict(empty)).toContain("or is sure to have a reading");
});

test("of a run that was killed or goes on, it is said that its ledger is not judged", async () => {
  const later = { ...reading(60), time: START_MS + 60_000 };
  const running: readonly TruthLine[] = [
    ...LINES.slice(0, -1),
    later,
    { type: "acked", through: 6, at: START_MS + 91_000 },
  ];
  const verdict = await judge(running, {});
  expect(verdict).toMatchObject({ isRight: true, ledger: [] });
  expect(formatVerdict(verdict)).toContain(
    "✓ what could be judged so far is as the truth says; the ledger is not, before the end",
  );
});

test("what central has of readings and the truth does not, and the other way round, is told", async () => {
  const flow: TruthLine = { ...reading(0), metric: "flow" };
  const cpu = { name: "cpu_5s", metric: "cpu", kind: "aligned", sizeMs: 5_000, slideMs: 5_000, offsetMs: 0 };
  const lines = [...LINES.slice(0, -1), flow, { type: "acked", through: 6, at: START_MS + 91_000 } as const];
  const verdict = await judge([...lines, LINES[LINES.length - 1]], {
    windows: [
      { ...cpu, latenessMs: 0, by: ["site"] },
      { ...cpu, name: "load_5s", latenessMs: 0, by: ["site"] },
    ],
  });
  expect(verdict).toMatchObject({
    isRight: true,
    unjudged: [
      { what: "cpu_5s, load_5s", why: "no reading of the truth is in them" },
      { what: "readings of flow", why: "no window of central's pipeline has them" },
    ],
  });
});

test.each([
  ["it is silent since 2026-01-01T00:00:00.000Z", { state: "silent", lastSeenMs: START_MS }],
  ["it has never come", { state: "never_seen" }],
  ["its outbox still holds data", { pending: [{ startMs: START_MS, endMs: START_MS + 1 }] }],
  ["its data is not said to be complete", { isIdle: false, watermarkMs: START_MS }],
])("what is missing of an agent that central waits for is not wrong yet: %s", async (why, agent) => {
  const verdict = await judge(LINES, { agent, received: 2 });
  expect(verdict.isRight).toBe(false);
  expect(notYet(verdict)).toContain(`agent alpha-1: ${why}`);
  expect(formatVerdict(verdict)).toContain(
    "… not yet: central differs from the truth, and waits still. agent",
  );
  // What is there too much of no waiting mends, and what is right waits for nobody.
  expect(notYet(await judge(LINES, { agent, received: 4 }))).toBeNull();
  expect(notYet(await judge(LINES, { agent }))).toBeNull();
});

test("central waits for nobody whose data is all there, and for an agent of each site", async () => {
  const agent = { isIdle: false, watermarkMs: START_MS + 4_000 };
  expect(notYet(await judge(LINES, { agent, received: 2 }))).toBeNull();
  // Others' windows do not go away.
  const late = { agent: { state: "never_seen" }, received: 2 };
  expect(notYet(await judge(LINES, { ...late, others: [START_MS - 60_000] }, false))).toBeNull();
  const retired = await judge(LINES, { agent: { state: "retired" }, received: 2 });
  expect(notYet(retired)).toBe("site alpha: no agent of it has ever come");
});

test("over a connection that was lost, what is spoilt may have been counted more than once", async () => {
  const lost = LINES.map((line) => (line.type === "end" ? { ...line, reconnects: 1 } : line));
  expect((await judge(lost, { rejected: 2 })).isRight).toBe(true);
});

test("at the death of a Sparkplug node the agent counts a bad reading of each series, once for each connection", async () => {
  const ofSite = (site: string, reconnects: number): TruthLine[] =>
    LINES.map((line) => {
      if (line.type === "end") return { ...line, reconnects };
      return line.type === "run" ? { ...line, plan: line.plan.replace("lines: 1", site) } : line;
    });
  const dies = "lines: 1, format: sparkplug";
  expect((await judge(ofSite(dies, 0), { received: 4 })).isRight).toBe(true);
  expect((await judge(ofSite(dies, 0), { received: 3 })).isRight).toBe(true);
  expect((await judge(ofSite(dies, 0), { received: 5 })).isRight).toBe(false);
  expect((await judge(ofSite(dies, 1), { received: 5 })).isRight).toBe(true);
  expect((await judge(ofSite("lines: 1", 1), { received: 4 })).isRight).toBe(false);
  const killed = ofSite(dies, 0).toSpliced(1, 0, ofSite(dies, 0)[0]);
  expect((await judge(killed, { received: 9 })).isRight).toBe(true);
});

test("what was sent and never acknowledged may have come or not", async () => {
  const lines = LINES.flatMap((line): TruthLine[] => {
    if (line.type === "acked" && line.through > 0) return [];
    if (line.type !== "end") return [line];
    return [
      { type: "acked", through: 0, at: START_MS + 5_000 },
      ...[1, 2, 4].map((number): TruthLine => ({ type: "unacked", number })),
      line,
    ];
  });
  for (const [count, received] of [
    [2, 3],
    [1, 2],
  ]) {
    const verdict = await judge(lines, { count, received, rejected: 0 });
    expect(verdict).toMatchObject({
      readings: { generated: 5, unacked: 3, ackedBySite: new Map([["alpha", 1]]) },
      windows: [{ unsure: 1, right: 1, wrong: 0 }],
    });
    expect(verdict.ledger.every(({ isRight }) => isRight)).toBe(true);
  }
  expect((await judge(lines, { count: 3, received: 4 })).windows).toMatchObject([{ wrong: 1 }]);
  expect((await judge(lines, { received: 0 })).ledger.every(({ isRight }) => isRight)).toBe(false);
});

test("readings that do not say their time: their windows are not judged, what arrived is", async () => {
  const timeless = LINES.map((line) =>
    line.type === "reading" ? { ...line, isTimeless: true as const } : line,
  );
  const verdict = await judge(timeless, { count: 9, tooLate: 0 });
  expect(verdict).toMatchObject({
    unjudged: [{ what: "t5", why: "readings do not say their time" }],
    windows: [],
  });
  expect(verdict.ledger.every(({ isRight }) => isRight)).toBe(true);
});

test("beside readings of other runs what the truth holds is judged, and why no more is said", async () => {
  const lines = LINES.map((line) => (line.type === "run" ? { ...line, rules: ["hot"] } : line));
  const others = [START_MS - 60_000, START_MS + 60_000];
  const verdict = await judge(lines, { received: 300, rejected: 5, others });
  expect(verdict).toMatchObject({
    isRight: true,
    others: { isAllowed: true, before: 1, after: 1, elsewhere: 0 },
    alarms: { wrong: 0 },
    windows: [{ right: 1, extra: 0 }],
  });
  expect(verdict.ledger.map(({ count, min, max, found }) => [count, min, max, found])).toEqual([
    ["received", 3, Infinity, 300],
    ["merged", 2, Infinity, 299],
    ["too late", 1, Infinity, 1],
    ["rejected", 1, Infinity, 5],
    ["given up", 0, Infinity, 0],
    ["accounted for", 300, 300, 300],
  ]);
  const text = formatVerdict(verdict);
  expect(text).toContain(
    "left out: central holds 2 windows of others: 1 from before this truth's first of its readings, 1 from after its last. So counts",
  );
  expect(text).toContain("✓ all that the truth holds is at central as it says");
  // So much at least.
  const fewer = await judge(lines, { received: 2, others });
  expect(fewer.ledger.filter(({ isRight }) => !isRight)).toMatchObject([
    { count: "received", found: 2 },
    { count: "merged", found: 1 },
  ]);
  // The window that the truth's last reading is in holds theirs, too.
  expect((await judge(lines, { received: 300, count: 9, others })).isRight).toBe(true);
  expect((await judge(lines, { received: 300, count: 1, others })).isRight).toBe(false);
  // While the run goes on, what comes after its last line is its own.
  const running = await judge(lines.slice(0, -1), { others: [START_MS + 60_000] });
  expect(formatVerdict(running)).not.toContain("acknowledged");
  expect(running.others).toMatchObject({ before: 0, after: 0 });
});

test.each([
  ["in 1970", -START_MS, "alpha"],
  ["an hour before", -3_600_000, "alpha"],
  ["directly before the first", -5_000, "alpha"],
  ["directly after the last", 5_000, "alpha"],
  ["an hour after", 3_600_000, "alpha"],
  ["of another site", 0, "gamma"],
  ["of another site, an hour after", 3_600_000, "gamma"],
])("a window that central makes up is wrong: %s", async (_where, afterMs, othersSite) => {
  const counts = { others: [START_MS + afterMs], othersSite };
  const verdict = await judge(LINES, counts, false);
  expect(verdict).toMatchObject({ isRight: false, windows: [{ right: 1, wrong: 0 }] });
  const text = formatVerdict(verdict);
  expect(text).toContain("✗ central holds 1 windows of others: 1 ");
  expect(text).toContain("pass --beside-others to leave theirs out");
  expect(text).toContain("✗ central differs from the truth");
});

test("beside a window that central makes up, counts and edges are judged as strictly, and alarms cover nothing", async () => {
  const crossing: TruthLine = { ...reading(2), type: "alarm", rule: "hot", value: 90, limit: 80 };
  const lines = LINES.flatMap((line, index) => (index === 4 ? [line, crossing] : [line])).map((line) =>
    line.type === "run" ? { ...line, rules: ["hot"] } : line,
  );
  const others = [START_MS - 60_000, START_MS + 60_000];
  const verdict = await judge(lines, { others, received: 103, count: 52 }, false);
  expect(verdict).toMatchObject({
    windows: [{ wrong: 1 }],
    alarms: { missed: 1, wrong: 2, covered: 0 },
  });
  expect(verdict.ledger.find(({ count }) => count === "received")).toMatchObject({ max: 3, isRight: false });
});

test("windows of other sites leave the judgement of the truth's own as it is", async () => {
  const others = [START_MS - 60_000, START_MS, START_MS + 60_000];
  const verdict = await judge(LINES, { others, othersSite: "gamma" });
  expect(verdict).toMatchObject({ isRight: true, others: { before: 0, after: 0, elsewhere: 3 } });
  expect(formatVerdict(verdict)).toContain("left out: central holds 3 windows of others: 3 of other sites");
  expect(await judge(LINES, { others, othersSite: "gamma", received: 4 })).toMatchObject({ isRight: false });
  expect(await judge(LINES, { others, othersSite: "gamma", count: 3 })).toMatchObject({ isRight: false });
});

test("of a latched alarm that began again central shows the last beginning: the one before is not missed", async () => {
  const step = (second: number): TruthLine => ({
    ...reading(second),
    type: "alarm",
    rule: "hot",
    value: 90,
    limit: 80,
  });
  const lines = LINES.flatMap((line, index) => (index === 3 ? [line, step(0), step(2)] : [line])).map(
    (line) => (line.type === "run" ? { ...line, rules: ["hot"] } : line),
  );
  const begun = (firstSecond: number, lastSecond: number) => ({
    ...alarmAt(START_MS + lastSecond * 1_000),
    id: `hot-1a2b-${(START_MS + firstSecond * 1_000).toString(36)}`,
    isLatched: true,
  });
  const verdict = await judge(lines, { alarms: [begun(0, 2)] });
  expect(verdict).toMatchObject({ isRight: true, alarms: { right: 1, missed: 0, wrong: 0, renewed: 1 } });
  expect(formatVerdict(verdict)).toContain("latched still when it began again (1), since");
  // Somebody has reset it since.
  const reset = await judge(lines, { alarms: [{ ...begun(0, 2), isLatched: false }] });
  expect(reset).toMatchObject({ isRight: true, alarms: { right: 1, renewed: 1 } });
  // Also by somebody else's readings, later.
  const others = [START_MS + 60_000];
  const after = await judge(lines, { received: 300, alarms: [begun(0, 60)], others });
  expect(after).toMatchObject({ isRight: true, alarms: { right: 0, missed: 0, wrong: 0, renewed: 2 } });
  // What began only after a crossing says nothing of it.
  const missed = await judge(lines, { alarms: [begun(2, 2)] });
  expect(missed).toMatchObject({ isRight: false, alarms: { right: 1, missed: 1, renewed: 0 } });
  const later = await judge(lines, { received: 300, alarms: [begun(1, 60)], others });
  expect(later).toMatchObject({ isRight: false, alarms: { right: 0, missed: 1, renewed: 1 } });
});

test("a crossing while an alarm from before the truth is active is not missed, and said to be covered", async () => {
  const crossing: TruthLine = { ...reading(2), type: "alarm", rule: "hot", value: 90, limit: 80 };
  const lines = LINES.flatMap((line, index) => (index === 4 ? [line, crossing] : [line])).map((line) =>
    line.type === "run" ? { ...line, rules: ["hot"] } : line,
  );
  const others = [START_MS - 60_000];
  const verdict = await judge(lines, { received: 300, others });
  expect(verdict).toMatchObject({
    isRight: true,
    alarms: { right: 0, missed: 0, wrong: 0, covered: 1 },
  });
  expect(formatVerdict(verdict)).toContain(
    "not judged: crossings (1) that began while one from before this truth was active",
  );
  const seen = await judge(lines, { received: 300, others, alarms: [alarmAt(START_MS + 2_000)] });
  expect(seen).toMatchObject({ isRight: true, alarms: { right: 1, missed: 0, wrong: 0, covered: 0 } });
  // It says nothing of a central that nobody else has used.
  expect(await judge(lines, { alarms: [alarmAt(START_MS - 60_000)] })).toMatchObject({
    isRight: false,
    alarms: { missed: 1, wrong: 1 },
  });
});

test("alarms of which the truth knows nothing are told; of its own rules only those of other sites that others may write to", async () => {
  const at = (more: object) => ({ ...alarmAt(START_MS + 1_000), ...more });
  const unknown = [at({ rule: "too_hot" }), at({ rule: "agent_silent", id: "central:agent_silent:a" })];
  const verdict = await judge(LINES, { alarms: [...unknown, at({ rule: "too_hot", id: "2" })] });
  expect(verdict).toMatchObject({ isRight: true, alarms: { wrong: 0 } });
  const text = formatVerdict(verdict);
  expect(text).toContain(
    "not judged: alarms of too_hot (2), since the truth does not tell when there must be any",
  );
  expect(text).toContain(
    "not judged: alarms of agent_silent (1), since they are central's own, about its agents",
  );
  const lines = LINES.map((line) => (line.type === "run" ? { ...line, rules: ["hot"] } : line));
  const elsewhere = { alarms: [at({ labels: { ...place, site: "gamma" } })] };
  expect(await judge(lines, elsewhere)).toMatchObject({ isRight: false, alarms: { wrong: 1 } });
  const beside = await judge(lines, elsewhere, true);
  expect(beside).toMatchObject({ isRight: true, alarms: { wrong: 0 } });
  expect(formatVerdict(beside)).toContain("not judged: alarms of hot (1), since they are of other sites");
  const { site: _, ...labels } = place;
  expect(await judge(lines, { alarms: [at({ labels })] }, true)).toMatchObject({ alarms: { wrong: 1 } });
});

test("a truth of records alone has no row of readings' alarms, and says what HTTP has no line for", async () => {
  const verdict = await judge(LINES, {});
  const records = {
    isRight: true,
    sent: 12,
    unacked: 0,
    again: 0,
    spoilt: 0,
    tombstonesUnsent: 2,
    hasEnded: true,
    matches: [],
    windows: [],
    unjudged: [],
    ledger: [],
    faults: [],
    ruleAlarms: [
      {
        rule: "failing",
        right: 1,
        missed: 0,
        wrong: 0,
        covered: 0,
        faults: [],
      },
    ],
    alarms: [],
    others: { isAllowed: false, before: 0, after: 0, elsewhere: 0 },
  };
  const ofRecords = { ...verdict, readings: { ...verdict.readings, generated: 0 }, records };
  const text = formatVerdict(ofRecords);
  expect(text).toMatch(/\nalarms .*\nfailing +1 +0 +0\n\n/);
  expect(text).toContain(
    "records: 12 sent (2 of them tombstones, for which HTTP has no line), 0 never acknowledged",
  );
  expect(formatVerdict({ ...ofRecords, records: { ...records, ruleAlarms: [] } })).not.toContain("alarms  ");
  expect(formatVerdict(verdict)).toMatch(/\nalarms .*\non readings +0 +0 +0\n/);
});
