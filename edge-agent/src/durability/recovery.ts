import { afterChanges, type Outcome, RuleEngine, type RuleEngineState } from "@millrace/detect";
import type { Store } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import {
  decodePane,
  paneLayout,
  type PaneRows,
  readingCount,
  type SeriesWatermarksState,
  type TimeRange,
} from "@millrace/stream";
import { checkpointKey, numberOfKey, parsePaneKey, PREFIX, prefixRange, readSeries } from "./agent-store.ts";
import { Ledger } from "../ledger.ts";
import type { PaneCheckpoint } from "../panes/pane-checkpoint.ts";
import type { PaneTables, StoredLayouts } from "../panes/pane-tables.ts";
import type { ReadingIntake } from "../intake/reading-intake.ts";
import type { RedoEntry } from "./redo-entry.ts";
import { type CheckpointPart, RedoLog } from "./redo-log.ts";
import { RulesJournal, type RulesStep } from "./rules-journal.ts";
import { SeriesRegistry } from "../intake/series-registry.ts";

/** Frontiers sent between the last checkpoint and a crash are fewer: the next number is above them all. */
const FRONTIER_NUMBERS_SKIPPED = 10_000_000;
/** Above every number that a store could have sent. */
const FRONTIER_NUMBER_UNKNOWN = 2 ** 40;
/** No pane has more: what says so is damaged. */
const PANE_READINGS_MAX = 2 ** 32;
/** A part of the checkpoint that is there and cannot be read. */
const DAMAGED = Symbol("damaged");

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
  readonly rulesJournal: RulesJournal;
  /** Greatest event time known to be stored. */
  readonly durableTimeMs: number | null;
  readonly frontierNumber: number;
  readonly watermarkMs: number | null;
  readonly auditNumber: number;
  /** Of the panes that are stored; undefined where nothing tells. */
  readonly layouts: StoredLayouts | undefined;
  readonly #store: Store;
  readonly #log: Logger;
  /** By series: its rules stand after the redo entries before this one. Those that are not here, where the checkpoint says. */
  readonly #rulesFrom = new Map<number, number>();
  readonly #entries: readonly { readonly number: number; readonly entry: RedoEntry | undefined }[];
  /** Something that is not there any more, and nothing tells what it was. */
  readonly #hasLostUnseen: boolean;
  /** Some of the checkpoint's open panes, or their redo log, could not be read at all. */
  #hasLostPanes: boolean;

  private constructor(store: Store, log: Logger, read: StoredState) {
    this.#store = store;
    this.#log = log;
    this.#entries = read.entries;
    const panes = read.panes === DAMAGED ? undefined : read.panes;
    this.#hasLostUnseen = read.hasLostCommits;
    this.#hasLostPanes = read.panes === DAMAGED || read.hasLostCommits || read.hasLostSeries;
    this.layouts = panes;
    this.series = read.series;
    this.redoLog = read.redoLog;
    this.ledger = Ledger.parse(read.entries.findLast(({ entry }) => entry !== undefined)?.entry?.ledger);
    this.watermarksState = read.watermarks === DAMAGED ? undefined : read.watermarks?.state;
    this.rulesState = read.rulesState;
    this.rulesJournal = read.rulesJournal;
    for (const { from, series } of read.rulesSteps) {
      for (const { input, labels } of series) {
        const index = this.series.find(input, labels)?.index;
        if (index !== undefined) this.#rulesFrom.set(index, from);
      }
    }
    this.frontierNumber =
      read.panes === DAMAGED || (panes === undefined && read.hasLostCommits)
        ? FRONTIER_NUMBER_UNKNOWN
        : (panes?.frontierNumber ?? 0) + FRONTIER_NUMBERS_SKIPPED;
    this.watermarkMs = panes?.watermarkMs ?? null;
    this.auditNumber = read.auditNumber;
    this.durableTimeMs = this.#greatestTimeMs();
  }

  static async read(
    store: Store,
    options: {
      readonly seriesPerMetricMax: number;
      readonly hasLostCommits: boolean;
      readonly ruleEngine: ConstructorParameters<typeof RuleEngine>[0];
      readonly log: Logger;
    },
  ): Promise<Recovery> {
    const series = new SeriesRegistry(options);
    let hasLostSeries = false;
    for (const { index, definition } of await readSeries(store)) {
      series.restore(index, definition);
      if (definition !== undefined) continue;
      hasLostSeries = true;
      options.log.error("the definition of a series is damaged: what is open of it is lost", { index });
    }
    const panes = await readPart<PanesPart>(
      store,
      "panes",
      options.log,
      ({ layouts, former = {}, frontierNumber, watermarkMs }) => {
        if (!Number.isSafeInteger(frontierNumber) || !isTimeOrNull(watermarkMs)) return false;
        const all = Object.values(former).flat();
        if (!all.every(({ untilMs }) => isTimeOrNull(untilMs))) return false;
        return [...Object.values(layouts), ...all].every(
          ({ paneMs, names }) => paneLayout(paneMs, names).paneMs > 0,
        );
      },
    );
    const watermarks = await readPart<WatermarksPart>(store, "watermarks", options.log, ({ state }) => {
      const columns = [state.maxTimeMs, state.arrivedAtMs, state.intervalMs];
      return isTimeOrNull(state.watermarkMs) && columns.every((column) => column.every(isTimeOrNull));
    });
    const rules = await readPart<RulesPart>(store, "rules", options.log, ({ state }) => {
      new RuleEngine(options.ruleEngine).restore(state);
      return true;
    });
    const journal = await readJournal(store, {
      state: rules === DAMAGED ? undefined : rules?.state,
      isSound: (state) => void new RuleEngine(options.ruleEngine).restore(state),
      log: options.log,
    });
    const redoLog = new RedoLog();
    for (const [part, stored] of [
      ["panes", panes],
      ["watermarks", watermarks],
      ["rules", rules],
    ] as const) {
      if (stored !== undefined && stored !== DAMAGED) redoLog.checkpointed(part, stored.from);
    }
    const entries: { number: number; entry: RedoEntry | undefined }[] = [];
    for await (const each of redoLog.open(store, journal.rulesSteps.at(-1)?.from)) entries.push(each);
    // Replaying what earlier checkpoints have sealed would count it twice; what is lost instead, the ledger shows.
    if (panes === DAMAGED) redoLog.checkpointed("panes", redoLog.next);
    let auditNumber = 0;
    for await (const { key } of store.range({ ...prefixRange(PREFIX.audit), isReverse: true, limit: 1 })) {
      auditNumber = numberOfKey(key);
    }
    return new Recovery(store, options.log, {
      hasLostCommits: options.hasLostCommits,
      hasLostSeries,
      series,
      redoLog,
      panes,
      watermarks,
      ...journal,
      entries,
      auditNumber,
    });
  }

  /** Puts the checkpointed open panes back, each into the table of its layout. */
  async restorePanes(tables: PaneTables, checkpoint: PaneCheckpoint): Promise<void> {
    for await (const { key, value } of this.#store.range(prefixRange(PREFIX.pane))) {
      const { series, startMs } = parsePaneKey(key);
      const definition = this.series.has(series) ? this.series.get(series) : undefined;
      const table = definition === undefined ? undefined : tables.at(definition.metric, startMs);
      const state = table === undefined ? null : decodePane(table.layout, value);
      if (definition === undefined || table === undefined || state === null) {
        this.#log.error("cannot restore a pane: its series or layout is unknown", { series, startMs });
        this.#hasLostPanes = true;
        continue;
      }
      const rows: PaneRows = {
        metric: definition.metric,
        layout: table.layout,
        rowCount: 1,
        series: [definition.labels],
        seriesIndex: Uint32Array.of(0),
        startMs: Float64Array.of(startMs),
        state: state.fields,
        sketches: state.sketches.map((sketch) => [sketch]),
      };
      const count = readingCount(rows);
      if (!Number.isSafeInteger(count) || count < 0 || count > PANE_READINGS_MAX) {
        this.#log.error("cannot restore a pane: its bytes are damaged", { series, startMs });
        this.#hasLostPanes = true;
        continue;
      }
      table.merge(rows, () => series);
      checkpoint.restored(series, startMs);
    }
  }

  /** Runs the redo log. What the rules still ask for is returned: none of it was acknowledged or sent. */
  replay(intake: ReadingIntake, rules: RuleEngine): readonly Outcome[] {
    const outcomes: Outcome[] = this.rulesState === undefined ? [] : [...rules.restore(this.rulesState)];
    for (const { number, entry } of this.#entries) {
      if (entry === undefined) {
        const isNeeded = number >= this.redoLog.checkpointOf("panes");
        const loses = isNeeded ? "its readings are lost from open panes" : "its keys are lost";
        this.#log.error(`a redo entry is damaged: ${loses}`, { number });
        continue;
      }
      const isAfter = (part: CheckpointPart) => number >= this.redoLog.checkpointOf(part);
      const parts = { panes: isAfter("panes"), watermarks: isAfter("watermarks"), rules: isAfter("rules") };
      const partsWithoutRules = { ...parts, rules: false };
      for (let index = 0; index < entry.rowCount; index += 1) {
        const row = entry.row(index);
        if (!this.series.has(row.series)) continue;
        const isJudged = number < (this.#rulesFrom.get(row.series) ?? 0);
        const replayed = { entry: number, parts: isJudged ? partsWithoutRules : parts };
        for (const outcome of intake.replay(row, this.series.get(row.series), replayed))
          outcomes.push(outcome);
      }
    }
    return outcomes;
  }

  /** The ledger may be older than what the store holds: the newest entry, with the ledger after it, is damaged or gone. */
  get isLedgerOld(): boolean {
    return this.#hasLostUnseen || this.#isNewestDamaged;
  }

  /** How many readings were lost, nothing tells: the newest entry is damaged, with no checkpoint after it, or commits are gone. */
  get hasLostUncounted(): boolean {
    return this.#hasLostUnseen || (this.#isNewestDamaged && this.#lastDamaged() >= 0);
  }

  get #isNewestDamaged(): boolean {
    const newest = this.#entries.at(-1);
    return newest !== undefined && newest.entry === undefined;
  }

  /**
   * The event time in which readings may lie that damage took from open panes: rather too wide than too narrow. Of damaged
   * redo entries it reaches from `lateMs` before the watermark of the checkpoint that they follow to their commit; of any
   * other damage, over all time that may have been open.
   */
  lostRange(bounds: {
    readonly nowMs: number;
    readonly maxFutureMs: number;
    readonly floorMs: number;
    readonly lateMs: number;
  }): TimeRange {
    const { nowMs, maxFutureMs, floorMs, lateMs } = bounds;
    const at = this.#lastDamaged();
    const isLocated = at >= 0 && !this.#hasLostPanes && this.watermarkMs !== null;
    const committedMs = isLocated ? this.#entries[at + 1]?.entry?.committedAtMs : undefined;
    const greatestMs = Math.max(committedMs ?? nowMs, this.durableTimeMs ?? Number.NEGATIVE_INFINITY);
    return {
      startMs: isLocated ? Math.max(floorMs, this.watermarkMs - lateMs) : floorMs,
      endMs: Math.floor(greatestMs + maxFutureMs) + 1,
    };
  }

  /** Index of the last damaged entry whose readings were in no checkpoint of panes; -1 where there is none. */
  #lastDamaged(): number {
    const from = this.redoLog.checkpointOf("panes");
    return this.#entries.findLastIndex(({ number, entry }) => entry === undefined && number >= from);
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

/** The panes' part of the checkpoint. */
export interface PanesPart extends StoredLayouts {
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

/** The rules' state after the journal. */
interface JournalledRules {
  readonly rulesState: RuleEngineState | undefined;
  readonly rulesJournal: RulesJournal;
  readonly rulesSteps: readonly RulesStep[];
}

interface StoredState extends JournalledRules {
  readonly hasLostSeries: boolean;
  readonly hasLostCommits: boolean;
  readonly series: SeriesRegistry;
  readonly redoLog: RedoLog;
  readonly panes: PanesPart | typeof DAMAGED | undefined;
  readonly watermarks: WatermarksPart | typeof DAMAGED | undefined;
  readonly entries: readonly { readonly number: number; readonly entry: RedoEntry | undefined }[];
  readonly auditNumber: number;
}

async function readPart<Part extends { readonly from: number }>(
  store: Store,
  part: CheckpointPart,
  log: Logger,
  /** May throw, as whatever uses what is not sound would. */
  isSound: (stored: Part) => boolean,
): Promise<Part | typeof DAMAGED | undefined> {
  const bytes = await store.get(checkpointKey(part));
  if (bytes === undefined) return undefined;
  try {
    const stored: Part = JSON.parse(new TextDecoder().decode(bytes));
    if (!Number.isSafeInteger(stored.from) || stored.from < 1 || !isSound(stored))
      throw new Error("not of its form");
    return stored;
  } catch (error) {
    log.error("a part of the checkpoint is damaged", { part, error });
    return DAMAGED;
  }
}

/** `isSound` may throw, as the rules would. */
async function readJournal(
  store: Store,
  options: {
    readonly state: RuleEngineState | undefined;
    readonly log: Logger;
    isSound(state: RuleEngineState): void;
  },
): Promise<JournalledRules> {
  const { state, log, isSound } = options;
  const rulesJournal = new RulesJournal();
  const rulesSteps: RulesStep[] = [];
  for await (const step of rulesJournal.open(store)) {
    if (step !== undefined) rulesSteps.push(step);
    else
      log.error(
        "what steps of alarms have changed is damaged: they stand as before, and their readings are judged anew",
      );
  }
  if (rulesSteps.length === 0) return { rulesState: state, rulesJournal, rulesSteps };
  try {
    const rulesState = afterChanges(state, rulesSteps);
    isSound(rulesState);
    return { rulesState, rulesJournal, rulesSteps };
  } catch (error) {
    log.error("the journal of the rules is damaged: alarms stand as in the checkpoint", { error });
    return { rulesState: state, rulesJournal, rulesSteps: [] };
  }
}

function isTimeOrNull(value: number | null): boolean {
  return value === null || (typeof value === "number" && Number.isFinite(value));
}
