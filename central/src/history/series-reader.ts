import { setImmediate } from "node:timers/promises";
import { QUERY_PARAMETERS } from "@millrace/config";
import type { Store } from "@millrace/queue";
import { nearestName, orNearest } from "@millrace/runtime";
import { ChunkReader, chunkStartOf, historyFields } from "@millrace/stream";
import type { HistoryChunk, HistoryLevel, TimeRange } from "@millrace/stream";
import { HISTORY_KEYS } from "./history-keys.ts";
import type { SeriesHistory } from "./series-history.ts";
import { gridOf, seriesAdvice } from "./series-advice.ts";
import type { SeriesColumns, SeriesPage, SeriesQuery } from "./series-page.ts";
import { fieldsOf, matchOf, SeriesPoints, SLICE_POINTS } from "./series-points.ts";
import type { StepGrid } from "./series-points.ts";
import { seriesStep } from "./series-step.ts";
import { addStoredPanes, STORED_PANE_BOUNDS } from "./stored-panes.ts";
import type { StoredPaneBounds } from "./stored-panes.ts";
import type { TrackedSeries } from "./tracked-series.ts";

/** What is told where nothing else is asked for; of these what the metric accumulates. */
const VALUES: readonly string[] = ["count", "min", "max", "mean", "sum"];
/** Read and merged at a time: some milliseconds. */
const CHUNKS_READ = 100;
/** Panes in memory that are merged in one turn of the event loop, beside the others of the same start: some milliseconds. */
const PANES_MERGED = 5_000;
/** What is rolled up overtakes a query so often; then it waits for the query. */
const OVERTAKEN_MAX = 2;

/** `too_much`: more than an answer may hold. */
export type SeriesRefusal = {
  readonly reason: "unknown_metric" | "unknown_labels" | "unknown_values" | "too_much" | "bad_request";
  readonly detail: string;
};

/** Answers from the chunks of one level, and from panes for what is not rolled up yet: each pane is in exactly one of the two. */
export class SeriesReader {
  readonly #store: Store;
  readonly #history: SeriesHistory;
  /** Resolves when what is in memory is durable, and runs on before it changes. */
  readonly #durableMoment: () => Promise<void>;
  readonly #bounds: StoredPaneBounds;

  /** @param bounds of panes that have left memory before they were rolled up. */
  constructor(
    store: Store,
    history: SeriesHistory,
    durableMoment: () => Promise<void>,
    bounds: StoredPaneBounds = STORED_PANE_BOUNDS,
  ) {
    this.#store = store;
    this.#history = history;
    this.#durableMoment = durableMoment;
    this.#bounds = bounds;
  }

  async page(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal> {
    const all = this.#history.seriesOf(query.metric);
    if (all.length === 0)
      return {
        reason: "unknown_metric",
        detail: `nothing is kept of metric ${query.metric}; ${orNearest(query.metric, this.#history.metrics)}`,
      };
    const series = seriesFor(query, all);
    if (series === undefined) return { reason: "unknown_labels", detail: labelsDetail(query, all) };
    const { kept, unkept } = divide(query.values ?? VALUES, series);
    if (query.values !== null && unkept.length > 0)
      return { reason: "unknown_values", detail: unkeptDetail(unkept, series) };
    const values = query.values ?? kept;
    if (query.cursor !== null && labelValuesOf(query.cursor).length !== series.by.length)
      return {
        reason: "bad_request",
        detail: "cursor is not that of a page of this metric by these labels: leave it out to begin anew",
      };
    const { wholeFromMs } = series;
    const step = seriesStep(query, series.levels, wholeFromMs);
    const { level, stepMs } = step;
    const grid = gridOf(query, stepMs);
    const groups = groupsFor(query, series);
    const { fromMs, toMs } = query;
    const asked = { fromMs, toMs, levels: series.levels, wholeFromMs, groupCount: groups.length };
    const detail = seriesAdvice(asked, step);
    if (detail !== null) return { reason: "too_much", detail };
    const points = await this.#points({ series, level, grid, groups: new Set(groups), values });
    if ("reason" in points) return points;
    const pendingFromMs = pendingFrom(series, grid);
    return {
      metric: series.metric,
      by: series.by,
      stepMs,
      level: level.name,
      keptFromMs: wholeFromMs[level.name],
      pendingFromMs,
      series: await columnsOf(points, series.by, values),
      cursor: groups.length < query.limit ? null : (groups.at(-1) ?? null),
    };
  }

  async #points(asked: Asked): Promise<Map<string, SeriesPoints> | SeriesRefusal> {
    for (let overtaken = 0; overtaken < OVERTAKEN_MAX; overtaken++) {
      const points = await this.#tryPoints(asked);
      if (points !== null) return points;
    }
    const { series } = asked;
    series.overtakenCount += 1;
    try {
      // At most the block that is at work is rolled up yet.
      for (;;) {
        const points = await this.#tryPoints(asked);
        if (points !== null) return points;
      }
    } finally {
      series.overtakenCount -= 1;
    }
  }

  /** Null: what has been rolled up since may have left the panes: all anew. */
  async #tryPoints(asked: Asked): Promise<Map<string, SeriesPoints> | SeriesRefusal | null> {
    const { rolledToMs } = asked.series;
    const points = await this.#rolled(asked);
    const outcome = await this.#addPanes(asked, points, rolledToMs);
    if (outcome === "overtaken") return null;
    return outcome === "done" ? points : outcome;
  }

  /** What the chunks have. */
  async #rolled(asked: Asked): Promise<Map<string, SeriesPoints>> {
    const { series, level, grid, values: wanted } = asked;
    const fromMs = Math.max(grid.fromMs, series.wholeFromMs[level.name] ?? -Infinity);
    const points = new Map<string, SeriesPoints>();
    let fields = series.view === null ? null : fieldsOf(series.view.layout.accumulators, wanted);
    const chunks = new ChunkReader(level, (from) => (fields ??= fieldsOf(from.accumulators, wanted)));
    for await (const { places, values } of this.#readAhead(this.#chunkPlaces(asked)))
      for (const [index, bytes] of values.entries()) {
        const { group, startMs } = places[index];
        const chunk = bytes === undefined ? null : chunks.read(bytes, startMs);
        if (chunk !== null) addChunk(points, { grid, fromMs, group }, chunk);
      }
    return points;
  }

  /** Where the chunks of the grid stand, as many together as are read at a time. */
  *#chunkPlaces({ series, level, grid, groups }: Asked): Generator<readonly ChunkPlace[]> {
    let places: ChunkPlace[] = [];
    const firstMs = Math.max(chunkStartOf(grid.fromMs, level), series.keptFromMs[level.name] ?? -Infinity);
    for (let startMs = firstMs; startMs < grid.toMs; startMs += level.chunkMs) {
      const keyOf = HISTORY_KEYS.chunksOf({ level: level.number, startMs, series: series.key });
      for (const group of groups) {
        places.push({ key: keyOf(group), group, startMs });
        if (places.length < CHUNKS_READ) continue;
        yield places;
        places = [];
      }
    }
    if (places.length > 0) yield places;
  }

  /** What stands there; the next ones are read while these are looked at. */
  async *#readAhead(all: Iterable<readonly ChunkPlace[]>): AsyncGenerator<ReadChunks> {
    let ahead: {
      readonly places: readonly ChunkPlace[];
      readonly reading: Promise<ReadChunks["values"]>;
    } | null = null;
    for (const places of all) {
      const read = ahead === null ? null : { places: ahead.places, values: await ahead.reading };
      ahead = { places, reading: this.#store.getMany(places.map(({ key }) => key)) };
      if (read !== null) yield read;
    }
    if (ahead !== null) yield { places: ahead.places, values: await ahead.reading };
  }

  /**
   * What is only in panes: those in memory, some at a time, each as it is durable, and those in the store that have left it.
   * `overtaken`: more has been rolled up since.
   */
  async #addPanes(
    asked: Asked,
    points: Map<string, SeriesPoints>,
    rolledToMs: number,
  ): Promise<"done" | "overtaken" | SeriesRefusal> {
    const { series, grid, groups, values } = asked;
    const { view } = series;
    await this.#durableMoment();
    if (series.rolledToMs !== rolledToMs) return "overtaken";
    const fromMs = Math.max(grid.fromMs, rolledToMs, series.sealedToMs);
    if (view === null || fromMs >= grid.toMs) return "done";
    const from = historyFields(view.layout.accumulators);
    const fields = fieldsOf(from.accumulators, values);
    const match = matchOf(fields, from);
    const add = (startMs: number, group: string, state: Float64Array) => {
      let own = points.get(group);
      if (own === undefined) points.set(group, (own = new SeriesPoints(fields, grid)));
      if (startMs >= own.rolledToMs) own.add(startMs, state, 0, match);
    };
    const only = groups.size === 1 ? [...groups][0] : null;
    const gone: TimeRange[] = [];
    for (let atMs = fromMs; ;) {
      const residentFromMs = Math.min(view.residentFromMs, grid.toMs);
      if (residentFromMs > atMs) gone.push({ startMs: atMs, endMs: residentFromMs });
      let [count, lastMs, nextMs] = [0, atMs, grid.toMs];
      for (const { startMs, group, state } of view.panes.between(
        Math.max(atMs, residentFromMs),
        grid.toMs,
        only,
      )) {
        if (count >= PANES_MERGED && startMs > lastMs) {
          nextMs = startMs;
          break;
        }
        count += 1;
        lastMs = startMs;
        if (groups.has(group)) add(startMs, group, state.fields);
      }
      atMs = nextMs;
      if (atMs >= grid.toMs) break;
      await setImmediate();
      await this.#durableMoment();
      if (series.rolledToMs !== rolledToMs) return "overtaken";
    }
    for (const range of gone) {
      const endMs = await addStoredPanes(this.#store, { view, range, groups, bounds: this.#bounds }, add);
      if (series.rolledToMs !== rolledToMs) return "overtaken";
      if (endMs !== null)
        return { reason: "too_much", detail: this.#unrolledAdvice(asked, view.layout.paneMs, range, endMs) };
    }
    return series.rolledToMs === rolledToMs ? "done" : "overtaken";
  }

  /** What to ask for where more panes than are read at once wait to be rolled up; those before `endMs` can be read. */
  #unrolledAdvice({ series, grid, groups }: Asked, paneMs: number, range: TimeRange, endMs: number): string {
    const { keysMax, readMax } = this.#bounds;
    const toMs = Math.floor(endMs / grid.stepMs) * grid.stepMs;
    const groupsMax = Math.floor((keysMax * paneMs) / (range.endMs - range.startMs));
    const ways = [
      ...(toMs > grid.fromMs ? [`to=${new Date(toMs).toISOString()}`] : []),
      ...(groupsMax > 0 && groupsMax < groups.size
        ? [`limit=${groupsMax} and, with cursor, the pages that follow`]
        : []),
      "the same again once it is rolled up",
    ];
    return `what came of ${series.metric} since ${new Date(range.startMs).toISOString()} is not rolled up yet, and more than the ${readMax} panes that are read for an answer: ask for ${ways.join(", or for ")}`;
  }
}

interface ChunkPlace {
  readonly key: Uint8Array;
  readonly group: string;
  readonly startMs: number;
}

interface ReadChunks {
  readonly places: readonly ChunkPlace[];
  /** Of each place, in order; undefined: there is none. */
  readonly values: readonly (Uint8Array | undefined)[];
}

interface Asked {
  readonly series: TrackedSeries;
  readonly level: HistoryLevel;
  readonly grid: StepGrid;
  readonly groups: ReadonlySet<string>;
  readonly values: readonly string[];
}

function addChunk(
  points: Map<string, SeriesPoints>,
  { grid, fromMs, group }: { readonly grid: StepGrid; readonly fromMs: number; readonly group: string },
  { rows, rolledToMs }: HistoryChunk,
): void {
  let own = points.get(group);
  if (own === undefined) points.set(group, (own = new SeriesPoints(rows.fields, grid)));
  own.rolledToMs = Math.max(own.rolledToMs, rolledToMs);
  own.addAll(rows, fromMs);
}

/** The series with the labels asked for, or with the fewest that have those of the group. */
function seriesFor({ by, group }: SeriesQuery, all: readonly TrackedSeries[]): TrackedSeries | undefined {
  const names = Object.keys(group);
  const fitting = all.filter((series) => names.every((name) => series.by.includes(name)));
  if (by === null) return fitting.toSorted((a, b) => a.by.length - b.by.length)[0];
  return fitting.find(
    (series) => series.by.length === by.length && by.every((name) => series.by.includes(name)),
  );
}

/** The groups of a page, in order. */
function groupsFor({ group, cursor, limit }: SeriesQuery, { by, groups }: TrackedSeries): string[] {
  const wanted = Object.entries(group).map(([name, value]) => ({ at: by.indexOf(name), value }));
  // What has not even these letters need not be parsed.
  const letters = wanted.map(({ value }) => JSON.stringify(value));
  const found: string[] = [];
  for (const each of groups.keys()) {
    if (cursor !== null && each <= cursor) continue;
    if (!letters.every((value) => each.includes(value))) continue;
    const values = wanted.length === 0 ? [] : labelValuesOf(each);
    if (wanted.every(({ at, value }) => values[at] === value)) found.push(each);
  }
  return found.sort().slice(0, limit);
}

/** In the order of the series' labels. */
function labelValuesOf(group: string): readonly string[] {
  return JSON.parse(group);
}

function labelsDetail({ metric, group, by }: SeriesQuery, all: readonly TrackedSeries[]): string {
  const kept = `${metric} is kept by: ${all.map((series) => series.by.join(",") || "(none)").join("; ")}`;
  const known = [...new Set(all.flatMap((series) => series.by))];
  const unknown = [...Object.keys(group), ...(by ?? [])].find((name) => !known.includes(name));
  if (unknown === undefined) return kept;
  const nearest = nearestName(unknown, [...known, ...QUERY_PARAMETERS["/api/v1/series"]]);
  return `${kept}; ${unknown} is none of these labels${nearest === undefined ? "" : `: did you mean ${nearest}?`}`;
}

/** Which of these the series may have; all where nobody knows any more what it had. */
function divide(values: readonly string[], series: TrackedSeries) {
  const all = keptValues(series) ?? values;
  const kept = values.filter((value) => all.includes(value));
  return { kept, unkept: values.filter((value) => !all.includes(value)) };
}

/** Null: nobody knows any more. */
function keptValues({ view }: TrackedSeries): readonly string[] | null {
  if (view === null) return null;
  const { accumulators } = historyFields(view.layout.accumulators);
  const kept = [...new Set(accumulators.flatMap(({ results }) => results))];
  if (kept.includes("sum") && !kept.includes("mean")) kept.push("mean");
  return kept;
}

function unkeptDetail(unkept: readonly string[], series: TrackedSeries): string {
  const { metric } = series;
  const kept = keptValues(series) ?? [];
  return `the history keeps no ${unkept.join(", ")} of ${metric}; it keeps ${kept.join(", ")}. Quantiles, distinct values and the most frequent ones are told by windows only, of metrics that accumulate them`;
}

/** The start of the first block of the range of which a change is not rolled up, though the block is. */
function pendingFrom(series: TrackedSeries, { fromMs, toMs }: StepGrid): number | null {
  let pendingFromMs = Infinity;
  for (const blockMs of series.dirty.keys())
    if (blockMs < series.rolledToMs && blockMs + series.blockMs > fromMs && blockMs < toMs)
      pendingFromMs = Math.min(pendingFromMs, blockMs);
  return pendingFromMs === Infinity ? null : pendingFromMs;
}

async function columnsOf(
  points: ReadonlyMap<string, SeriesPoints>,
  by: readonly string[],
  values: readonly string[],
): Promise<SeriesColumns[]> {
  const columns: SeriesColumns[] = [];
  let size = 0;
  for (const [group, own] of [...points].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const labelValues = labelValuesOf(group);
    const labels = Object.fromEntries(by.map((name, index) => [name, labelValues[index] ?? ""]));
    // Many small ones take as long as a great one.
    size += own.size;
    if (size >= SLICE_POINTS) {
      size = 0;
      await setImmediate();
    }
    const each = await own.columns(labels, values);
    if (each !== null) columns.push(each);
  }
  return columns;
}
