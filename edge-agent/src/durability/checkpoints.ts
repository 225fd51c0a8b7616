import type { RuleEngine } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { Clock } from "@millrace/runtime";
import type { SeriesWatermarks } from "@millrace/stream";
import { checkpointKey, putJson } from "./agent-store.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { Deduplicator } from "../intake/deduplicator.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { PaneCheckpoint } from "../panes/pane-checkpoint.ts";
import type { PaneEmission } from "../panes/pane-emission.ts";
import type { PaneTables } from "../panes/pane-tables.ts";
import type { PanesPart } from "./recovery.ts";
import { type RedoBuffer, REDO_FLAG } from "./redo-entry.ts";
import type { RedoLog } from "./redo-log.ts";
import type { RulesJournal } from "./rules-journal.ts";

export interface CheckpointsOptions {
  readonly clock: Clock;
  readonly guard: ClockGuard;
  readonly intervalMs: number;
  /** For how long entries of the redo log are kept: their keys count, or their readings. */
  redoKeptMs(): number;
  /** With so many newer rows an entry goes before: its keys are forgotten. */
  redoRowsMax(): number;
  readonly redo: RedoBuffer;
  readonly redoLog: RedoLog;
  readonly tables: PaneTables;
  readonly paneCheckpoint: PaneCheckpoint;
  readonly labelsOf: PaneEmission["labelsOf"];
  readonly outbox: Outbox;
  readonly rules: RuleEngine;
  readonly rulesJournal: RulesJournal;
  readonly watermarks: SeriesWatermarks;
  readonly deduplicator: Deduplicator;
  /** Takes a change for the next commit. */
  push(change: Change): void;
}

/** Rules and watermarks are written this often when nothing happens; the redo log covers the rest. */
const SLOW_INTERVAL_MS = 5_000;

/** Writes the parts of the checkpoint that are due into commits, and trims the redo log behind them. */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #haveLayoutsChanged = false;
  #panesAtMs = Number.NEGATIVE_INFINITY;
  #slowAtMs = Number.NEGATIVE_INFINITY;
  #haveRulesChanged = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** The pipeline is another: all that depends on it goes with the next commit. */
  pipelineChanged(): void {
    this.#haveLayoutsChanged = true;
    this.#haveRulesChanged = true;
  }

  /** Their whole state goes with the next commit; what steps of alarms change always does. */
  rulesChanged(): void {
    this.#haveRulesChanged = true;
  }

  /** Panes left for the outbox: what is open now goes with this commit. */
  panesLeft(): void {
    this.#panesAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Each part names the redo entry that it stands after. */
  collect(changes: Change[]): void {
    const { clock, intervalMs, redoLog, tables, paneCheckpoint, labelsOf, outbox } = this.#options;
    const { rules, rulesJournal, watermarks } = this.#options;
    const nowMs = clock.monotonicMs();
    const from = redoLog.next;
    const arePanesDue = nowMs - this.#panesAtMs >= intervalMs && redoLog.hasGrownSince("panes");
    if (arePanesDue || this.#haveLayoutsChanged) {
      this.#panesAtMs = nowMs;
      this.#haveLayoutsChanged = false;
      const entries = paneCheckpoint.collect(changes, [...tables.all()], labelsOf);
      const { frontierNumber, watermarkMs } = outbox;
      const part: PanesPart = { from, ...tables.stored(), entries, frontierNumber, watermarkMs };
      changes.push(putJson(checkpointKey("panes"), part));
      redoLog.checkpointed("panes", from);
    }
    const isSlowDue = nowMs - this.#slowAtMs >= SLOW_INTERVAL_MS;
    const steps = rules.takeChanges();
    const areRulesDue = rulesJournal.isFull || (isSlowDue && redoLog.hasGrownSince("rules"));
    if (areRulesDue || this.#haveRulesChanged) {
      this.#haveRulesChanged = false;
      changes.push(putJson(checkpointKey("rules"), { from, state: rules.export() }));
      rulesJournal.clear(changes);
      redoLog.checkpointed("rules", from);
    } else if (steps !== null) rulesJournal.append(changes, { from, ...steps });
    if (isSlowDue && redoLog.hasGrownSince("watermarks")) {
      this.#slowAtMs = nowMs;
      changes.push(putJson(checkpointKey("watermarks"), { from, state: watermarks.export() }));
      redoLog.checkpointed("watermarks", from);
      this.#trimRedoLog();
    }
  }

  /** Trims the redo log: entries past the dedupe horizon go, the keys in them that still count are carried on. */
  #trimRedoLog(): void {
    const { guard, redoKeptMs, redoRowsMax, redo, redoLog, deduplicator, push } = this.#options;
    redoLog.trim({
      olderThanMs: guard.nowMs() - redoKeptMs(),
      rowsMax: redoRowsMax(),
      carryKeys: (last) =>
        deduplicator.carry(last, redoLog.next, (series, timeMs, value) =>
          redo.add(series, timeMs, value, REDO_FLAG.hasOwnTime | REDO_FLAG.keyOnly),
        ),
      push,
    });
  }
}
