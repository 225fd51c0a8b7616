import { join } from "node:path";
import { LevelStore } from "@millrace/queue";
import { silentLogger, systemClock, systemRandom, zstdCompression } from "@millrace/runtime";
import { Central } from "../central/src/central.ts";
import { CENTRAL_STORE_FORMAT } from "../central/src/core/central-state.ts";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";
import { ReturningAgent } from "./workload/returning-agent.ts";

const AGENTS = 1_000;
const LIVE_INTERVAL_MS = 1_000;
const SERIES_PER_AGENT = 20;
const METRIC = {
  name: "temperature",
  unit: "°C",
  accumulate: ["count", "sum", "mean", "min", "max"],
  isLive: true,
  paneMs: 1_000,
  source: { kind: "host", sensor: "cpu" },
} as const;

/** A thousand agents come back at once. */
export const centralHerd: Bench = {
  name: "central-herd",
  summary:
    "1,000 agents of 20 series come back at once with a backlog each: how late central's core holds what is live (p99), beside the same agents without a backlog",
  async run({ isQuick, say }) {
    const agentCount = isQuick ? 300 : AGENTS;
    const backlogCount = isQuick ? 20 : 60;
    say("without a backlog");
    const calm = await herd({ agentCount, backlogCount: 0, isQuick });
    say("with one");
    const back = await herd({ agentCount, backlogCount, isQuick });
    return {
      value: rounded(percentile(back.lagsMs, 0.99)),
      unit: "ms",
      better: "lower",
      peer: { name: "the same without a backlog", value: rounded(percentile(calm.lagsMs, 0.99)) },
      further: {
        medianMs: rounded(percentile(back.lagsMs, 0.5)),
        longestMs: rounded(Math.max(...back.lagsMs)),
        backlogPanesPerSecond: rounded((agentCount * backlogCount * SERIES_PER_AGENT) / back.seconds),
        drainedSeconds: rounded(back.seconds),
        dropped: back.dropped,
        residentMegabytesMax: rounded(back.residentBytesMax / 1e6),
      },
    };
  },
};

/** Until every backlog is held; without one, for some seconds. */
async function herd(options: {
  readonly agentCount: number;
  readonly backlogCount: number;
  readonly isQuick: boolean;
}): Promise<{ lagsMs: number[]; seconds: number; dropped: number; residentBytesMax: number }> {
  const { agentCount, backlogCount, isQuick } = options;
  return inBenchFolder(async (folder) => {
    const path = join(folder, "store");
    const store = await LevelStore.open({
      path,
      kind: "central",
      version: CENTRAL_STORE_FORMAT,
      pid: process.pid,
    });
    const numbers = Array.from({ length: agentCount }, (_, number) => number);
    const central = new Central({
      agents: numbers.map((number) => ({ id: `agent-${number}`, site: `site-${number}` })),
      pipeline: {
        metrics: [METRIC],
        windows: [
          {
            name: "temperature_10s",
            metric: METRIC.name,
            kind: "aligned",
            sizeMs: 10_000,
            slideMs: 10_000,
            offsetMs: 0,
            by: ["site"],
            latenessMs: 86_400_000,
          },
        ],
      },
      graceMs: 2_000,
      retainMs: 86_400_000,
      evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
      silentAfterMs: 600_000,
      store,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      compression: zstdCompression,
    });
    await central.open();
    const agents = numbers.map(
      (number) =>
        new ReturningAgent({
          central,
          number,
          backlogCount,
          rows: (second) =>
            paneTraffic({
              site: `site-${number}`,
              lines: 1,
              machinesPerLine: SERIES_PER_AGENT,
              metric: METRIC.name,
              paneMs: 1_000,
              panes: 1,
              readingsPerPane: 10,
              startMs: (Math.floor(Date.now() / 1_000) - 1 - second) * 1_000,
              seed: number,
            }),
        }),
    );
    const startedMs = performance.now();
    for (const agent of agents) agent.connect();
    let residentBytesMax = 0;
    // Spread over the second, as their starts are.
    const slots = 20;
    const leastMs = isQuick ? 3_000 : 8_000;
    for (let slot = 0; ; slot += 1) {
      await new Promise((resolve) => setTimeout(resolve, LIVE_INTERVAL_MS / slots));
      for (let at = slot % slots; at < agents.length; at += slots) agents[at]?.sendLive();
      residentBytesMax = Math.max(residentBytesMax, process.memoryUsage.rss());
      const hasLasted = performance.now() - startedMs >= leastMs;
      if (hasLasted && agents.every(({ isDelivered }) => isDelivered)) break;
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    await central.close();
    const dropped = central.counts.droppedMessages;
    await store.close();
    return { lagsMs: agents.flatMap(({ liveLagsMs }) => liveLagsMs), seconds, dropped, residentBytesMax };
  });
}
