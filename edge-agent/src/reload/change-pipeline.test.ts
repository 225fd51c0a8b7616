// A pipeline is taken over while readings come: what does not change in it shows no trace of that, in panes, alarms, commands
// and windows of rules; what does change does so at a boundary of panes; a crash finds the old one or the new one.
import { MemoryStore } from "@millrace/queue";
import { MemoryLogger } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { agentOnALine, pipelineOf, START_MS } from "./agent-on-a-line.test-support.ts";

interface Parts {
  readonly metrics?: string;
  readonly windows?: string;
  readonly rules?: string;
  readonly accumulate?: string;
}

const source = (name: string) =>
  `from: { topic: "f/{site}/{machine}/${name}", json: { value: $.v, time: { path: $.ts, unit: ms } } }`;

function text({ metrics = "", windows = "", rules = "", accumulate = "[count, max]" }: Parts = {}): string {
  return `
version: 1
metrics:
  t: { unit: °C, ${source("t")}, accumulate: ${accumulate}, live: true }
  level: { unit: m, ${source("level")}, accumulate: [count] }${metrics}
windows:
  t_10s: { metric: t, size: 10s, by: [site] }
  machine_20s: { metric: t, size: 20s, slide: 10s, by: [machine] }
  level_10s: { metric: level, size: 10s, by: [site] }${windows}
rules:
  hot:
    metric: t
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action: { publish: "f/{site}/{machine}/command", payload: STOP, armed: true }
  silent: { metric: t, when: { missing: { for: 8s } }, severity: 300 }
  often: { window: machine_20s, value: count, when: { above: 6 }, severity: 100 }${rules}
`;
}

const BASE = pipelineOf(text());
/** Another metric, window and rule, and nothing that touches those of the base. */
const WITH_MORE = pipelineOf(
  text({
    metrics: `\n  extra: { unit: m, ${source("extra")}, accumulate: [count] }`,
    windows: `\n  extra_7s: { metric: extra, size: 7s, by: [machine] }\n  t_machine: { metric: t, size: 30s, by: [site, machine] }`,
    rules: `\n  more: { window: t_machine, value: max, when: { above: 60 }, severity: 1 }\n  extra: { metric: extra, when: { above: 10 }, severity: 1 }`,
  }),
);
const OTHER_RULES = new Set(["more", "extra"]);

interface Step {
  readonly stepMs: number;
  readonly lateMs: number;
  readonly machine: number;
  readonly value: number;
  readonly isLevel: boolean;
  readonly isTwice: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  stepMs: fc.constantFrom(0, 1, 400, 1_300, 2_600, 9_000),
  lateMs: fc.constantFrom(0, 0, 0, 700, 6_000, 25_000),
  machine: fc.nat(2),
  value: fc.integer({ min: 40, max: 99 }),
  isLevel: fc.boolean(),
  isTwice: fc.boolean(),
});

type Line = Awaited<ReturnType<typeof agentOnALine>>;

async function play(steps: readonly Step[], before: (line: Line, index: number) => void = () => undefined) {
  const line = await agentOnALine({ pipeline: BASE });
  line.agent.start();
  await line.time.run(100);
  for (const [index, { stepMs, lateMs, machine, value, isLevel, isTwice }] of steps.entries()) {
    before(line, index);
    const topic = `f/alpha/m${machine}/${isLevel ? "level" : "t"}`;
    const payload = JSON.stringify({ v: value, ts: line.time.nowMs - lateMs });
    void line.publish(topic, payload);
    if (isTwice) void line.publish(topic, payload);
    await line.time.run(stepMs);
  }
  await line.time.run(40_000);
  return line;
}

/** Everything that shows, less what is of the rules and metrics that come and go. */
function shown({ agent, central, commands }: Line) {
  const { ledger, alarms, series, dedupe } = agent.status();
  return {
    panes: new Map([...central.panes].filter(([key]) => !key.startsWith("extra "))),
    steps: central.alarms.filter(({ rule }) => !OTHER_RULES.has(rule)),
    alarms: alarms.filter(({ rule }) => !OTHER_RULES.has(rule)),
    commands,
    ledger,
    series,
    dedupe,
  };
}

/** Which moments its batches leave at is not the pipeline's to say: the last may be some live intervals apart. */
function expectSame(changed: Line, plain: Line): void {
  expect(shown(changed)).toEqual(shown(plain));
  const [one, other] = [changed, plain].map(({ agent }) => agent.status().watermarkMs ?? 0);
  expect(Math.abs(one - other)).toBeLessThanOrEqual(1_000);
}

test("the same pipeline, taken over at any moments, changes nothing at all", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(fc.nat(39)), async (steps, at) => {
      const plain = await play(steps);
      const changed = await play(steps, ({ agent }, index) => {
        if (at.includes(index)) void agent.changePipeline(pipelineOf(text()));
      });
      expectSame(changed, plain);
    }),
    { numRuns: 40 },
  );
});

test("metrics, windows and rules that come and go change nothing for the others", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(fc.nat(39)), async (steps, at) => {
      const plain = await play(steps);
      let hasMore = false;
      const changed = await play(steps, ({ agent }, index) => {
        if (at.includes(index)) {
          hasMore = !hasMore;
          void agent.changePipeline(hasMore ? WITH_MORE : BASE);
        }
      });
      expectSame(changed, plain);
    }),
    { numRuns: 40 },
  );
});

describe("a metric whose panes change", () => {
  const FINER = pipelineOf(
    text({ windows: "\n  t_4s: { metric: t, size: 4s, by: [site] }", accumulate: "[count, min]" }),
  );
  const send = (line: Line, timeMs: number) =>
    void line.publish("f/alpha/m1/t", JSON.stringify({ v: 50, ts: timeMs }));
  const panesOf = ({ central }: Line) =>
    [...central.panes].map(([key, count]) => {
      const [, layout, startMs] = /^t (\S+) .* (\d+)$/.exec(key) ?? [];
      return `${layout} ${(Number(startMs) - START_MS) / 1_000}: ${count}`;
    });

  it("has them from the next boundary of both on; what is older, however late, goes into those of its time", async () => {
    const line = await agentOnALine({ pipeline: BASE });
    line.agent.start();
    await line.time.run(3_000);
    send(line, START_MS + 2_000);
    void line.agent.changePipeline(FINER);
    for (const second of [3, 9, 10, 11, 13]) {
      await line.time.run(START_MS + second * 1_000 - line.time.nowMs);
      send(line, START_MS + second * 1_000);
    }
    send(line, START_MS + 4_000);
    await line.time.run(1_000);
    expect(panesOf(line).sort()).toEqual([
      "10000:count;max;beside 0: 4",
      "2000:count;min;beside 10: 2",
      "2000:count;min;beside 12: 1",
    ]);
    expect(line.agent.status().ledger).toMatchObject({ aggregated: 7, open: 0 });
  });

  it("keeps to that over a crash, and over one pipeline after the other", async () => {
    const first = await agentOnALine({ pipeline: BASE });
    first.agent.start();
    await first.time.run(3_000);
    void first.agent.changePipeline(FINER);
    await first.time.run(12_000);
    await first.time.during(first.agent.changePipeline(BASE));
    const second = await agentOnALine({
      pipeline: BASE,
      store: first.store.crash(),
      startMs: first.time.nowMs,
    });
    second.agent.start();
    for (const second_ of [4, 12, 19, 20]) send(second, START_MS + second_ * 1_000);
    await second.time.run(2_000);
    expect(panesOf(second).sort()).toEqual([
      "10000:count;max;beside 0: 1",
      "10000:count;max;beside 20: 1",
      "2000:count;min;beside 12: 1",
      "2000:count;min;beside 18: 1",
    ]);
  });

  it("and is changed back before that boundary is as it was", async () => {
    const line = await agentOnALine({ pipeline: BASE });
    line.agent.start();
    await line.time.run(3_000);
    void line.agent.changePipeline(FINER);
    send(line, START_MS + 3_000);
    void line.agent.changePipeline(BASE);
    await line.time.run(20_000);
    send(line, START_MS + 12_000);
    await line.time.run(1_000);
    expect(panesOf(line).sort()).toEqual(["10000:count;max;beside 0: 1", "10000:count;max;beside 10: 1"]);
  });
});

it("a metric that is gone hands its open panes over, holds no watermark back, and its topic is read no longer", async () => {
  const line = await agentOnALine({ pipeline: WITH_MORE });
  line.agent.start();
  await line.time.run(1_000);
  void line.publish("f/alpha/m1/extra", JSON.stringify({ v: 50, ts: START_MS + 1_000 }));
  void line.publish("f/alpha/m1/t", JSON.stringify({ v: 50, ts: START_MS + 1_000 }));
  await line.time.run(500);
  expect(line.agent.status()).toMatchObject({ ledger: { open: 1 }, alarms: [{ rule: "extra" }] });
  await line.time.during(line.agent.changePipeline(BASE));
  expect(line.agent.subscriptions().filters).toEqual(["f/+/+/t", "f/+/+/level"]);
  await line.time.run(1_000);
  void line.publish("f/alpha/m1/t", JSON.stringify({ v: 50, ts: START_MS + 9_000 - 2_000 }));
  void line.publish("f/alpha/m1/extra", JSON.stringify({ v: 50, ts: START_MS + 2_000 }));
  await line.time.run(1_000);
  const { ledger, alarms, watermarkMs } = line.agent.status();
  expect(ledger).toMatchObject({ open: 0, aggregated: 3, rejected: { unknown_topic: 1 } });
  expect(alarms).toEqual([]);
  expect(watermarkMs).toBe(START_MS + 2_000);
  expect(line.central.alarms.at(-1)).toMatchObject({
    rule: "extra",
    isActive: false,
    endReason: "rule_removed",
  });
});

it("what is kept as evidence is another at once, for inputs that asked before too", async () => {
  const line = await agentOnALine({ pipeline: BASE });
  const { evidence } = line.agent;
  expect([evidence.largestBytesMax(), evidence.bytesMax("scan/m1")]).toEqual([0, 0]);
  const withScans = `${text()}evidence:\n  scan: { topic: "scan/{machine}", contentType: image/png, bytesMax: 1MiB }\n`;
  void line.agent.changePipeline(pipelineOf(withScans));
  expect([evidence.largestBytesMax(), evidence.bytesMax("scan/m1")]).toEqual([1 << 20, 1 << 20]);
  expect(line.agent.subscriptions().filters).toContain("scan/+");
  void line.agent.changePipeline(BASE);
  expect([evidence.largestBytesMax(), evidence.bytesMax("scan/m1")]).toEqual([0, 0]);
});

it("the first metric of Sparkplug makes the agent a host, and with the last it is none any more", async () => {
  const line = await agentOnALine({ pipeline: BASE });
  const source = '{ group: "{site}", node: "{line}", metric: temperature }';
  const metrics = `\n  s: { unit: °C, from: { sparkplug: ${source} }, accumulate: [count] }`;
  const withSparkplug = pipelineOf(text({ metrics }));
  expect(line.agent.subscriptions().sparkplugFilters).toEqual([]);
  void line.agent.changePipeline(withSparkplug);
  expect(line.agent.subscriptions().sparkplugFilters).toEqual(["spBv1.0/+/+/+/#", "spBv1.0/STATE/alpha"]);
  expect(line.agent.status().sparkplug).toMatchObject({ nodesOnline: 0 });
  void line.agent.changePipeline(BASE);
  expect(line.agent.subscriptions().sparkplugFilters).toEqual([]);
  expect(line.agent.status().sparkplug).toBeNull();
});

it("a crash at any moment of a change finds the old pipeline's panes or the new one's, and loses nothing", async () => {
  const FINER = pipelineOf(text({ windows: "\n  t_4s: { metric: t, size: 4s, by: [site] }" }));
  for (let crashAtMs = 0; crashAtMs < 2_000; crashAtMs += 61) {
    const random = new SeededRandom(crashAtMs);
    const store = new MemoryStore({ random });
    const first = await agentOnALine({ pipeline: BASE, store });
    first.agent.start();
    let acknowledged = 0;
    let isDurable = false;
    for (let atMs = 0; atMs <= crashAtMs; atMs += 61) {
      for (const name of ["t", "level"])
        void first
          .publish(`f/alpha/m1/${name}`, JSON.stringify({ v: 50, ts: first.time.nowMs }))
          ?.then(() => (acknowledged += 1));
      if (atMs === 610) void first.agent.changePipeline(FINER, [record(1)]).then(() => (isDurable = true));
      await first.time.run(61);
    }
    const left = store.crash();
    const isRecorded = (await left.get(KEY)) !== undefined;
    if (isDurable) expect(isRecorded).toBe(true);
    const log = new MemoryLogger();
    const second = await agentOnALine({
      pipeline: isRecorded ? FINER : BASE,
      store: left,
      startMs: first.time.nowMs,
      log,
    });
    const { received, open, queued, forwarded, damaged } = second.agent.status().ledger;
    expect(received).toBeGreaterThanOrEqual(acknowledged);
    expect({ held: open + queued + forwarded, damaged }).toEqual({ held: received, damaged: 0 });
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
  }
});

it("a start with another pipeline than before finishes the open panes as they were begun", async () => {
  const FINER = pipelineOf(text({ windows: "\n  t_4s: { metric: t, size: 4s, by: [site] }" }));
  const store = new MemoryStore();
  const first = await agentOnALine({ pipeline: BASE, store });
  first.agent.start();
  for (let second = 0; second < 3; second += 1) {
    void first.publish("f/alpha/m1/t", JSON.stringify({ v: 50, ts: first.time.nowMs }));
    await first.time.run(1_000);
  }
  const log = new MemoryLogger();
  const startMs = first.time.nowMs;
  const second = await agentOnALine({ pipeline: FINER, store: store.crash(), startMs, log });
  const { received, open, queued, forwarded, damaged } = second.agent.status().ledger;
  expect(received).toBe(3);
  expect({ held: open + queued + forwarded, damaged }).toEqual({ held: 3, damaged: 0 });
  expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
});

const KEY = Uint8Array.of(0x7e);

function record(value: number) {
  return { type: "put", key: KEY, value: Uint8Array.of(value) } as const;
}
