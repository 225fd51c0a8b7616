// A metric that has as many series as it may makes room for new ones: by those that have been silent for long, and no others.
import type { Pipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { expect, test } from "vitest";
import { agentOnALine, pipelineOf } from "./reload/agent-on-a-line.test-support.ts";

const HOUR_MS = 3_600_000;
const METRIC = `version: 1
metrics:
  t: { unit: °C, from: { topic: "f/{machine}/t", json: { value: $.t, time: { path: $.ts, unit: ms } } }, accumulate: [count] }
windows:
  t_10s: { metric: t, size: 10s }
`;
const PLAIN = pipelineOf(`${METRIC}rules:
  hot: { metric: t, when: { above: 80 }, severity: 900, action: { publish: "f/{machine}/c", payload: STOP, latch: false, armed: true } }
`);
const MISSED = pipelineOf(`${METRIC}rules:
  gone: { metric: t, when: { missing: { for: 75m } }, severity: 500 }
`);

async function plant(pipeline: Pipeline = PLAIN, store = new MemoryStore(), startMs?: number) {
  const limits = { forgetSilentAfterMs: HOUR_MS };
  const line = await agentOnALine({ pipeline, store, limits, ...(startMs === undefined ? {} : { startMs }) });
  line.agent.setSeriesMax(3);
  line.agent.start();
  const say = (machine: string, t = 20) =>
    void line.publish(`f/${machine}/t`, JSON.stringify({ t, ts: line.time.nowMs }));
  /** Time passes; who is named goes on speaking. */
  const pass = async (hours: number, ...speaking: string[]) => {
    for (let passed = 0; passed < hours; passed += 0.25) {
      for (const machine of speaking) say(machine);
      await line.time.run(HOUR_MS / 4);
    }
  };
  const series = () => {
    const { series: known, seriesForgotten, ledger } = line.agent.status();
    return { known: known["t"], forgotten: seriesForgotten["t"] ?? 0, refused: ledger.rejected.series_cap };
  };
  return { ...line, say, pass, series };
}

test("who has been silent longest makes room, once that is long enough; who speaks stays", async () => {
  const { say, pass, series, time, central } = await plant();
  say("a");
  await pass(0.25);
  say("b");
  say("c");
  await pass(0.5, "c");
  say("d");
  await time.run(1_000);
  expect(series()).toEqual({ known: 3, forgotten: 0, refused: 1 });
  await pass(0.75, "c");
  say("d");
  await time.run(1_000);
  expect(series()).toEqual({ known: 3, forgotten: 1, refused: 1 });
  // b is next; c has spoken.
  say("e");
  await time.run(1_000);
  expect(series()).toEqual({ known: 3, forgotten: 2, refused: 1 });
  say("f");
  await time.run(120_000);
  expect(series()).toEqual({ known: 3, forgotten: 2, refused: 2 });
  const names = new Set([...central.panes.keys()].map((key) => /machine.*?([a-f])/.exec(key)?.[1]));
  expect(names).toEqual(new Set(["a", "b", "c", "d", "e"]));
});

test("who was forgotten comes back where there is room, counts once, and its rules go on; over a restart too", async () => {
  const store = new MemoryStore();
  const first = await plant(PLAIN, store);
  for (const machine of ["a", "b", "c"]) first.say(machine);
  await first.pass(1.25, "b", "c");
  first.say("d");
  await first.time.run(1_000);
  expect(first.series()).toMatchObject({ known: 3, forgotten: 1 });
  await first.agent.stop(0);
  const again = await plant(PLAIN, store, first.time.nowMs);
  expect(again.series()).toMatchObject({ known: 3 });
  again.say("a");
  await again.time.run(1_000);
  expect(again.series()).toEqual({ known: 3, forgotten: 0, refused: 1 });
  // Whoever must be stopped is of the reserve.
  again.say("a", 90);
  await again.time.run(1_000);
  expect(again.commands.map((line) => line.split(" ")[0])).toEqual(["f/a/c"]);
  expect(again.series()).toMatchObject({ known: 4, forgotten: 0 });
  again.say("a", 20);
  await again.pass(1.25, "a", "c", "d");
  again.say("e");
  await again.time.run(1_000);
  // Of four, three may be: the reserve's place is not given again.
  expect(again.series()).toMatchObject({ known: 3, forgotten: 1 });
});

test("who a rule would miss is not forgotten, before its alarm nor while that stands; a person may say so", async () => {
  const { agent, say, pass, series, time } = await plant(MISSED);
  for (const machine of ["a", "b", "c"]) say(machine);
  await pass(1, "b", "c");
  await time.run(60_000);
  say("d");
  await time.run(1_000);
  expect(series()).toEqual({ known: 3, forgotten: 0, refused: 1 });
  await pass(0.5, "b", "c");
  expect(agent.status().alarms).toHaveLength(1);
  say("d");
  await time.run(1_000);
  expect(series()).toMatchObject({ forgotten: 0, refused: 2 });
  expect(agent.forgetSeries({ machine: "a" }, "test")).toEqual({ forgottenCount: 1 });
  await time.run(20_000);
  say("d");
  await time.run(1_000);
  expect(series()).toEqual({ known: 3, forgotten: 1, refused: 2 });
});

test("nobody is forgotten soon after a start: whoever speaks has had no time yet", async () => {
  const store = new MemoryStore();
  const first = await plant(PLAIN, store);
  for (const machine of ["a", "b", "c"]) first.say(machine);
  await first.time.run(5_000);
  await first.agent.stop(0);
  const again = await plant(PLAIN, store, first.time.nowMs + 48 * HOUR_MS);
  await again.time.run(60_000);
  again.say("d");
  await again.time.run(1_000);
  expect(again.series()).toEqual({ known: 3, forgotten: 0, refused: 1 });
  await again.pass(1.5, "a", "b");
  again.say("d");
  await again.time.run(1_000);
  expect(again.series()).toMatchObject({ known: 3, forgotten: 1 });
});
