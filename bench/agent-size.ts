import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { buildBinary } from "../scripts/build/binary.ts";
import { PROGRAMS } from "../scripts/build/programs.ts";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { FloodTarget } from "./workload/flood-target.ts";

const LOAD = { connections: 20, devices: 1_000, readingsPerMessage: 1, qos: 1, isNow: true } as const;
const PER_SECOND = 10_000;
const MB = 1e6;

/** How much memory and disk the single binary takes, under a load that a large gateway has. */
export const agentSize: Bench = {
  name: "agent-size",
  summary: "resident memory of the agent's binary at 1,000 series and 10 k messages/s, and the binary's size",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const source = PROGRAMS.find(({ name }) => name === "millrace-agent");
      if (source === undefined) throw new Error("invariant: the agent is a program");
      say("building the binary");
      const { path, bytes } = await buildBinary(source);
      forgetCached(path);
      const targets: FloodTarget[] = [];
      try {
        const agentBroker = await startAgentBroker(join(folder, "agent"), {
          program: path,
          variables: allocatorOfUnit(),
        });
        const agent = await FloodTarget.start(agentBroker, LOAD, targets);
        const aedes = await FloodTarget.start(await startAedesBroker(), LOAD, targets);
        const round = { inFlight: 0, perSecond: PER_SECOND };
        say("loading");
        await Promise.all([
          agent.run({ ...round, durationMs: isQuick ? 8_000 : 600_000 }),
          aedes.run({ ...round, durationMs: 8_000 }),
        ]);
        for (const target of targets) await target.measure({ ...round, durationMs: 2_000 });
        await agentBroker.checkLedger();
        const residentMb = (target: FloodTarget) => rounded(target.results[0].brokerResidentBytes / MB);
        return {
          value: residentMb(agent),
          unit: "MB resident",
          better: "lower",
          peer: { name: "aedes alone", value: residentMb(aedes) },
          further: {
            ...agent.figures(),
            ...memoryKinds(agentBroker.pid),
            binaryMb: rounded(bytes / MB),
            packedMb: rounded(packedBytes(path, isQuick) / MB),
          },
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};

/**
 * As after a boot. Of a file that was just written Linux caches larger pieces than of one that was read, and maps them whole:
 * 10 to 17 MB more resident, of which the program touches nothing.
 */
function forgetCached(path: string): void {
  if (process.platform !== "linux") return;
  execFileSync("sync", [path]);
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc", "count=0"], { stdio: "ignore" });
}

/** The environment that the systemd unit gives the allocator. */
function allocatorOfUnit(): Record<string, string> {
  const unit = readFileSync(
    join(import.meta.dirname, "../edge-agent/packaging/millrace-agent.service"),
    "utf8",
  );
  return Object.fromEntries(
    [...unit.matchAll(/^Environment=(MALLOC_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** What of the memory is the process's own, and what are pages of the binary that the kernel can drop. */
function memoryKinds(pid: number): Record<string, number> {
  const path = `/proc/${pid}/smaps_rollup`;
  if (!existsSync(path)) return {};
  const text = readFileSync(path, "utf8");
  const mb = (kind: string) =>
    rounded((Number(new RegExp(`^${kind}: +(\\d+)`, "m").exec(text)?.[1]) * 1024) / MB);
  return { anonymousMb: mb("Anonymous"), cleanFileMb: rounded(mb("Private_Clean") + mb("Shared_Clean")) };
}

/** As a package would carry it: xz where there is one, else zstd; quickly, zstd at a low level. */
function packedBytes(path: string, isQuick: boolean): number {
  if (!isQuick) {
    try {
      return execFileSync("xz", ["-6", "-T0", "-c", path], { maxBuffer: 1e9 }).length;
    } catch {
      // No xz here.
    }
  }
  const level = isQuick ? 3 : 19;
  return zstdCompressSync(readFileSync(path), { params: { [constants.ZSTD_c_compressionLevel]: level } })
    .length;
}
