import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A server that was started from here and outlives who started it. */
export interface RunningServer {
  readonly pid: number;
  /** When the process began, in the kernel's ticks: with the number it names the process for good. */
  readonly startTicks: string;
  readonly address: string;
  readonly version: string;
}

/** What runs in this data folder; undefined where nothing does. A process of another program may have its number by now. */
export function runningServer(dataFolder: string): RunningServer | undefined {
  const path = recordPath(dataFolder);
  if (!existsSync(path)) return undefined;
  const recorded: RunningServer = JSON.parse(readFileSync(path, "utf8"));
  try {
    const isOurs =
      startTicks(recorded.pid) === recorded.startTicks &&
      readlinkSync(`/proc/${recorded.pid}/cwd`) === dataFolder;
    return isOurs ? recorded : undefined;
  } catch {
    return undefined;
  }
}

export function recordRunning(dataFolder: string, server: Omit<RunningServer, "startTicks">): void {
  const record: RunningServer = { ...server, startTicks: startTicks(server.pid) };
  writeFileSync(recordPath(dataFolder), JSON.stringify(record));
}

export function forgetRunning(dataFolder: string): void {
  rmSync(recordPath(dataFolder), { force: true });
}

function recordPath(dataFolder: string): string {
  return join(dataFolder, "running.json");
}

/** The 22nd field of `stat` (proc(5)); the second, the program's name, may hold spaces and brackets. */
function startTicks(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z") throw new Error("it has ended");
  return rest[18] ?? "";
}
