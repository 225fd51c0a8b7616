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
import { checkpointKey, numberOfKey, PREFIX, prefixRange, readSeries } from "./agent-store.ts";
import { Ledger, type LedgerTotals } from "../ledger.ts";
import type { PaneCheckpoint, PaneEntries } from "../panes/pane-checkpoint.ts";
import type { PaneTables, StoredLayouts } from "../panes/pane-tables.ts";
import type { ReadingIntake } from "../intake/reading-intake.ts";
import { parseRedoEntry } from "./redo-entry.ts";
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
 * which it stands. Everything that was acknowledged is in one of the two. The log is read twice, an entry at a time: what is
 * lost, and how late it is, is known before anything is replayed, and memory does not grow with the log.
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
  readonly #entries: readonly ReadEntry[];
  readonly #paneEntries: PaneEntries | undefined;
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
    this.#paneEntries = panes?.entries;
    this.series = read.series;
    this.redoLog = read.redoLog;
    this.ledger = Ledger.parse(read.ledger);
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
    this.durableTimeMs = read.durableTimeMs;
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
      ({ layouts, former = {}, entries, frontierNumber, watermarkMs }) => {
        if (!Number.isSafeInteger(entries.first) || !Number.isSafeInteger(entries.next)) return false;
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
    const entries: ReadEntry[] = [];
    let ledger: LedgerTotals | undefined;
    let durableTimeMs: number | null = null;
    const watermarksState = watermarks === DAMAGED ? undefined : watermarks?.state;
    for (const timeMs of watermarksState?.maxTimeMs ?? []) durableTimeMs = latest(durableTimeMs, timeMs);
    for await (const { number, entry } of redoLog.open(store, journal.rulesSteps.at(-1)?.from)) {
      entries.push({ number, committedAtMs: entry?.committedAtMs });
      ledger = entry?.ledger ?? ledger;
      for (let index = 0; entry !== undefined && index < entry.rowCount; index += 1)
        durableTimeMs = latest(durableTimeMs, entry.row(index).timeMs);
    }
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
      ledger,
      durableTimeMs,
      auditNumber,
    });
  }

  /** Puts the checkpointed open panes back, each into the table of its layout. */
  async restorePanes(tables: PaneTables, checkpoint: PaneCheckpoint): Promise<void> {
    const damaged = (number: number): void => {
      this.#log.error("open panes are lost: what a checkpoint has changed is damaged", { number });
      this.#hasLostPanes = true;
    };
    for (const { series, startMs, bytes } of await checkpoint.open(this.#store, this.#paneEntries, damaged)) {
      const definition = this.series.has(series) ? this.series.get(series) : undefined;
      const table = definition === undefined ? undefined : tables.at(definition.metric, startMs);
      const isStart = Number.isSafeInteger(startMs) && startMs % (table?.layout.paneMs ?? 1) === 0;
      const state = table !== undefined && isStart ? decodePane(table.layout, bytes) : null;
      if (definition === undefined || table === undefined || state === null) {
        this.#log.error("cannot restore a pane: its series or layout is unknown, or its start is none", {
          series,
          startMs,
        });
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
    }
  }

  /** Runs the redo log. What the rules still ask for is returned: none of it was acknowledged or sent. */
  async replay(intake: Pick<ReadingIntake, "replay">, rules: RuleEngine): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = this.rulesState === undefined ? [] : [...rules.restore(this.rulesState)];
    for (const { number, committedAtMs } of this.#entries) {
      if (committedAtMs !== undefined) continue;
      const isNeeded = number >= this.redoLog.checkpointOf("panes");
      const loses = isNeeded ? "its readings are lost from open panes" : "its keys are lost";
      this.#log.error(`a redo entry is damaged: ${loses}`, { number });
    }
    for await (const { key, value } of this.#store.range(prefixRange(PREFIX.redo))) {
      const number = numberOfKey(key);
      const entry = parseRedoEntry(value);
      if (entry === undefined) continue;
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
    return newest !== undefined && newest.committedAtMs === undefined;
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
    const committedMs = isLocated ? this.#entries[at + 1]?.committedAtMs : undefined;
    const greatestMs = Math.max(committedMs ?? nowMs, this.durableTimeMs ?? Number.NEGATIVE_INFINITY);
    return {
      startMs: isLocated ? Math.max(floorMs, this.watermarkMs - lateMs) : floorMs,
      endMs: Math.floor(greatestMs + maxFutureMs) + 1,
    };
  }

  /** Index of the last damaged entry whose readings were in no checkpoint of panes; -1 where there is none. */
  #lastDamaged(): number {
    const from = this.redoLog.checkpointOf("panes");
    return this.#entries.findLastIndex(
      ({ number, committedAtMs }) => committedAtMs === undefined && number >= from,
    );
  }
}

/** What is kept of a redo entry. */
interface ReadEntry {
  readonly number: number;
  /** Undefined where it is damaged, or not there. */
  readonly committedAtMs: number | undefined;
}

/** The panes' part of the checkpoint. */
export interface PanesPart extends StoredLayouts {
  readonly from: number;
  /** What holds them. */
  readonly entries: PaneEntries;
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
  readonly entries: readonly ReadEntry[];
  /** Of the newest entry that can be read. */
  readonly ledger: LedgerTotals | undefined;
  readonly durableTimeMs: number | null;
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

function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

function isTimeOrNull(value: number | null): boolean {
  return value === null || (typeof value === "number" && Number.isFinite(value));
}
