import type { PipelineMetric } from "@millrace/config";
import type { WindowSpec } from "@millrace/stream";

/** What the windows of a stream's metrics were grouped by from some start of central on. */
export interface GroupingsRecord {
  readonly number: number;
  /** By metric, each list of labels as JSON, ascending. */
  readonly of: Readonly<Record<string, readonly string[]>>;
}

/** Changes of the pipeline that are told apart within the lateness. */
const KEPT_MAX = 100;

/**
 * Panes that a pipeline has grouped by other labels begin with the records that come then: what a row said before is not in
 * them, and must not be taken out of them.
 */
export class Groupings {
  /** Ascending; the last one is that of now. */
  #kept: readonly GroupingsRecord[];
  #since = new Map<string, ReadonlySet<string>>();

  constructor(metrics: readonly PipelineMetric[], windows: readonly WindowSpec[]) {
    const of = Object.fromEntries(
      metrics.map(({ name }) => {
        const own = windows.filter(({ metric }) => metric === name);
        return [name, [...new Set(own.map(({ by }) => JSON.stringify(by)))].sort()];
      }),
    );
    this.#kept = [{ number: 1, of }];
  }

  /** What was stored comes before what is now. */
  restore(stored: readonly GroupingsRecord[]): void {
    const last = stored.at(-1);
    const [{ of }] = this.#kept;
    if (last === undefined) return;
    const isSame = textOf(last.of) === textOf(of);
    this.#kept = isSame ? stored : [...stored.slice(1 - KEPT_MAX), { number: last.number + 1, of }];
    this.#since.clear();
  }

  export(): readonly GroupingsRecord[] {
    return this.#kept;
  }

  get number(): number {
    return this.#kept.at(-1)?.number ?? 1;
  }

  /** What a metric has been grouped by all the time since then. */
  since(number: number, metric: string): ReadonlySet<string> {
    const key = `${number} ${metric}`;
    let found = this.#since.get(key);
    if (found === undefined) {
      const lists = this.#kept.filter((each) => each.number >= number).map(({ of }) => of[metric] ?? []);
      found = new Set(lists[0]?.filter((by) => lists.every((list) => list.includes(by))));
      this.#since.set(key, found);
    }
    return found;
  }
}

function textOf(of: GroupingsRecord["of"]): string {
  return JSON.stringify(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
}
