// What is scraped of windows: of each group the latest that is judged and the latest of all, within a bound, gone when it stops.
import { gaugeFamilyText, MemoryLogger } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { SinkRunner } from "../sink-runner.ts";
import { WindowStream } from "../window-stream.ts";
import { PrometheusSink } from "./prometheus-sink.ts";

const START_MS = Date.parse("2026-01-05T12:00:00Z");
const SIZE_MS = 10_000;
const SPEC: WindowSpec = {
  name: "temperature_10s",
  metric: "temperature",
  kind: "aligned",
  sizeMs: SIZE_MS,
  slideMs: SIZE_MS,
  offsetMs: 0,
  by: ["site"],
  latenessMs: 86_400_000,
};

function place({ hasProvisional = true, seriesMax = 1_000, windows = [SPEC] } = {}) {
  let nowMs = START_MS + 60_000;
  const sink = new PrometheusSink({
    config: { windows: null, hasProvisional, retentionMs: 300_000, seriesMax },
    windows,
    metrics: [{ name: "temperature", unit: "°F", accumulate: [], isLive: true }],
    graceMs: 2_000,
    clock: { nowMs: () => nowMs },
  });
  return {
    sink,
    setTime: (toMs: number) => (nowMs = toMs),
    /** Without what describes them. */
    scrape: () =>
      sink
        .families()
        .map(gaugeFamilyText)
        .join("")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#")),
  };
}

function window(at: number, more: Partial<WindowResult> = {}): WindowResult {
  const startMs = START_MS + at * SIZE_MS;
  return {
    window: SPEC.name,
    metric: SPEC.metric,
    group: { site: "alpha" },
    startMs,
    endMs: startMs + SIZE_MS,
    revision: 1,
    state: "complete",
    values: { count: 3, mean: 212 },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 2,
      agentsReporting: 2,
      agentsMissing: [],
      sitesExpected: 1,
      sitesReporting: 1,
      sitesMissing: [],
    },
    updatedAtMs: startMs + SIZE_MS + 5_000,
    ...more,
  };
}

const PROVISIONAL = {
  state: "provisional",
  completeness: {
    agentsExpected: 2,
    agentsReporting: 0,
    agentsMissing: ["alpha-1", "alpha-2"],
    sitesExpected: 1,
    sitesReporting: 0,
    sitesMissing: ["alpha"],
  },
} as const;

test("the latest that is complete and the latest of all stand beside each other, in base units, without timestamps", async () => {
  const { sink, scrape } = place();
  await sink.write([
    window(0),
    window(1, { ...PROVISIONAL, values: { count: 1, mean: 32 }, updatedAtMs: 0 }),
  ]);
  const labels = '{window="temperature_10s",site="alpha"}';
  expect(scrape()).toEqual([
    `millrace_live_window_end_timestamp_seconds${labels} ${START_MS / 1_000 + 20}`,
    `millrace_live_window_temperature_mean_celsius${labels} 0`,
    `millrace_live_window_temperature_readings${labels} 1`,
    `millrace_window_agents_expected${labels} 2`,
    `millrace_window_agents_missing${labels} 0`,
    `millrace_window_end_timestamp_seconds${labels} ${START_MS / 1_000 + 10}`,
    `millrace_window_revision${labels} 1`,
    `millrace_window_temperature_mean_celsius${labels} 100`,
    `millrace_window_temperature_readings${labels} 3`,
  ]);
  expect(sink.view).toEqual({ series: 9, leftOut: { temperature_10s: 0 } });
});

test("each family is described once, with the unit and what it is of", async () => {
  const { sink } = place();
  await sink.write([window(0), window(0, { group: { site: "beta" } })]);
  const text = sink.families().map(gaugeFamilyText).join("");
  expect(text.match(/^# TYPE millrace_window_temperature_mean_celsius gauge$/gm)).toHaveLength(1);
  expect(text).toContain(
    "# HELP millrace_window_temperature_mean_celsius mean of temperature, in celsius (unit in the pipeline: °F): of the latest window",
  );
});

test("open windows are not shown where they are not wanted", async () => {
  const { sink, scrape } = place({ hasProvisional: false });
  await sink.write([window(0), window(1, PROVISIONAL)]);
  expect(scrape().every((line) => line.startsWith("millrace_window_"))).toBe(true);
  expect(scrape().some((line) => line.startsWith("millrace_window_temperature_readings"))).toBe(true);
});

test("what comes late changes what is shown of its own window, and no later one", async () => {
  const { sink, scrape } = place({ hasProvisional: false });
  const readings = () =>
    scrape()
      .find((line) => line.includes("_temperature_readings"))
      ?.split(" ")[1];
  expect(await sink.write([window(2), window(1)])).toEqual({ taken: 1, refused: 0 });
  expect(await sink.write([window(2, { revision: 2, values: { count: 9 } })])).toMatchObject({ taken: 1 });
  expect(readings()).toBe("9");
  expect(await sink.write([window(2)])).toMatchObject({ taken: 0 });
  expect(readings()).toBe("9");
});

test("a site that is missing for good leaves a window judged without it once the grace is over", async () => {
  const { sink, scrape } = place({ hasProvisional: false });
  const completeness = { ...PROVISIONAL.completeness, agentsReporting: 1, agentsMissing: ["alpha-2"] };
  const missing = { ...PROVISIONAL, completeness };
  await sink.write([window(0, { ...missing, updatedAtMs: START_MS + SIZE_MS + 1_000 })]);
  expect(scrape()).toEqual([]);
  await sink.write([window(0, { ...missing, revision: 2, updatedAtMs: START_MS + SIZE_MS + 2_000 })]);
  expect(scrape()).toContain('millrace_window_agents_missing{window="temperature_10s",site="alpha"} 1');
});

test("a group that stops is gone once its next window is overdue for the retention; its open one sooner", async () => {
  const { sink, scrape, setTime } = place();
  await sink.write([window(0)]);
  const endMs = START_MS + SIZE_MS;
  setTime(endMs + 300_000);
  expect(scrape()).toHaveLength(9);
  setTime(endMs + 300_001);
  expect(scrape()).toHaveLength(6);
  setTime(endMs + SIZE_MS + 300_001);
  expect(scrape()).toEqual([]);
  expect(sink.view.series).toBe(0);
});

test("what finds no room is left out and counted, by window; those that are shown go on, and what stops makes room", async () => {
  const { sink, scrape, setTime } = place({ hasProvisional: false, seriesMax: 13 });
  const sites = ["alpha", "beta", "gamma"];
  const all = (at: number) => sites.map((site) => window(at, { group: { site } }));
  expect(await sink.write(all(0))).toEqual({ taken: 2, refused: 1 });
  expect(await sink.write(all(1))).toEqual({ taken: 2, refused: 1 });
  expect(scrape()).toHaveLength(12);
  expect(sink.view).toEqual({ series: 12, leftOut: { temperature_10s: 2 } });
  setTime(START_MS + 10 * 60_000);
  expect(await sink.write([window(60, { group: { site: "gamma" } })])).toEqual({ taken: 1, refused: 0 });
  expect(scrape()).toHaveLength(6);
});

test("a group that has stopped and comes again with more finds the room of its own old windows, once", async () => {
  const { sink, scrape, setTime } = place({ seriesMax: 8 });
  const outcomes: unknown[] = [];
  const hours: readonly Readonly<Record<string, number>>[] = [
    { count: 1 },
    { count: 3, mean: 212 },
    { count: 1 },
  ];
  for (const [hour, values] of hours.entries()) {
    setTime(START_MS + 3_600_000 * hour + 15_000);
    await sink.write([window(360 * hour, { values })]);
    const { series } = sink.view;
    outcomes.push([series, scrape().length]);
  }
  expect(outcomes).toEqual([
    [7, 7],
    [0, 0],
    [7, 7],
  ]);
});

test("any results at any times within the bound: as many series as are counted", async () => {
  const random = new SeededRandom(5);
  const upTo = (below: number) => Math.floor(random.next() * below);
  const { sink, scrape, setTime } = place({ seriesMax: 20 });
  let at = 0;
  for (let count = 0; count < 500; count += 1) {
    at += upTo(40);
    setTime(START_MS + at * SIZE_MS + 15_000);
    await sink.write([
      window(at - upTo(5), {
        group: { site: ["alpha", "beta", "gamma", "delta"][upTo(4)] },
        values: upTo(2) === 0 ? { count: 1 } : { count: 3, mean: 212 },
        ...(upTo(3) === 0 ? PROVISIONAL : {}),
      }),
    ]);
    expect(sink.view.series).toBeLessThanOrEqual(20);
    if (upTo(3) > 0) continue;
    const shown = scrape().length;
    expect(shown).toBe(sink.view.series);
  }
});

test("after a start the history is read: of a long window the last one that ended, long ago as it is", async () => {
  const day: WindowSpec = { ...SPEC, kind: "aligned", sizeMs: 86_400_000, slideMs: 86_400_000, offsetMs: 0 };
  const { sink, scrape, setTime } = place({ windows: [day], hasProvisional: false });
  const ended = window(0, { startMs: START_MS - 86_400_000, endMs: START_MS });
  const before = window(0, { startMs: START_MS - 2 * 86_400_000, endMs: START_MS - 86_400_000 });
  const time = new SimulatedTime(START_MS + 20 * 3_600_000);
  setTime(time.nowMs);
  const runner = new SinkRunner({
    target: sink,
    stream: new WindowStream({
      windows: [day],
      hasProvisional: true,
      isLatestWanted: true,
      readHistory: async ({ fromMs }) => ({
        windows: [before, ended].filter(({ startMs }) => startMs >= fromMs),
        cursor: null,
      }),
    }),
    mark: null,
    retentionMs: 300_000,
    clock: time.clock(),
    random: new SeededRandom(1),
    log: new MemoryLogger(),
  });
  runner.start();
  await time.run(1_000);
  expect(scrape()).toContain(
    `millrace_window_end_timestamp_seconds{window="temperature_10s",site="alpha"} ${START_MS / 1_000}`,
  );
  expect(runner.view).toMatchObject({ state: "up", outcomes: { written: 1, stale: 0 } });
  const stopping = runner.stop();
  await time.run(1_000);
  await stopping;
});

test("a session that has merged into another is shown no longer", async () => {
  const spec: WindowSpec = {
    name: SPEC.name,
    metric: SPEC.metric,
    kind: "session",
    gapMs: 5_000,
    lengthMsMax: 60_000,
    by: ["site"],
    latenessMs: 0,
  };
  const { sink, scrape } = place({ windows: [spec] });
  await sink.write([window(0)]);
  const merged = window(0, { revision: 2, values: {}, mergedIntoMs: START_MS - 5_000 });
  expect(await sink.write([merged])).toMatchObject({ taken: 1 });
  expect(scrape()).toEqual([]);
  expect(sink.view.series).toBe(0);
});
