import type { PipelineMetric } from "@millrace/config";
import { labelsKey, paneLayout, PaneTable } from "@millrace/stream";
import type { Labels, PaneRows } from "@millrace/stream";
import type { RowContribution } from "./kept-row.ts";

const PANES_MAX = 1_000_000;
/** Their own time: what is taken out is looked for where it went when the engine's panes were others. */
const PANE_MS = 1;

/** What the rows of one commit bring to panes, or take out of them. */
export class ContributionPanes {
  /** By metric; those in no window have none. */
  readonly #tables: ReadonlyMap<string, PaneTable>;
  readonly #series = new Map<string, number>();
  readonly #labels: Labels[] = [];

  constructor(metrics: readonly PipelineMetric[]) {
    this.#tables = new Map(
      metrics.flatMap(({ name, paneMs, accumulate }) =>
        paneMs === null
          ? []
          : [[name, new PaneTable(name, paneLayout(PANE_MS, accumulate), { rowsMax: PANES_MAX })] as const],
      ),
    );
  }

  add({ timeMs, measures }: RowContribution): void {
    for (const [metric, { value, labels }] of Object.entries(measures))
      this.#tables.get(metric)?.add(this.#seriesOf(labels), timeMs, value);
  }

  take(): PaneRows[] {
    const tables = [...this.#tables.values()].filter(({ rowCount }) => rowCount > 0);
    const rows = tables.map((table) => table.take((series) => this.#labels[series]));
    this.#series.clear();
    this.#labels.length = 0;
    return rows;
  }

  #seriesOf(labels: Labels): number {
    const key = labelsKey(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#labels.push(labels) - 1;
      this.#series.set(key, series);
    }
    return series;
  }
}
