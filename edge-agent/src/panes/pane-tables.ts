import type { PipelineMetric } from "@millrace/config";
import { gcd, type Labels, type PaneLayout, paneLayout, type PaneRows, PaneTable } from "@millrace/stream";

/** What makes a layout again. */
export type StoredLayout = Pick<PaneLayout, "paneMs" | "names">;

/** A layout that a metric had, as the checkpoint has it. */
export interface StoredFormerLayout extends StoredLayout {
  /** Readings before it still go into panes of this layout; null: all, the metric has no other. */
  readonly untilMs: number | null;
}

/** The layouts of all open panes, by metric. */
export interface StoredLayouts {
  readonly layouts: Readonly<Record<string, StoredLayout>>;
  /** Oldest first; absent in checkpoints of before there were any. */
  readonly former?: Readonly<Record<string, readonly StoredFormerLayout[]>>;
}

interface FormerTable {
  readonly table: PaneTable;
  /** Infinity: all of them, the metric has no other. */
  readonly untilMs: number;
}

/** Layouts of one metric before its present one; beyond it the oldest goes once it is empty, and what is late for it takes the next. */
const FORMER_MAX = 4;
/** As long as late readings usually may come. */
const FORMER_KEPT_MS = 7 * 86_400_000;
/** Two pane sizes whose multiples meet more seldom do not wait for each other. */
const BOUNDARY_MS_MAX = 86_400_000;

/** Open rows of one metric before its panes leave early. */
export const PANE_ROWS_MAX = 200_000;

/**
 * The open panes of all metrics that are in a window. Where a metric's pane size or accumulators change, readings from the
 * next common boundary on go into panes of the new layout; what is older, however late it comes, goes into those of the
 * layout that held then, so that no window has part of its readings in either.
 */
export class PaneTables {
  readonly #rowsMax: number;
  readonly #current = new Map<string, PaneTable>();
  /** Oldest first, by ascending boundary; no metric without any. */
  readonly #former = new Map<string, readonly FormerTable[]>();

  private constructor(rowsMax: number, layouts: ReadonlyMap<string, PaneLayout>) {
    this.#rowsMax = rowsMax;
    for (const [metric, layout] of layouts) this.#current.set(metric, this.#newTable(metric, layout));
  }

  /** `rowsMax`: open panes of each table. */
  static of(metrics: readonly PipelineMetric[], rowsMax: number): PaneTables {
    return new PaneTables(rowsMax, layoutsOf(metrics));
  }

  /** For the panes that an earlier run has left; then `change` says what is measured now. */
  static restore({ layouts, former = {} }: StoredLayouts, rowsMax: number): PaneTables {
    const all = Object.entries(layouts).map(([name, layout]) => [name, toLayout(layout)] as const);
    const tables = new PaneTables(rowsMax, new Map(all));
    for (const [name, stored] of Object.entries(former)) {
      const ofMetric = stored.map((layout) => ({
        table: tables.#newTable(name, toLayout(layout)),
        untilMs: layout.untilMs ?? Infinity,
      }));
      tables.#setFormer(name, ofMetric);
    }
    return tables;
  }

  /** The table of a reading, or of a pane that begins then; undefined where the metric is in no window. */
  at(metric: string, timeMs: number): PaneTable | undefined {
    if (this.#former.size > 0) {
      for (const { table, untilMs } of this.#former.get(metric) ?? []) if (timeMs < untilMs) return table;
    }
    return this.#current.get(metric);
  }

  /** The one table of all these readings. */
  atAll(metric: string, timeMs: Float64Array, count: number): PaneTable | undefined | "several" {
    const former = this.#former.size === 0 ? undefined : this.#former.get(metric);
    for (let at = 0; former !== undefined && at < count; at += 1)
      if (timeMs[at] < former[former.length - 1].untilMs) return "several";
    return this.#current.get(metric);
  }

  /** Of one metric, the oldest layout first. */
  tablesOf(metric: string): readonly PaneTable[] {
    const former = (this.#former.get(metric) ?? []).map(({ table }) => table);
    const current = this.#current.get(metric);
    return current === undefined ? former : [...former, current];
  }

  /** Every metric that has panes, those that the pipeline has no longer too. */
  metrics(): readonly string[] {
    return [...new Set([...this.#current.keys(), ...this.#former.keys()])];
  }

  *all(): Iterable<PaneTable> {
    for (const metric of this.metrics()) yield* this.tablesOf(metric);
  }

  stored(): StoredLayouts {
    const layouts = Object.fromEntries(
      [...this.#current].map(([name, { layout }]) => [name, toStored(layout)]),
    );
    if (this.#former.size === 0) return { layouts };
    const former = [...this.#former].map(([name, tables]) => [
      name,
      tables.map(({ table, untilMs }) => ({
        ...toStored(table.layout),
        untilMs: untilMs === Infinity ? null : untilMs,
      })),
    ]);
    return { layouts, former: Object.fromEntries(former) };
  }

  /**
   * Other metrics, each from its next common boundary after `fromMs` on. What lies beyond that in panes of the layout
   * before, because a wrong clock has put it there, is taken out and returned.
   */
  change(
    metrics: readonly PipelineMetric[],
    fromMs: number,
    labelsOf: (series: number) => Labels,
  ): readonly PaneRows[] {
    const wanted = layoutsOf(metrics);
    const names = new Set(metrics.map(({ name }) => name));
    const beyond: PaneRows[] = [];
    for (const metric of new Set([...this.metrics(), ...wanted.keys()])) {
      this.#end(metric, fromMs, (table) => beyond.push(table.take(labelsOf)));
      const after = wanted.get(metric);
      const current = this.#current.get(metric);
      if (current === undefined || current.layout.key !== after?.key)
        this.#follow(metric, current, after, names.has(metric) ? fromMs : Infinity);
      this.#forget(metric, fromMs);
    }
    for (const { table, untilMs } of [...this.#former.values()].flat())
      beyond.push(table.take(labelsOf, { accept: (_series, startMs) => startMs >= untilMs }));
    return beyond.filter(({ rowCount }) => rowCount > 0);
  }

  /**
   * Layouts that begin after `fromMs` have not begun: the one before them is the present one. What they hold all the same
   * is of a clock that was wrong, and goes to `give`. So boundaries ascend, and only the last one may lie ahead.
   */
  #end(metric: string, fromMs: number, give: (table: PaneTable) => void): void {
    const former = [...(this.#former.get(metric) ?? [])];
    for (let last = former.at(-1); last !== undefined && last.untilMs > fromMs; last = former.at(-1)) {
      const current = this.#current.get(metric);
      if (current !== undefined) give(current);
      this.#current.set(metric, last.table);
      former.pop();
    }
    this.#setFormer(metric, former);
  }

  /** `fromMs`: Infinity where the metric is gone. */
  #follow(
    metric: string,
    before: PaneTable | undefined,
    after: PaneLayout | undefined,
    fromMs: number,
  ): void {
    const former = [...(this.#former.get(metric) ?? [])];
    const last = former.at(-1);
    if (before !== undefined) former.push({ table: before, untilMs: boundary(before.layout, after, fromMs) });
    // After a time in no window: no pane of the new layout begins in one of the last.
    else if (last !== undefined && after !== undefined)
      former[former.length - 1] = { ...last, untilMs: Math.ceil(last.untilMs / after.paneMs) * after.paneMs };
    if (after === undefined) this.#current.delete(metric);
    else this.#current.set(metric, this.#newTable(metric, after));
    this.#setFormer(metric, former);
  }

  /** What holds nothing, and will hardly be given anything; the oldest first, or panes of two layouts would overlap. */
  #forget(metric: string, nowMs: number): void {
    const former = [...(this.#former.get(metric) ?? [])];
    while (former.length > 0 && former[0].table.rowCount === 0) {
      const [{ untilMs }] = former;
      if (former.length <= FORMER_MAX && untilMs !== Infinity && untilMs > nowMs - FORMER_KEPT_MS) break;
      former.shift();
    }
    this.#setFormer(metric, former);
  }

  #setFormer(metric: string, former: readonly FormerTable[]): void {
    if (former.length > 0) this.#former.set(metric, former);
    else this.#former.delete(metric);
  }

  #newTable(metric: string, layout: PaneLayout): PaneTable {
    return new PaneTable(metric, layout, { rowsMax: this.#rowsMax });
  }
}

function layoutsOf(metrics: readonly PipelineMetric[]): ReadonlyMap<string, PaneLayout> {
  return new Map(
    metrics.flatMap(({ name, paneMs, accumulate }) =>
      paneMs === null ? [] : [[name, paneLayout(paneMs, accumulate)] as const],
    ),
  );
}

/** The first multiple of both pane sizes that is not before `fromMs`; Infinity stays. */
function boundary(before: PaneLayout, after: PaneLayout | undefined, fromMs: number): number {
  const afterMs = after?.paneMs ?? before.paneMs;
  const commonMs = (before.paneMs / gcd(before.paneMs, afterMs)) * afterMs;
  const stepMs = commonMs > BOUNDARY_MS_MAX ? afterMs : commonMs;
  return fromMs === Infinity ? Infinity : Math.ceil(fromMs / stepMs) * stepMs;
}

function toLayout({ paneMs, names }: StoredLayout): PaneLayout {
  return paneLayout(paneMs, names);
}

function toStored({ paneMs, names }: PaneLayout): StoredLayout {
  return { paneMs, names };
}
