import type { AlarmEvent } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { IdVerdict } from "@millrace/stream";
import type { RecordDecoder } from "@millrace/wire";
import type { DistinctBook } from "./distinct-book.ts";
import type { RecordColumnsBuffer } from "./record-columns-buffer.ts";
import type { RecordWatchBook } from "./record-watch-book.ts";

/** A block of records that was read and judged. */
export interface RuledBlock {
  readonly rows: number;
  readonly verdicts: readonly IdVerdict[];
  readonly columns: RecordColumnsBuffer;
  readonly bytesOf: (row: number) => Uint8Array;
  /** No record of an earlier time is fresh any more. */
  readonly watermarkMs: number;
  readonly nowMs: number;
}

/** Where the decoder puts what the rules read. */
export interface RuledColumns {
  readonly decoder: RecordDecoder;
  readonly measureOf: (metric: string) => number;
}

/** The rules on the records of one stream: those on single records, and those that count what is new to a key. */
export class RecordRules {
  readonly watches: readonly RecordWatchBook[];
  /** Their pairs are the decoder's, in the same order. */
  readonly distinct: readonly DistinctBook[];

  constructor(stream: string, { watches, distinct }: Pick<RecordRules, "watches" | "distinct">) {
    this.watches = watches.filter(({ rule }) => rule.stream === stream);
    this.distinct = distinct.filter(({ rule }) => rule.stream === stream);
  }

  judges(metric: string): boolean {
    return [...this.watches, ...this.distinct].some(({ rule }) => rule.spec.metric === metric);
  }

  /** Shows them what is fresh of a block. */
  take(block: RuledBlock, { decoder, measureOf }: RuledColumns): void {
    const { rows, verdicts, columns, bytesOf, watermarkMs, nowMs } = block;
    const { timeMs, latestMs, values, series } = columns;
    for (const watch of this.watches) {
      const measure = measureOf(watch.rule.spec.metric);
      const set = decoder.setOf[measure];
      watch.take({
        rows,
        verdicts,
        timeMs,
        latestMs,
        value: values[measure],
        series: series[set],
        labelsOf: (combination) => decoder.labelsOf(set, combination),
        nowMs,
      });
    }
    for (const [pair, book] of this.distinct.entries()) {
      book.take({
        rows,
        verdicts,
        columns,
        pair,
        measure: measureOf(book.rule.spec.metric),
        textsOf: (row) => decoder.pairTextsOf(bytesOf(row), pair),
        nowMs,
      });
      book.forget(watermarkMs, rows);
    }
  }

  /** What time it is in the stream: silence begins by it, and alarms whose time is over end, `outOfOrdernessMs` later. */
  tick(
    timeMs: number,
    { outOfOrdernessMs, nowMs }: { readonly outOfOrdernessMs: number; readonly nowMs: number },
  ): void {
    for (const book of this.distinct) book.end(timeMs - outOfOrdernessMs);
    for (const watch of this.watches) watch.tick(Math.floor(timeMs), nowMs);
  }

  /** Combinations of labels have other numbers from now on. */
  forgetLabels(): void {
    for (const watch of this.watches) watch.forgetLabels();
  }

  takeEvents(): AlarmEvent[] {
    return [...this.distinct, ...this.watches].flatMap((book) => book.takeEvents());
  }

  /** What is to be committed with the positions. */
  *takeChanges(): Iterable<Change> {
    for (const book of [...this.watches, ...this.distinct]) yield* book.takeChanges();
  }
}
