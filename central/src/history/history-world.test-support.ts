import type { CentralConfig } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import { Membership, paneLayout, PaneTable, WindowEngine } from "@millrace/stream";
import type { Labels, MetricSpec, PaneRows, WindowSpec } from "@millrace/stream";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { loadEngineKeys, makeLongPanes, movePanes, readEngineRange } from "../store/engine-entries.ts";
import { SeriesHistory } from "./series-history.ts";
import type { RollBounds } from "./series-history.ts";
import type { SeriesPage, SeriesQuery } from "./series-page.ts";
import { SeriesReader } from "./series-reader.ts";

export const START_MS = 1_700_006_400_000;
const DAY_MS = 86_400_000;

export interface Reading {
  readonly timeMs: number;
  readonly value: number;
  readonly labels: Labels;
  /** `t` where it is left out. */
  readonly metric?: string;
}

export const UNLIMITED: CentralConfig["history"] = {
  "1s": { retainMs: 4_000 * DAY_MS, bytesMax: 2 ** 40 },
  "10s": { retainMs: 4_000 * DAY_MS, bytesMax: 2 ** 40 },
  "1m": { retainMs: 4_000 * DAY_MS, bytesMax: 2 ** 40 },
  "1h": { retainMs: 4_000 * DAY_MS, bytesMax: 2 ** 40 },
  "1d": { retainMs: 4_000 * DAY_MS, bytesMax: 2 ** 40 },
};

export interface WorldOptions {
  /** Of `t`, which agents tell, and of others, each of a stream of its own name. */
  readonly windows: readonly WindowSpec[];
  readonly accumulate?: readonly string[];
  readonly limits?: CentralConfig["history"];
  readonly bounds?: RollBounds;
}

/** An engine and its history on a store in memory, called as central calls them, that can lose power at any point. */
export class HistoryWorld {
  /** Readings that windows have taken, durably. */
  readonly taken: Reading[] = [];
  store = new MemoryStore({});
  nowMs = START_MS;
  /** How much the clock is wrong by which blocks are over. */
  clockAheadMs = 0;
  history: SeriesHistory;
  #engine: WindowEngine;
  #windows: readonly WindowSpec[];
  readonly #options: WorldOptions;
  /** By stream. */
  readonly #streamTimes = new Map<string, number>();
  #accumulate: readonly string[];
  #uncommitted: Reading[] = [];

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.#windows = options.windows;
    this.#accumulate = options.accumulate ?? ["sum", "mean", "min", "max"];
    this.#engine = this.#newEngine();
    this.history = new SeriesHistory(this.store, options.limits ?? UNLIMITED, options.bounds);
  }

  static async open(options: WorldOptions): Promise<HistoryWorld> {
    const world = new HistoryWorld(options);
    await world.#restore();
    return world;
  }

  /** What the metric accumulates from the next start on. */
  accumulate(accumulate: readonly string[]): void {
    this.#accumulate = accumulate;
  }

  get view() {
    return [...this.#engine.views][0];
  }

  /** A stream of records has got so far. */
  passStream(stream: string, timeMs: number): void {
    this.#streamTimes.set(stream, timeMs);
    this.#engine.setStreamTime(stream, timeMs);
  }

  /** Hands over readings, in one batch each. */
  async take(readings: readonly Reading[]): Promise<void> {
    for (const reading of readings) {
      const rows = this.#rows(reading);
      await loadEngineKeys(this.store, this.#engine, this.#engine.needs(rows));
      if (this.#engine.apply(rows, this.nowMs).merged > 0) this.#uncommitted.push(reading);
    }
  }

  /** One tick with its commit; `crash_before` and `crash_after` lose power then, and start anew. */
  async turn(fate: "done" | "crash_before" | "crash_after" = "done"): Promise<void> {
    const engine = this.#engine;
    for (const range of engine.dueRanges(this.nowMs))
      engine.loadRange(range, await readEngineRange(this.store, range));
    await loadEngineKeys(this.store, engine, engine.dueKeys(this.nowMs));
    engine.tick(this.nowMs);
    const changes: Change[] = engine
      .takeChanges()
      .map(({ key, bytes }) =>
        bytes === null
          ? { type: "del", key: CENTRAL_KEYS.engine(key) }
          : { type: "put", key: CENTRAL_KEYS.engine(key), value: bytes },
      );
    changes.push(
      ...(await this.history.takeChanges({ monotonicMs: this.nowMs, isRolling: true, trimAtMs: this.nowMs })),
    );
    if (fate !== "crash_before") {
      await this.store.commit(changes, { isSync: true });
      this.taken.push(...this.#uncommitted);
    }
    this.#uncommitted = [];
    if (fate !== "done") return this.restart();
    this.history.durable();
    this.history.work(this.nowMs + this.clockAheadMs, this.nowMs, (error) => {
      throw error;
    });
    await this.history.close();
  }

  /** Time passes, a turn every so often. */
  async pass(durationMs: number, stepMs = 5_000): Promise<void> {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs;) {
      this.nowMs += stepMs;
      await this.turn();
    }
  }

  /** Until nothing is left to roll up. */
  async settle(): Promise<void> {
    await this.pass(480_000, 60_000);
    for (let left = 10_000; left > 0 && this.history.counts(this.nowMs).dirtyBlocks > 0; left--)
      await this.pass(6_000, 6_000);
  }

  /** With these windows from now on. */
  async restart(windows = this.#windows): Promise<void> {
    await this.history.close();
    this.store = this.store.crash();
    this.#windows = windows;
    this.#engine = this.#newEngine();
    this.history = new SeriesHistory(this.store, this.#options.limits ?? UNLIMITED, this.#options.bounds);
    await this.#restore();
  }

  /** A start with these windows loses power as soon as panes have been brought into their sizes. */
  async breakOff(windows: readonly WindowSpec[]): Promise<void> {
    await this.history.close();
    this.store = this.store.crash();
    const before = this.#windows;
    this.#windows = windows;
    await movePanes(this.store, this.#newEngine());
    this.#windows = before;
  }

  /** As in the store of an earlier build nobody knows which views were there. */
  async forgetWindows(): Promise<void> {
    const range = { from: CENTRAL_KEYS.engine("v|"), to: CENTRAL_KEYS.engine("v}") };
    for await (const { key } of this.store.range(range))
      await this.store.commit([{ type: "del", key }], { isSync: true });
  }

  async page(query: Partial<SeriesQuery> = {}): Promise<SeriesPage> {
    const reader = new SeriesReader(this.store, this.history, async () => {});
    const page = await reader.page({
      metric: "t",
      by: null,
      group: {},
      fromMs: START_MS - DAY_MS,
      toMs: START_MS + DAY_MS,
      stepMs: null,
      maxPoints: 1_000,
      values: null,
      limit: 1_000,
      cursor: null,
      ...query,
    });
    if ("reason" in page) throw new Error(`${page.reason}: ${page.detail}`);
    return page;
  }

  async #restore(): Promise<void> {
    const engine = this.#engine;
    await movePanes(this.store, engine);
    await makeLongPanes(this.store, engine);
    const entries = [];
    for (const range of engine.restoreRanges()) entries.push(...(await readEngineRange(this.store, range)));
    await loadEngineKeys(this.store, engine, engine.restore(entries));
    engine.setMembership(new Membership());
    await this.history.restore(engine.views, this.nowMs);
  }

  #newEngine(): WindowEngine {
    const windows = this.#windows;
    const names = [...new Set(windows.map(({ metric }) => metric))];
    const metrics = names.map((name): MetricSpec => {
      const metric = { name, unit: "", accumulate: this.#accumulate, isLive: true };
      return name === "t" ? metric : { ...metric, stream: name };
    });
    const engine = new WindowEngine({ windows, metrics });
    for (const name of names)
      if (name !== "t") engine.setStreamTime(name, this.#streamTimes.get(name) ?? -Infinity);
    return engine;
  }

  #rows({ timeMs, value, labels, metric = "t" }: Reading): PaneRows {
    const paneMs = [...this.#engine.views].find((view) => view.metric === metric)?.layout.paneMs;
    const table = new PaneTable(metric, paneLayout(paneMs ?? 1_000, this.#accumulate), { rowsMax: 10 });
    table.add(0, timeMs, value);
    return table.take(() => labels);
  }
}
