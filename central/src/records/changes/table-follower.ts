import type { DebeziumConfig, PipelineMetric } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import type { PaneRows, WindowSpec } from "@millrace/stream";
import { ChangeReader, isNextOfRow, RECORD_HASH_WORDS, rowPosition } from "@millrace/wire";
import type { RecordDecoder, RecordRefusal, RecordSpec, RowChange } from "@millrace/wire";
import { RecordColumnsBuffer } from "../record-columns-buffer.ts";
import { ContributionPanes } from "./contribution-panes.ts";
import { Groupings } from "./groupings.ts";
import type { GroupingsRecord } from "./groupings.ts";
import type { RowContribution } from "./kept-row.ts";
import { RowBook } from "./row-book.ts";
import type { RowBookRecord } from "./row-book.ts";
import { UnchangedColumns } from "./unchanged-columns.ts";

/** What of a followed table survives a restart, beside its rows. */
export interface TableRecord extends RowBookRecord {
  readonly groupings: readonly GroupingsRecord[];
  /** When the latest of its changes was made; absent: nobody has said. */
  readonly madeMs?: number;
}

/** A change event that was read, before anybody has judged it. */
export interface ReadChange {
  readonly change: RowChange;
  /** Of the row; "" where it is of none. */
  readonly id: string;
  /** What the row says now; null: nothing, or it cannot be read. */
  readonly contribution: RowContribution | null;
  /** Why the row cannot be read. */
  readonly refusal: RecordRefusal | null;
}

type Made = Pick<Exclude<RowChange, { kind: "other" }>, "madeMs">;

/** What became of a change, as the ledger of records calls it. */
export type ChangeFate = "aggregated" | "duplicates" | "tooLate" | "setAside" | "noEffect";

export interface ChangeMoment {
  /** What is of an earlier time is in no window any more. */
  readonly finalToMs: number;
  /** See `StageMoment`. */
  readonly takes?: (timeMs: number) => boolean;
  /** The greatest event time that the partition has had, or central's time before the first. */
  readonly latestMs: number;
}

export interface TableFollowerOptions {
  readonly stream: string;
  readonly debezium: DebeziumConfig;
  readonly metrics: readonly PipelineMetric[];
  readonly windows: readonly WindowSpec[];
  readonly spec: RecordSpec;
  readonly decoder: RecordDecoder;
}

/**
 * Follows a table by its change events: what a row said before is taken out of the panes, what it says now is added. Changes of
 * a row count in the order of their place in the database's log, however often and in whatever order they come.
 */
export class TableFollower {
  readonly #reader: ChangeReader;
  readonly #decoder: RecordDecoder;
  readonly #metrics: readonly PipelineMetric[];
  readonly #columns: RecordColumnsBuffer;
  readonly #book: RowBook;
  readonly #unchanged: UnchangedColumns;
  readonly #added: ContributionPanes;
  readonly #groupings: Groupings;
  /** By number of groupings. */
  readonly #retracted = new Map<number, ContributionPanes>();
  /** Rows taken out since the last call of `takeRetractedCount`. */
  #retractedCount = 0;
  /** By the database's clock, the latest of those that counted; null: nobody has said. */
  #madeMs: number | null = null;
  /** Duplicates since the last call of `takeAnewCount` that were made later than all that counted: of a log that has begun anew. */
  #anewCount = 0;

  constructor({ stream, debezium, metrics, windows, spec, decoder }: TableFollowerOptions) {
    this.#reader = new ChangeReader(spec, debezium);
    this.#decoder = decoder;
    this.#metrics = metrics;
    this.#columns = new RecordColumnsBuffer(1, {
      measures: metrics.length,
      sets: decoder.setCount,
      pairs: 0,
    });
    this.#unchanged = new UnchangedColumns(spec.measures);
    this.#book = new RowBook(stream, debezium.rowsMax);
    this.#added = new ContributionPanes(metrics);
    this.#groupings = new Groupings(metrics, windows);
  }

  restore(record: TableRecord): void {
    this.#book.restore(record);
    this.#groupings.restore(record.groupings);
    this.#madeMs = record.madeMs ?? null;
  }

  export(): TableRecord {
    const madeMs = this.#madeMs;
    return {
      ...this.#book.export(),
      groupings: this.#groupings.export(),
      ...(madeMs !== null && { madeMs }),
    };
  }

  get rowCount(): number {
    return this.#book.count;
  }

  get rowsDroppedCount(): number {
    return this.#book.droppedCount;
  }

  /** An event without a place for its row is refused. */
  read(bytes: Uint8Array): ReadChange | RecordRefusal {
    const change = this.#reader.read(bytes);
    if ("reason" in change) return change;
    if (change.kind === "truncation" || change.kind === "other")
      return { change, id: "", contribution: null, refusal: null };
    const timeUnit = change.kind === "row" ? change.timeUnit : null;
    const refusal = this.#decoder.readObject(change.row, timeUnit, this.#columns, 0);
    if (refusal?.reason === "no_id") return refusal;
    const id = this.#idText();
    if (change.kind === "deletion") return { change, id, contribution: null, refusal: null };
    return { change, id, contribution: refusal === null ? this.#contribution() : null, refusal };
  }

  /** To be called before `take` of these. */
  load(store: Store, changes: readonly ReadChange[]): Promise<void> {
    return this.#book.load(
      store,
      changes.flatMap(({ id }) => (id === "" ? [] : [id])),
    );
  }

  /** With what an update left as it was, as far as that is known. To be called right before `take`. */
  completed(read: ReadChange): ReadChange {
    const { change, id } = read;
    if (change.kind !== "row" || change.unchanged.length === 0) return read;
    const { row, timeUnit, unchanged } = change;
    const known = this.#book.get(id)?.contribution ?? null;
    const filled = this.#unchanged.fill(row, unchanged);
    if (known === null || this.#decoder.readObject(filled, timeUnit, this.#columns, 0) !== null) return read;
    const contribution = this.#unchanged.complete(this.#contribution(), unchanged, known);
    return contribution === null ? read : { ...read, contribution, refusal: null };
  }

  take({ change, id, contribution, refusal }: ReadChange, moment: ChangeMoment): ChangeFate | RecordRefusal {
    if (change.kind === "other") return "noEffect";
    const { position } = change;
    if (change.kind === "truncation") {
      if (position === null || this.#book.isOfEmptied(position)) return this.#duplicate(change);
      this.#counted(change);
      this.#book.truncate(position, (gone) => this.#retract(gone, moment.finalToMs));
      return "aggregated";
    }
    const known = this.#book.get(id);
    if (this.#book.isOfEmptied(position) || (known !== null && !isNextOfRow(position, known.position)))
      return this.#duplicate(change);
    this.#counted(change);
    const { finalToMs, takes = () => true } = moment;
    const isLate = contribution !== null && (contribution.timeMs < finalToMs || !takes(contribution.timeMs));
    if (known === null && isLate) return "tooLate";
    if (known === null && contribution !== null && contribution.timeMs < this.#book.floorMs)
      return "setAside";
    const now = isLate ? null : contribution;
    this.#replace(known?.contribution ?? null, now, finalToMs);
    const timeMs = contribution?.timeMs ?? moment.latestMs;
    this.#book.put(id, {
      position: rowPosition(position, known?.position ?? null),
      keptMs: Math.max(known?.keptMs ?? timeMs, timeMs),
      contribution: now,
    });
    if (refusal !== null) return refusal;
    if (isLate) return "tooLate";
    return change.kind === "deletion" && (known?.contribution ?? null) === null ? "noEffect" : "aggregated";
  }

  /** True: something is to be committed. */
  tidy(store: Store, finalToMs: number): Promise<boolean> {
    return this.#book.tidy(store, finalToMs, (gone) => this.#retract(gone, finalToMs));
  }

  takeAdded(): PaneRows[] {
    return this.#added.take();
  }

  /** To be merged after what was added. */
  takeRetracted(): PaneRows[] {
    return [...this.#retracted].flatMap(([number, panes]) =>
      panes.take().map((rows) => ({
        ...rows,
        isRetraction: true,
        groupings: this.#groupings.since(number, rows.metric),
      })),
    );
  }

  takeRetractedCount(): number {
    const count = this.#retractedCount;
    this.#retractedCount = 0;
    return count;
  }

  takeAnewCount(): number {
    const count = this.#anewCount;
    this.#anewCount = 0;
    return count;
  }

  takeChanges(): Change[] {
    return this.#book.takeChanges();
  }

  #counted({ madeMs }: Made): void {
    if (madeMs !== null) this.#madeMs = Math.max(madeMs, this.#madeMs ?? madeMs);
  }

  #duplicate({ madeMs }: Made): "duplicates" {
    if (this.#madeMs !== null && madeMs !== null && madeMs > this.#madeMs) this.#anewCount += 1;
    return "duplicates";
  }

  #replace(before: RowContribution | null, now: RowContribution | null, finalToMs: number): void {
    // One that says the same as before leaves windows, and their revisions, alone.
    if (before !== null && now !== null && JSON.stringify(before) === JSON.stringify(now)) return;
    if (before !== null) this.#retract(before, finalToMs);
    if (now !== null) this.#added.add(now);
  }

  #retract(contribution: RowContribution, finalToMs: number): void {
    if (contribution.timeMs < finalToMs) return;
    const { groupings } = contribution;
    let panes = this.#retracted.get(groupings);
    if (panes === undefined) this.#retracted.set(groupings, (panes = new ContributionPanes(this.#metrics)));
    panes.add(contribution);
    this.#retractedCount += 1;
  }

  #idText(): string {
    const { hashes } = this.#columns;
    let text = "";
    // The last word is of the content.
    for (let word = 0; word < RECORD_HASH_WORDS - 1; word += 1)
      text += (hashes[word] >>> 0).toString(16).padStart(8, "0");
    return text;
  }

  #contribution(): RowContribution {
    const { timeMs, values, series } = this.#columns;
    const measures: Record<string, RowContribution["measures"][string]> = {};
    for (const [measure, { name }] of this.#metrics.entries()) {
      const value = values[measure][0];
      // An optional value that is absent is NaN.
      if (Number.isNaN(value)) continue;
      const set = this.#decoder.setOf[measure];
      measures[name] = { value, labels: this.#decoder.labelsOf(set, series[set][0]) };
    }
    return { timeMs: timeMs[0], groupings: this.#groupings.number, measures };
  }
}
