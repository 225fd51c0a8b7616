import { join } from "node:path";
import { LevelStore } from "@millrace/queue";
import { silentLogger, systemClock, systemRandom, zstdCompression } from "@millrace/runtime";
import type { AlignedWindowSpec } from "@millrace/stream";
import { Central, type CentralOptions } from "../../central/src/central.ts";
import { CENTRAL_STORE_FORMAT } from "../../central/src/state/central-state.ts";

const DAY_MS = 86_400_000;
export const METRIC_NAME = "temperature";

export interface CentralCore {
  readonly central: Central;
  close(): Promise<void>;
}

/** Central's core on a store of this disk, without sockets: agents `agent-0`, … of sites `site-0`, …, panes of a second. */
export async function openCentralCore(
  folder: string,
  options: {
    readonly agentCount: number;
    readonly accumulate: readonly string[];
    /** Each for windows of ten seconds by these labels. */
    readonly windowsBy: readonly (readonly string[])[];
  },
): Promise<CentralCore> {
  const path = join(folder, "store");
  const format = { kind: "central", version: CENTRAL_STORE_FORMAT, pid: process.pid } as const;
  const store = await LevelStore.open({ path, ...format });
  const { agentCount, accumulate, windowsBy } = options;
  const pipeline: CentralOptions["pipeline"] = {
    metrics: [
      {
        name: METRIC_NAME,
        unit: "°C",
        accumulate,
        isLive: true,
        paneMs: 1_000,
        source: { kind: "host", sensor: "cpu" },
      },
    ],
    windows: windowsBy.map((by): AlignedWindowSpec => ({
      name: `temperature_10s_${by.join("_") || "all"}`,
      metric: METRIC_NAME,
      kind: "aligned",
      sizeMs: 10_000,
      slideMs: 10_000,
      offsetMs: 0,
      by,
      latenessMs: DAY_MS,
    })),
  };
  const central = new Central({
    agents: Array.from({ length: agentCount }, (_, number) => ({
      id: `agent-${number}`,
      site: `site-${number}`,
    })),
    pipeline,
    graceMs: 2_000,
    retainMs: DAY_MS,
    evidence: { bytesMax: 2 ** 30, retainMs: DAY_MS, unfinishedMs: DAY_MS },
    silentAfterMs: 600_000,
    store,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    compression: zstdCompression,
  });
  await central.open();
  return {
    central,
    async close() {
      await central.close();
      await store.close();
    },
  };
}
