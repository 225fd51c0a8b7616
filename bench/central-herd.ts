import type { PaneRows } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { METRIC_NAME, openCentralCore } from "./workload/central-core.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";
import { ReturningAgent, storeIdOf } from "./workload/returning-agent.ts";
import { sealedPanes } from "./workload/sealed-panes.ts";

const AGENTS = 1_000;
const LIVE_INTERVAL_MS = 1_000;
const SERIES_PER_AGENT = 20;

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
    const core = await openCentralCore(folder, {
      agentCount,
      accumulate: ["count", "sum", "mean", "min", "max"],
      windowsBy: [["site"]],
    });
    const { central } = core;
    const numbers = Array.from({ length: agentCount }, (_, number) => number);
    const agents = numbers.map((number) => {
      const rowsOf = (secondsAgo: number): PaneRows =>
        paneTraffic({
          site: `site-${number}`,
          lines: 1,
          machinesPerLine: SERIES_PER_AGENT,
          metric: METRIC_NAME,
          paneMs: 1_000,
          panes: 1,
          readingsPerPane: 10,
          startMs: (Math.floor(Date.now() / 1_000) - 1 - secondsAgo) * 1_000,
          seed: number,
        });
      const storeId = storeIdOf(number);
      const backlog = Array.from({ length: backlogCount }, (_, index) =>
        sealedPanes({
          storeId,
          lane: "backfill",
          sequence: index + 1,
          rows: rowsOf(backlogCount - index),
          watermarkMs: null,
        }),
      );
      return new ReturningAgent({ central, number, backlog, live: rowsOf(0) });
    });
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
    const dropped = central.counts.droppedMessages;
    await core.close();
    return { lagsMs: agents.flatMap(({ liveLagsMs }) => liveLagsMs), seconds, dropped, residentBytesMax };
  });
}
