import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** What a figure was measured on; figures of two machines do not compare. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly platform: string;
  /** Load average of the last minute when the run began: above 0 somebody else was at work too. */
  readonly loadAtStart: number;
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    loadAtStart: loadavg()[0] ?? 0,
  };
}
