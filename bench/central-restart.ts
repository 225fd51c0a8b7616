import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { Child } from "./workload/child.ts";
import { type CentralStart, KeptCentral } from "./workload/kept-central.ts";
import { centralBinary } from "./workload/records-central.ts";
import { fillKeptStore, KEPT_PIPELINE, KEPT_WINDOW } from "./workload/kept-store.ts";

const STORE_OPEN = join(import.meta.dirname, "workload/store-open-process.ts");

/** `BENCH_HISTORY_GIGABYTES=2 npm run bench central-restart`: where ten take too long to write. */
const HISTORY_BYTES = Number(process.env["BENCH_HISTORY_GIGABYTES"] ?? 10) * 1e9;

/** Killed and started again on a store that has become great. */
export const centralRestart: Bench = {
  name: "central-restart",
  summary:
    "seconds from the start of central, killed before, until it is ready, tells windows and has sent a page its snapshot; 10 GB of history and 1 M windows that wait for an agent; beside opening its store alone",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const size = isQuick
        ? { historyBytes: 2e8, openWindows: 50_000, machines: 500 }
        : { historyBytes: HISTORY_BYTES, openWindows: 1_000_000, machines: 2_000 };
      const starts = isQuick ? 3 : 7;
      const { bavail, bsize } = statfsSync(folder);
      if (bavail * bsize < 3 * size.historyBytes)
        throw new Error(`cannot measure: ${folder} has too little room`);
      const program = await centralBinary();
      const central = await KeptCentral.prepare(folder, {
        program,
        pipeline: KEPT_PIPELINE,
        window: KEPT_WINDOW,
      });
      const empty: CentralStart[] = [];
      for (let start = 0; start < starts; start++) {
        empty.push(await central.start());
        // The first commit enrols its agent.
        await (start === 0 ? central.stop() : central.kill());
      }
      say(`filling ${rounded(size.historyBytes / 1e9)} GB and ${size.openWindows} windows`);
      const { bytes } = await fillKeptStore({ path: central.storePath, ...size });
      const ours: CentralStart[] = [];
      const peer: number[] = [];
      let residentBytesMax = 0;
      for (let start = 0; start < starts; start++) {
        ours.push(await central.start());
        say(`start ${start + 1}: ${rounded((ours.at(-1)?.ms ?? NaN) / 1_000)} s`);
        // Ticks and trims of the first moments.
        await new Promise((resolve) => setTimeout(resolve, isQuick ? 500 : 3_000));
        residentBytesMax = Math.max(residentBytesMax, central.residentBytes);
        await central.kill();
        peer.push(await storeOpenMs(central.storePath));
      }
      const seconds = (times: readonly number[]) => rounded(median(times) / 1_000);
      return {
        value: seconds(ours.map(({ ms }) => ms)),
        unit: "s",
        better: "lower",
        peer: { name: "a process that opens the store and does nothing else", value: seconds(peer) },
        further: {
          longestSeconds: rounded(Math.max(...ours.map(({ ms }) => ms)) / 1_000),
          readySeconds: seconds(ours.map(({ readyMs }) => readyMs)),
          cpuSeconds: seconds(ours.map(({ cpuMs }) => cpuMs)),
          emptySeconds: seconds(empty.map(({ ms }) => ms)),
          emptyCpuSeconds: seconds(empty.map(({ cpuMs }) => cpuMs)),
          storeGigabytes: rounded(bytes / 1e9),
          openWindows: size.openWindows,
          residentMegabytesMax: rounded(residentBytesMax / 1e6),
        },
      };
    }),
};

async function storeOpenMs(path: string): Promise<number> {
  const startedMs = performance.now();
  const child = Child.ofModule(STORE_OPEN, [path]);
  await child.ask();
  const ms = performance.now() - startedMs;
  await child.stop();
  return ms;
}
