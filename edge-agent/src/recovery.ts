import type { Outcome, RuleEngine, RuleEngineState } from "@millrace/detect";
import type { Store } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import type { PaneRows, SeriesWatermarksState } from "@millrace/stream";
import { checkpointKey, numberOfKey, parsePaneKey, PREFIX, prefixRange, readSeries } from "./agent-store.ts";
import { Ledger } from "./ledger.ts";
import type { PaneCheckpoint } from "./pane-checkpoint.ts";
import type { ReadingIntake } from "./reading-intake.ts";
import type { RedoEntry } from "./redo-entry.ts";
import { type CheckpointPart, RedoLog } from "./redo-log.ts";
import { SeriesRegistry } from "./series-registry.ts";

/** Frontiers sent between the last checkpoint and a crash are fewer: the next number is above them all. */
const FRONTIER_NUMBERS_SKIPPED = 1_000_000;

/**
 * Brings the memory back to the last commit: the checkpoint's parts, then the redo log, each part from the entry after
 * which it stands. Everything that was acknowledged is in one of the two.
 */
export class Recovery {
  readonly series: SeriesRegistry;
  readonly redoLog = new RedoLog();
  readonly ledger: Ledger;
  readonly watermarksState: SeriesWatermarksState | undefined;
  readonly rulesState: RuleEngineState | undefined;
  /** Greatest event time known to be stored. */
  readonly durableTimeMs: number | null;
  readonly frontierNumber: number;
  readonly watermarkMs: number | null;
  readonly auditNumber: number;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #entries: readonly { readonly number: number; readonly entry: RedoEntry | undefined }[];

  private constructor(store: Store, log: Logger, read: StoredState) {
    this.#store = store;
    this.#log = log;
    this.#entries = read.entries;
    this.series = read.series;
    this.redoLog = read.redoLog;
    this.ledger = Ledger.parse(read.entries.findLast(({ entry }) => entry !== undefined)?.entry?.ledger);
    this.watermarksState = read.watermarks?.state;
    this.rulesState = read.rules?.state;
    this.frontierNumber = (read.panes?.frontierNumber ?? 0) + FRONTIER_NUMBERS_SKIPPED;
    this.watermarkMs = read.panes?.watermarkMs ?? null;
    this.auditNumber = read.auditNumber;
    this.durableTimeMs = this.#greatestTimeMs();
  }

  static async read(
    store: Store,
    options: { readonly seriesPerMetricMax: number; readonly log: Logger },
  ): Promise<Recovery> {
    const series = new SeriesRegistry(options);
    for (const { metric, labels } of await readSeries(store)) series.restore(metric, labels);
    const panes = await readPart<PanesPart>(store, "panes");
    const watermarks = await readPart<WatermarksPart>(store, "watermarks");
    const rules = await readPart<RulesPart>(store, "rules");
    const redoLog = new RedoLog();
    for (const [part, stored] of [
      ["panes", panes],
      ["watermarks", watermarks],
      ["rules", rules],
    ] as const) {
      if (stored !== undefined) redoLog.checkpointed(part, stored.from);
    }
    const entries: { number: number; entry: RedoEntry | undefined }[] = [];
    for await (const each of redoLog.open(store)) entries.push(each);
    let auditNumber = 0;
    for await (const { key } of store.range({ ...prefixRange(PREFIX.audit), isReverse: true, limit: 1 })) {
      auditNumber = numberOfKey(key);
    }
    return new Recovery(store, options.log, {
      series,
      redoLog,
      panes,
      watermarks,
      rules,
      entries,
      auditNumber,
    });
  }

  /** Puts the checkpointed open panes back. */
  async restorePanes(intake: ReadingIntake, checkpoint: PaneCheckpoint): Promise<void> {
    for await (const { key, value } of this.#store.range(prefixRange(PREFIX.pane))) {
      const { series, startMs } = parsePaneKey(key);
      const definition = this.series.has(series) ? this.series.get(series) : undefined;
      const table = definition === undefined ? undefined : intake.tables.get(definition.metric);
      if (definition === undefined || table === undefined || value.length !== table.layout.stride * 8) {
        this.#log.error("cannot restore a pane: its series or layout is unknown", { series, startMs });
        continue;
      }
      const rows: PaneRows = {
        metric: definition.metric,
        layout: table.layout,
        rowCount: 1,
        series: [definition.labels],
        seriesIndex: Uint32Array.of(0),
        startMs: Float64Array.of(startMs),
        state: new Float64Array(value.slice().buffer),
      };
      table.merge(rows, () => series);
      checkpoint.restored(series, startMs);
    }
  }

  /** Runs the redo log. What the rules still ask for is returned: none of it was acknowledged or sent. */
  replay(intake: ReadingIntake, rules: RuleEngine): readonly Outcome[] {
    const outcomes: Outcome[] = this.rulesState === undefined ? [] : [...rules.restore(this.rulesState)];
    for (const { number, entry } of this.#entries) {
      if (entry === undefined) {
        this.#log.error("a redo entry is damaged: its readings are lost from open panes", { number });
        continue;
      }
      const isAfter = (part: CheckpointPart) => number >= this.redoLog.checkpointOf(part);
      const parts = { panes: isAfter("panes"), watermarks: isAfter("watermarks"), rules: isAfter("rules") };
      for (let index = 0; index < entry.rowCount; index += 1) {
        const row = entry.row(index);
        if (this.series.has(row.series))
          outcomes.push(...intake.replay(row, this.series.get(row.series), parts));
      }
    }
    return outcomes;
  }

  #greatestTimeMs(): number | null {
    let greatestMs = Number.NEGATIVE_INFINITY;
    for (const timeMs of this.watermarksState?.maxTimeMs ?? [])
      greatestMs = Math.max(greatestMs, timeMs ?? greatestMs);
    for (const { entry } of this.#entries) {
      for (let index = 0; entry !== undefined && index < entry.rowCount; index += 1) {
        greatestMs = Math.max(greatestMs, entry.row(index).timeMs);
      }
    }
    return greatestMs === Number.NEGATIVE_INFINITY ? null : greatestMs;
  }
}

interface PanesPart {
  readonly from: number;
  readonly frontierNumber: number;
  readonly watermarkMs: number | null;
}

interface WatermarksPart {
  readonly from: number;
  readonly state: SeriesWatermarksState;
}

interface RulesPart {
  readonly from: number;
  readonly state: RuleEngineState;
}

interface StoredState {
  readonly series: SeriesRegistry;
  readonly redoLog: RedoLog;
  readonly panes: PanesPart | undefined;
  readonly watermarks: WatermarksPart | undefined;
  readonly rules: RulesPart | undefined;
  readonly entries: readonly { readonly number: number; readonly entry: RedoEntry | undefined }[];
  readonly auditNumber: number;
}

async function readPart<Part>(store: Store, part: CheckpointPart): Promise<Part | undefined> {
  const bytes = await store.get(checkpointKey(part));
  if (bytes === undefined) return undefined;
  const stored: Part = JSON.parse(new TextDecoder().decode(bytes));
  return stored;
}
