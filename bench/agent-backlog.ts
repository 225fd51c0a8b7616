import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { percentile, rounded } from "./measure/statistics.ts";
import { type AgentBroker, startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { BenchCentral } from "./workload/bench-central.ts";
import { FloodTarget } from "./workload/flood-target.ts";

const PANE_MS = 10_000;
const DEVICES = 1_000;
/** Of the pipeline: default. */
const OUT_OF_ORDERNESS_MS = 5_000;
const READINGS = 20;
/** While the link is down up to 100,000 complete panes leave every 5 s: a day takes nine minutes to fill in. */
const FILL_MESSAGES_PER_SECOND = 800;
/** Each series five times a second, so that the watermark is not late by itself. */
const LIVE_MESSAGES_PER_SECOND = 5_000;
/** An outage begins when the link has been down for 5 s; only then is there a backlog. */
const OUTAGE_MS = 6_000;
/** Until central has heard the first of the present. */
const FIRST_HEARD_MS = 2_000;
const OUTAGE_MINUTES = 24 * 60;
const HOUR_MS = 3_600_000;
const SAMPLE_MS = 200;
const DRAIN_LIMIT_MS = 1_800_000;

const PIPELINE = `version: 1
metrics:
  temperature:
    unit: °C
    from:
      topic: "factory/{site}/{line}/{machine}/temperature"
      json: { each: $, value: $.temperature, time: { path: $.ts, unit: ms } }
    accumulate: [count, sum, mean, min, max]
    live: true
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site, line] }
`;

/** A day's outage, and how soon it is made up for while the present goes on. */
export const agentBacklog: Bench = {
  name: "agent-backlog",
  summary:
    "how many times faster than real time a day's backlog of 1,000 series drains, and how late live is meanwhile",
  run: ({ isQuick, minutes = OUTAGE_MINUTES, say }) =>
    inBenchFolder(async (folder) => {
      const messagesEach = isQuick ? 3 : Math.ceil((minutes * 60_000) / PANE_MS / READINGS);
      const backlogMs = messagesEach * READINGS * PANE_MS;
      const targets: FloodTarget[] = [];
      const central = await BenchCentral.prepare(join(folder, "central"), { isEncrypted: false });
      try {
        const uplink = { port: central.intakePort, isEncrypted: false };
        const agent = await startAgentBroker(join(folder, "agent"), { pipeline: PIPELINE, uplink });
        const load = { connections: 4, devices: DEVICES, qos: 0 } as const;
        const past = { stepMs: PANE_MS, beginAgoMs: backlogMs + 60_000, readingsPerMessage: READINGS };
        const fill = await FloodTarget.start(agent, { ...load, ...past }, targets);
        say("filling the outbox, the link down");
        await sleep(OUTAGE_MS);
        await fill.run({
          durationMs: DRAIN_LIMIT_MS,
          inFlight: 0,
          perSecond: FILL_MESSAGES_PER_SECOND,
          messagesEach,
        });
        const live = await FloodTarget.start(agent, { ...load, readingsPerMessage: 2, isNow: true }, targets);
        let isOver = false;
        const living = (async () => {
          while (!isOver)
            await live.run({ durationMs: 1_000, inFlight: 0, perSecond: LIVE_MESSAGES_PER_SECOND });
        })();
        // What is open leaves by itself.
        await sleep(11_000);
        const queued = (await agent.status()).lanes["backfill"];
        say("draining");
        await central.start(PIPELINE);
        const { drainMs, lagsMs } = await drain(agent, central);
        isOver = true;
        await living;
        await agent.checkLedger();
        return {
          value: rounded(backlogMs / drainMs),
          unit: "times real time",
          better: "higher",
          peer: { name: "a link that keeps pace and no more", value: 1 },
          further: {
            backlogHours: rounded(backlogMs / HOUR_MS),
            backlogMb: rounded(queued.queuedBytes / 1e6),
            drainSeconds: rounded(drainMs / 1_000),
            megabytesPerSecond: rounded(queued.queuedBytes / 1e3 / drainMs),
            liveLagP50Ms: rounded(percentile(lagsMs, 0.5)),
            liveLagP99Ms: rounded(percentile(lagsMs, 0.99)),
            liveLagMaxMs: rounded(percentile(lagsMs, 1)),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
        await central.stop();
      }
    }),
};

/** Until central holds all of it; meanwhile how far what central has of the present is behind it. */
async function drain(
  agent: AgentBroker,
  central: BenchCentral,
): Promise<{ readonly drainMs: number; readonly lagsMs: readonly number[] }> {
  while ((await agent.status()).link.state !== "up") await sleep(10);
  const startedMs = performance.now();
  const lagsMs: number[] = [];
  for (;;) {
    await sleep(SAMPLE_MS);
    const { watermarkMs } = await central.agent();
    const passedMs = performance.now() - startedMs;
    if (watermarkMs !== null && passedMs > FIRST_HEARD_MS)
      lagsMs.push(Date.now() - OUT_OF_ORDERNESS_MS - watermarkMs);
    if ((await agent.status()).lanes["backfill"].queuedBatches === 0) return { drainMs: passedMs, lagsMs };
    if (passedMs > DRAIN_LIMIT_MS) throw new Error("cannot go on: the backlog does not drain");
  }
}
