import { type Labels, paneLayout, PaneTable, type PaneRows } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";

export interface PaneTrafficOptions {
  readonly site: string;
  readonly lines: number;
  readonly machinesPerLine: number;
  readonly metric: string;
  readonly paneMs: number;
  /** Panes of each machine. */
  readonly panes: number;
  readonly readingsPerPane: number;
  readonly startMs: number;
  readonly seed: number;
  /** What the metric accumulates; default: count, sum, mean, min and max. */
  readonly accumulate?: readonly string[];
}

/** The panes that an agent takes out of its table: values as sensors write them, with two decimals, drifting slowly. */
export function paneTraffic(options: PaneTrafficOptions): PaneRows {
  const random = new SeededRandom(options.seed, options.metric);
  const layout = paneLayout(options.paneMs, options.accumulate ?? ["count", "sum", "mean", "min", "max"]);
  const table = new PaneTable(options.metric, layout, { rowsMax: 1_000_000 });
  const machineCount = options.lines * options.machinesPerLine;
  const levels = Array.from({ length: machineCount }, () => random.integer(2_000, 7_500));
  const intervalMs = options.paneMs / options.readingsPerPane;
  for (let reading = 0; reading < options.panes * options.readingsPerPane; reading += 1) {
    for (let machine = 0; machine < machineCount; machine += 1) {
      levels[machine] += random.integer(-20, 20);
      table.add(machine, options.startMs + Math.floor(reading * intervalMs), levels[machine] / 100);
    }
  }
  const labels = levels.map((_level, machine): Labels => ({
    site: options.site,
    line: `line-${1 + Math.floor(machine / options.machinesPerLine)}`,
    machine: `machine-${1 + machine}`,
  }));
  return table.take((machine) => labels[machine]);
}
