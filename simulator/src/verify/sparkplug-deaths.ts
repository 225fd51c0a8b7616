import { formatOf } from "../plan/format-of.ts";
import { parsePlan } from "../plan/load-plan.ts";
import type { TruthLine } from "../truth/truth-line.ts";

/**
 * Readings that nobody made: when a Sparkplug node dies, the agent counts one bad reading of now for each of its series. A node dies once
 * for each of its connections, the last time at the run's end. The truth's lines go in in their order.
 */
export class SparkplugDeaths {
  /** By site: of each metric so many series. */
  readonly #series = new Map<string, ReadonlyMap<string, number>>();
  #deathsMax = 0;
  #isRunning = false;

  onLine(line: TruthLine): void {
    if (line.type === "run") {
      // How often a killed process had lost its connections nobody has written down.
      if (this.#isRunning) this.#deathsMax = Infinity;
      this.#isRunning = true;
      if (this.#series.size === 0) this.#onPlan(line.plan, line.seed);
    }
    if (line.type !== "end") return;
    this.#isRunning = false;
    this.#deathsMax += 1 + (line.reconnects ?? 0);
  }

  readingsMax(site: string, windowedMetrics: ReadonlySet<string>): number {
    let count = 0;
    for (const [metric, series] of this.#series.get(site) ?? [])
      if (windowedMetrics.has(metric)) count += series;
    return count === 0 ? 0 : count * this.#deathsMax;
  }

  #onPlan(text: string, seed: number): void {
    const plan = parsePlan(text, "the truth's plan", { seed });
    for (const { site, lines, machinesPerLine } of plan.sites)
      this.#series.set(
        site,
        new Map(
          plan.signals
            .filter(({ metric }) => formatOf(plan, site, metric) === "sparkplug")
            .map(({ metric }) => [metric, lines * machinesPerLine]),
        ),
      );
  }
}
