import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import type { Change, Store } from "@millrace/queue";
import { ExpiringIdSet, paneLayout, PaneTable } from "@millrace/stream";
import type { IdVerdict, PaneRows, WindowSpec } from "@millrace/stream";
import { RecordDecoder, RECORD_HASH_WORDS } from "@millrace/wire";
import type { RecordRefusal, RecordSpec } from "@millrace/wire";
import { timeText } from "../ledger/time-text.ts";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { TableFollower } from "./changes/table-follower.ts";
import type { ReadChange, TableRecord } from "./changes/table-follower.ts";
import { IdLog } from "./id-log.ts";
import type { PartitionClock, PartitionRecord } from "./partition-clock.ts";
import { RECORDS_TOLD_MAX } from "./record-batch.ts";
import type { RecordBatch, RecordOutcome, ToldRecord } from "./record-batch.ts";
import { RecordColumnsBuffer } from "./record-columns-buffer.ts";
import { RecordLedger } from "./record-ledger.ts";
import type { RefusedRecord } from "./record-ledger.ts";
import { RecordRules } from "./record-rules.ts";
import type { RecordTotals } from "./record-totals.ts";
import { spanAt } from "./span-at.ts";
import { StreamClock } from "./stream-clock.ts";

/** What of a stream survives a restart, beside its ids. */
export interface StreamRecord {
  readonly stream: string;
  /** Where its partitions are: positions in one place mean nothing in another. */
  readonly source: string;
  readonly partitions: readonly PartitionRecord[];
  /** Where it was read from before, the latest first: should it be read from there again, it goes on where it was. */
  readonly former?: readonly FormerSource[];
  readonly totals: RecordTotals;
  /** What ids are judged by; null before the first. `clearedToMs`: those up to then were cleared (cleared-stream.ts). */
  readonly ids: {
    readonly watermarkMs: number;
    readonly floorMs: number;
    readonly clearedToMs?: number;
  } | null;
  /** Numbers of the entries of ids: the first, and the one that comes next. */
  readonly idsFrom: number;
  /** Of a table that is followed by its changes. */
  readonly table?: TableRecord;
  /** The stream's time at the commit: the greatest event time and what has passed since; null before the first record. */
  readonly timeMs: number | null;
}

type FormerSource = Pick<StreamRecord, "source" | "partitions">;

export interface StageMoment {
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** What is of an earlier time is in no window any more. */
  readonly finalToMs: number;
  /** Whether some window takes what is of a time; absent: all that is not final. */
  readonly takes?: (timeMs: number) => boolean;
}

interface BlockContext {
  readonly clock: PartitionClock;
  readonly moment: StageMoment;
  readonly refuse: (place: number, refusal: RecordRefusal) => void;
  readonly leaveOut: (place: number, reason: LeftOutReason, detail: string) => void;
}

type LeftOutReason = "set_aside" | "too_late";

/** Records that are judged together: few enough that their columns stay in the processor's caches. */
const BLOCK = 2_048;
/** Sources of before that a stream knows its positions of. */
const FORMER_MAX = 16;
/** Of an id: its place in the table at its fullest. */
const ID_BYTES_MAX = 34;
/** How far ahead of the slowest partition ids are still judged: a century, more than a backlog is long. */
const AHEAD_MS = 100 * 365.25 * 86_400_000;
const PANES_MAX = 1_000_000;
const NOTHING = new Uint8Array(0);

/** What of the pipeline a stage may need. */
export interface RecordStageParts {
  readonly metrics: readonly PipelineMetric[];
  /** Of all metrics. */
  readonly windows?: readonly WindowSpec[];
  readonly rules?: Pick<RecordRules, "watches" | "distinct">;
}

/**
 * Takes the records of one stream: reads them, lets each id through once, and adds what is left to panes, whose deltas leave
 * with the commit that also holds the positions and the new ids. Pure: time is an argument, the store is the caller's.
 *
 * A record is refused, set aside, a duplicate, or in every metric that reads it; never in some by mistake.
 */
export class RecordStage {
  readonly stream: string;
  readonly source: string;
  /** Kafka's; null where records are posted. */
  readonly topic: string | null;
  readonly #config: RecordStreamConfig;
  readonly #decoder: RecordDecoder;
  readonly #columns: RecordColumnsBuffer;
  /** Of the record at hand. */
  readonly #span = { source: NOTHING, start: 0, end: 0 };
  /** How what is taken counts. */
  readonly #taken: "aggregated" | "unwindowed";
  /** By measure; null: in no window. */
  readonly #tables: readonly (PaneTable | null)[];
  readonly #ids: ExpiringIdSet;
  readonly #log: IdLog;
  readonly rules: RecordRules;
  /** By metric, in the order of the decoder's measures. */
  readonly #measures: readonly string[];
  /** Null: each record stands for itself. */
  readonly #follower: TableFollower | null;
  /** Of batches whose rows are loaded, by place; null: a tombstone. */
  readonly #changes = new WeakMap<RecordBatch, readonly (ReadChange | RecordRefusal | null)[]>();
  readonly clock: StreamClock;
  #former: readonly FormerSource[] = [];
  readonly #verdicts: IdVerdict[] = [];
  /** By row of a block: its place in the batch. */
  readonly #places = new Int32Array(BLOCK);
  readonly #ledger = new RecordLedger();
  #idsWatermarkMs = -Infinity;
  #isDirty = false;
  /** Records of the future since the last one of now. */
  futureInRow = 0;
  /** Changes of the last batch that are later than all before, and stand where the database's log had been. */
  anewCount = 0;
  /** Set aside by the last batch though within the horizon: their ids were forgotten early, since there were too many. */
  crowdedOutCount = 0;
  /** The latest time of what was too late in the last batch. */
  latestLateMs = -Infinity;

  constructor(
    config: RecordStreamConfig,
    { metrics, windows = [], rules = { watches: [], distinct: [] } }: RecordStageParts,
  ) {
    const { name, kafka, debezium, dedupeHorizonMs: horizonMs, dedupeIdsMax: idsMax } = config;
    this.stream = name;
    this.topic = kafka?.topic ?? null;
    this.source = kafka === null ? "http" : `kafka ${kafka.topic}`;
    this.#config = config;
    this.clock = new StreamClock(config);
    this.rules = new RecordRules(name, rules);
    const all = metrics.filter(({ source }) => source.kind === "records" && source.stream === name);
    // What nothing comes of is not read: its value could only refuse the record.
    const own = all.filter(({ paneMs, name: metric }) => paneMs !== null || this.rules.judges(metric));
    this.#measures = own.map((metric) => metric.name);
    const { id, time } = sourceOf(all);
    const spec = specOf(
      own,
      { id, time: { ...time, timeZone: debezium?.timeZone ?? time.timeZone } },
      this.rules.distinct,
    );
    this.#decoder = new RecordDecoder(spec);
    this.#columns = new RecordColumnsBuffer(BLOCK, {
      measures: own.length,
      sets: this.#decoder.setCount,
      pairs: this.rules.distinct.length,
    });
    this.#tables = own.map((metric) =>
      metric.paneMs === null
        ? null
        : new PaneTable(metric.name, paneLayout(metric.paneMs, metric.accumulate), { rowsMax: PANES_MAX }),
    );
    this.#taken = own.some(({ paneMs }) => paneMs !== null) ? "aggregated" : "unwindowed";
    this.#ids = new ExpiringIdSet({
      horizonMs,
      aheadMs: AHEAD_MS,
      idsMax,
      bytesMax: Math.max(idsMax * ID_BYTES_MAX, 65_536),
      hasContent: true,
    });
    this.#log = new IdLog({ words: RECORD_HASH_WORDS, keyOf: (number) => CENTRAL_KEYS.ids(name, number) });
    this.#follower =
      debezium === undefined
        ? null
        : new TableFollower({
            stream: name,
            debezium,
            metrics: own,
            windows,
            spec,
            decoder: this.#decoder,
          });
  }

  /** Goes on where the store left off, before anything else. `ids`: its entries from `idsFrom` on, ascending. */
  async restore(
    record: StreamRecord,
    ids: AsyncIterable<{ readonly number: number; readonly bytes: Uint8Array }>,
    monotonicMs: number,
  ): Promise<void> {
    this.#ledger.restore(record.totals);
    const sources = [record, ...(record.former ?? [])];
    const own = sources.find(({ source }) => source === this.source);
    this.#former = sources
      .filter((each) => each !== own)
      .slice(0, FORMER_MAX)
      .map(({ source, partitions }) => ({ source, partitions }));
    this.clock.restore(own?.partitions ?? [], record.timeMs, monotonicMs);
    if (record.table !== undefined) this.#follower?.restore(record.table);
    this.#log.begin(record.idsFrom);
    if (record.ids === null) return;
    const { watermarkMs, floorMs, clearedToMs } = record.ids;
    this.#ids.begin(watermarkMs, floorMs, clearedToMs);
    this.#idsWatermarkMs = watermarkMs;
    for await (const { number, bytes } of ids) {
      const { hashes, timesMs, count } = this.#log.restore(number, bytes);
      this.#ids.remember(hashes, timesMs, count);
    }
  }

  /** The partitions of the source, as far as it knows them; those that are new begin at their first record. */
  expect(partitions: readonly number[], monotonicMs: number): void {
    if (this.clock.expect(partitions, monotonicMs)) this.#isDirty = true;
  }

  get totals(): RecordTotals {
    return this.#ledger.totals;
  }

  /** Rows of the table that are kept; null: it follows none. */
  get rowCount(): number | null {
    return this.#follower?.rowCount ?? null;
  }

  /** Rows forgotten before their time because there were too many. */
  get rowsDroppedCount(): number {
    return this.#follower?.rowsDroppedCount ?? 0;
  }

  get idCount(): number {
    return this.#ids.idCount;
  }

  /** Ids that are remembered at most. */
  get idCountMax(): number {
    return this.#config.dedupeIdsMax;
  }

  /** Ids forgotten before their time because there were too many. */
  get idsDroppedCount(): number {
    return this.#ids.droppedForIdsCount + this.#ids.droppedForBytesCount;
  }

  /** Reads a batch of changes, and loads the rows that they are of. To be called before `take` where a table is followed. */
  async load(batch: RecordBatch, store: Store): Promise<void> {
    const follower = this.#follower;
    if (follower === null) return;
    const { recordBytesMax } = this.#config;
    const { values } = batch;
    const changes = Array.from({ length: values.length }, (_, place) => {
      const bytes = values.at(place) ?? null;
      if (bytes === null) return null;
      return bytes.length > recordBytesMax ? oversized(bytes.length, recordBytesMax) : follower.read(bytes);
    });
    this.#changes.set(batch, changes);
    await follower.load(
      store,
      changes.flatMap((each) => (each !== null && "change" in each ? [each] : [])),
    );
  }

  /** Goes on with what takes more than one commit, and forgets what is only of final windows. True: something changed. */
  async tidy(store: Store, finalToMs: number): Promise<boolean> {
    const hasChanged = (await this.#follower?.tidy(store, finalToMs)) ?? false;
    if (hasChanged) this.#isDirty = true;
    return hasChanged;
  }

  /** Judges a batch, and adds what it brings to the panes. What it changes is to be committed before anybody is told. */
  take(batch: RecordBatch, moment: StageMoment): RecordOutcome {
    this.expect([batch.partition], moment.monotonicMs);
    const clock = this.clock.get(batch.partition);
    const before = this.#ledger.totals;
    this.crowdedOutCount = 0;
    this.latestLateMs = -Infinity;
    this.anewCount = 0;
    clock.forgetLost(moment.finalToMs);
    if (batch.damage !== undefined) {
      const { reason: detail, bytes } = batch.damage;
      this.#ledger.leaveOut({
        reason: "unreadable",
        detail,
        partition: clock.partition,
        offset: clock.next,
        bytes,
      });
    }
    if (batch.resumedAt !== undefined) this.#resumeAt(clock, batch, batch.resumedAt);
    clock.topicId = batch.topicId ?? clock.topicId;
    // How late it was, no record of this partition will tell.
    if (batch.isGone === true) clock.resume(moment.nowMs);
    const rejected: ToldRecord[] = [];
    const aside: ToldRecord[] = [];
    const tell = (told: ToldRecord[], record: ToldRecord): void => {
      if (told.length < RECORDS_TOLD_MAX) told.push(record);
    };
    const count = batch.values.length;
    const firstOffset = clock.next;
    const refuse = (place: number, refusal: RecordRefusal): void => {
      this.#ledger.reject({ ...refusal, ...recordAt(place, batch, clock) });
      tell(rejected, { index: place, reason: refusal.reason, detail: refusal.detail });
    };
    const leaveOut = (place: number, reason: LeftOutReason, detail: string): void => {
      this.#ledger.leaveOut({ reason, detail, ...recordAt(place, batch, clock) });
      if (reason === "set_aside") tell(aside, { index: place, reason, detail });
    };
    const context = { clock, moment, refuse, leaveOut };
    let skippedCount = 0;
    if (batch.offsets !== null)
      while (skippedCount < count && batch.offsets[skippedCount] < firstOffset) skippedCount += 1;
    if (this.#follower !== null) this.#follow(this.#follower, batch, skippedCount, context);
    else
      for (let from = skippedCount; from < count; from += BLOCK)
        this.#takeBlock(batch, from, Math.min(from + BLOCK, count), context);
    if (count > skippedCount) {
      this.#ledger.add({ received: count - skippedCount });
      this.clock.reached(clock, moment.monotonicMs);
    }
    this.atEnd(batch.partition, batch.isAtEnd, moment.monotonicMs);
    clock.next = Math.max(clock.next, batch.nextOffset ?? firstOffset + count);
    this.#isDirty = true;
    return this.#ledger.outcomeSince(before, { rejected, aside });
  }

  /** Where it was in the topic of before, if this batch is the first of one that was made anew. */
  endedAt({ partition, topicId }: RecordBatch): number | null {
    const clock = this.clock.find(partition);
    return clock?.isOfAnother(topicId) === true ? clock.next : null;
  }

  /** Whether all that there was of a partition has been read; for one that brings nothing. */
  atEnd(partition: number, isAtEnd: boolean, monotonicMs: number): void {
    this.expect([partition], monotonicMs);
    this.clock.get(partition).atEnd(isAtEnd, monotonicMs);
  }

  /** The process stood still: what of Kafka's has come meanwhile nobody knows before it was asked again. */
  woke(monotonicMs: number): void {
    if (this.topic !== null) this.clock.nobodyKnows(monotonicMs);
  }

  /** Reading goes on at another offset: what lay between is counted, and the windows that it may have been in know. */
  #resumeAt(clock: PartitionClock, { topicId }: RecordBatch, offset: number): void {
    // A topic that was made anew begins at 0: what was left of the one before, nobody knows.
    const lost = clock.isOfAnother(topicId) ? offset : Math.max(0, offset - clock.next);
    clock.next = offset;
    this.#ledger.add({ lost });
    clock.lose(this.#config.outOfOrdernessMs);
  }

  /**
   * A partition is more than the horizon ahead of another that is still read, or to be, and the ids in between have become many:
   * it should wait, or the oldest would be forgotten and the other's records set aside.
   */
  isAhead(partition: number, monotonicMs: number): boolean {
    const { dedupeHorizonMs, dedupeIdsMax } = this.#config;
    if (this.#ids.idCount < dedupeIdsMax / 2) return false;
    const own = this.clock.find(partition)?.latestMs ?? -Infinity;
    const others = this.clock.leastMs(monotonicMs, partition);
    return own - others > dedupeHorizonMs;
  }

  /** What the panes have gained since the last call, by metric. */
  takeRows(): PaneRows[] {
    const all: PaneRows[] = this.#follower?.takeAdded() ?? [];
    for (const [measure, table] of this.#tables.entries()) {
      if (table === null || table.rowCount === 0) continue;
      const set = this.#decoder.setOf[measure];
      all.push(table.take((series) => this.#decoder.labelsOf(set, series)));
    }
    if (this.#decoder.forget()) this.rules.forgetLabels();
    return all;
  }

  /** Of the rows that were taken no window of their metric took so many. */
  tooLateOf(metric: string, count: number): void {
    this.#ledger.tooLateOf(metric, count);
    this.#isDirty = true;
  }

  /** What is to be taken out of the panes again, once what they have gained is in them. */
  takeRetractions(): PaneRows[] {
    const rows = this.#follower?.takeRetracted() ?? [];
    this.#ledger.add({ retracted: this.#follower?.takeRetractedCount() ?? 0 });
    return rows;
  }

  /** See `RecordLedger.takeRefused`. */
  takeRefused(): readonly RefusedRecord[] {
    return this.#ledger.takeRefused();
  }

  /** Tells the rules what time it is by the stream's own. */
  tickRules({ nowMs, monotonicMs }: Pick<StageMoment, "nowMs" | "monotonicMs">): void {
    const timeMs = this.clock.timeMs(monotonicMs);
    if (timeMs !== null) this.rules.tick(timeMs, { ...this.#config, nowMs });
  }

  /** What is to be committed with the panes; null where nothing has changed. */
  takeChanges(
    monotonicMs: number,
  ): { readonly record: StreamRecord; readonly ids: readonly Change[] } | null {
    if (!this.#isDirty) return null;
    this.#isDirty = false;
    const { floorMs, remembersFromMs } = this.#ids;
    const ids = this.#log.takeChanges(remembersFromMs);
    const record = {
      stream: this.stream,
      source: this.source,
      partitions: this.clock.export(),
      ...(this.#former.length > 0 && { former: this.#former }),
      totals: this.#ledger.totals,
      ids: floorMs === Infinity ? null : { watermarkMs: this.#idsWatermarkMs, floorMs },
      idsFrom: this.#log.firstNumber,
      timeMs: this.clock.latestMs(monotonicMs),
    };
    if (this.#follower === null) return { record, ids };
    return {
      record: { ...record, table: this.#follower.export() },
      ids: [...ids, ...this.#follower.takeChanges()],
    };
  }

  #takeBlock(
    batch: RecordBatch,
    from: number,
    to: number,
    { clock, moment, refuse, leaveOut }: BlockContext,
  ): void {
    const columns = this.#columns;
    const span = this.#span;
    const { values } = batch;
    const { outOfOrdernessMs, maxFutureMs, recordBytesMax } = this.#config;
    const futureMs = moment.nowMs + maxFutureMs;
    const othersMs = this.clock.leastMs(moment.monotonicMs, clock.partition);
    let rows = 0;
    for (let place = from; place < to; place += 1) {
      if (!spanAt(values, place, span)) {
        refuse(place, EMPTY);
        continue;
      }
      const byteCount = span.end - span.start;
      const refusal =
        byteCount > recordBytesMax
          ? oversized(byteCount, recordBytesMax)
          : this.#decoder.read(span, columns, rows);
      if (refusal !== null) {
        refuse(place, refusal);
        continue;
      }
      const timeMs = columns.timeMs[rows];
      if (timeMs > futureMs) {
        this.futureInRow += 1;
        refuse(place, inFuture(timeMs, moment.nowMs));
        continue;
      }
      this.futureInRow = 0;
      clock.resume(timeMs + outOfOrdernessMs);
      if (timeMs > clock.latestMs) clock.latestMs = timeMs;
      const slowestMs = clock.latestMs < othersMs ? clock.latestMs : othersMs;
      const watermarkMs = Math.max(slowestMs - outOfOrdernessMs, timeMs - AHEAD_MS);
      // It never goes back, so what a record's fate is does not hang on where batches are cut.
      if (watermarkMs > this.#idsWatermarkMs) this.#idsWatermarkMs = watermarkMs;
      columns.watermarkMs[rows] = this.#idsWatermarkMs;
      columns.latestMs[rows] = clock.latestMs;
      this.#places[rows] = place;
      rows += 1;
    }
    if (rows > 0) clock.busy(moment.monotonicMs);
    this.#ids.admitHashes(columns.hashes, columns.timeMs, columns.watermarkMs, rows, this.#verdicts);
    this.#addRows(rows, moment, (row, reason) => {
      const timeMs = columns.timeMs[row];
      const detail =
        reason === "set_aside"
          ? `its time ${timeText(timeMs)} is before ${timeText(this.#ids.floorMs)}, from where on ids are remembered`
          : tooLate(timeMs, moment);
      leaveOut(this.#places[row], reason, detail);
    });
    this.rules.take(
      {
        rows,
        verdicts: this.#verdicts,
        columns,
        bytesOf: (row) => values.at(this.#places[row]) ?? NOTHING,
        watermarkMs: this.#idsWatermarkMs,
        nowMs: moment.nowMs,
      },
      { decoder: this.#decoder, measureOf: (metric) => this.#measures.indexOf(metric) },
    );
  }

  /** Judges a batch of changes, one by one. */
  #follow(
    follower: TableFollower,
    batch: RecordBatch,
    from: number,
    { clock, moment, refuse, leaveOut }: BlockContext,
  ): void {
    const { outOfOrdernessMs, maxFutureMs } = this.#config;
    const { nowMs } = moment;
    const changes = this.#changes.get(batch);
    if (changes === undefined) throw new Error("invariant: a batch of changes is loaded before it is taken");
    const counts = { aggregated: 0, duplicates: 0, tooLate: 0, setAside: 0, noEffect: 0 };
    for (let place = from; place < changes.length; place += 1) {
      let read = changes[place];
      if (read === null) {
        counts.noEffect += 1;
        continue;
      }
      if (!("change" in read)) {
        refuse(place, read);
        continue;
      }
      read = follower.completed(read);
      const timeMs = read.contribution?.timeMs ?? null;
      if (timeMs !== null && timeMs > nowMs + maxFutureMs) {
        this.futureInRow += 1;
        read = { ...read, contribution: null, refusal: inFuture(timeMs, nowMs) };
      } else if (timeMs !== null) {
        this.futureInRow = 0;
        clock.resume(timeMs + outOfOrdernessMs);
        clock.latestMs = Math.max(clock.latestMs, timeMs);
        clock.busy(moment.monotonicMs);
      }
      const latestMs = clock.latestMs === -Infinity ? nowMs : clock.latestMs;
      const fate = follower.take(read, { ...moment, latestMs });
      if (typeof fate !== "string") {
        refuse(place, fate);
        continue;
      }
      counts[fate] += 1;
      if ((fate !== "setAside" && fate !== "tooLate") || read.contribution === null) continue;
      const { timeMs: ownMs, measures } = read.contribution;
      if (fate === "setAside") {
        const detail = `its time ${timeText(ownMs)} is before that from where on rows are kept`;
        leaveOut(place, "set_aside", detail);
        continue;
      }
      this.latestLateMs = Math.max(this.latestLateMs, ownMs);
      this.#metricsTooLate(Object.keys(measures));
      leaveOut(place, "too_late", tooLate(ownMs, moment));
    }
    this.anewCount = follower.takeAnewCount();
    const { aggregated, ...rest } = counts;
    this.#ledger.add({ ...rest, [this.#taken]: aggregated, altered: this.anewCount });
  }

  /** A record whose values are in no panes, so that no window can tell of them. */
  #metricsTooLate(metrics: readonly string[]): void {
    for (const metric of metrics)
      if (this.#tables[this.#measures.indexOf(metric)] !== null) this.#ledger.tooLateOf(metric, 1);
  }

  /** Counts the rows of a block, and adds those that are fresh to the panes. */
  #addRows(
    rows: number,
    { finalToMs, takes = () => true }: StageMoment,
    onLeftOut: (row: number, reason: LeftOutReason) => void,
  ): void {
    const columns = this.#columns;
    const verdicts = this.#verdicts;
    const { dedupeHorizonMs } = this.#config;
    const areForgotten = this.idsDroppedCount > 0;
    let [aggregated, duplicates, altered, setAside, tooLate] = [0, 0, 0, 0, 0];
    for (let row = 0; row < rows; row += 1) {
      const verdict = verdicts[row];
      if (verdict === "fresh") {
        this.#log.add(columns.hashes, row * RECORD_HASH_WORDS, columns.timeMs[row]);
        const isFinal = columns.timeMs[row] < finalToMs;
        if (!isFinal && takes(columns.timeMs[row])) aggregated += 1;
        else {
          tooLate += 1;
          this.latestLateMs = Math.max(this.latestLateMs, columns.timeMs[row]);
          // Rules judge what comes in time, though its windows are kept.
          if (isFinal) {
            verdicts[row] = "undeduplicated";
            this.#metricsTooLate(
              this.#measures.filter((_, measure) => !Number.isNaN(columns.values[measure][row])),
            );
          }
          onLeftOut(row, "too_late");
        }
      } else if (verdict === "undeduplicated") {
        setAside += 1;
        if (areForgotten && columns.timeMs[row] >= columns.watermarkMs[row] - dedupeHorizonMs)
          this.crowdedOutCount += 1;
        onLeftOut(row, "set_aside");
      } else {
        duplicates += 1;
        if (verdict === "altered") altered += 1;
      }
    }
    this.#ledger.add({ [this.#taken]: aggregated, duplicates, altered, setAside, tooLate });
    for (const [measure, table] of this.#tables.entries()) {
      if (table === null) continue;
      const { taken, timeMs } = columns;
      const value = columns.values[measure];
      const series = columns.series[this.#decoder.setOf[measure]];
      let count = 0;
      for (let row = 0; row < rows; row += 1) {
        // An optional value that is absent is NaN.
        if (verdicts[row] !== "fresh" || value[row] !== value[row]) continue;
        taken.series[count] = series[row];
        taken.timeMs[count] = timeMs[row];
        taken.value[count] = value[row];
        count += 1;
      }
      table.addBatch({ count, ...taken });
    }
  }
}

const EMPTY: RecordRefusal = { reason: "empty", detail: "it has no value (a tombstone)" };

function oversized(byteCount: number, bytesMax: number): RecordRefusal {
  return { reason: "oversized", detail: `${byteCount} bytes are more than ${bytesMax}` };
}

function tooLate(timeMs: number, { finalToMs }: StageMoment): string {
  return timeMs < finalToMs
    ? `its time ${timeText(timeMs)} is in final windows only, which end at ${timeText(finalToMs)}`
    : `its time ${timeText(timeMs)} is in windows only that take nothing any more, since the pipeline was changed`;
}

function inFuture(timeMs: number, nowMs: number): RecordRefusal {
  const detail = `its time ${timeText(timeMs)} is ${timeMs - nowMs} ms ahead of the clock`;
  return { reason: "future", detail };
}

/** A record of a batch, and where it stands, while the partition's position is still before the batch. */
function recordAt(
  place: number,
  { offsets, values }: RecordBatch,
  { partition, next }: PartitionClock,
): Pick<RefusedRecord, "partition" | "offset" | "bytes"> {
  const offset = offsets === null ? next + place : offsets[place];
  return { partition, offset, bytes: values.at(place) ?? NOTHING };
}

/** The id and the time are the same for all metrics of a stream; the pipeline has been checked. */
function sourceOf(metrics: readonly PipelineMetric[]) {
  for (const { source } of metrics) if (source.kind === "records") return source;
  throw new Error("invariant: a stage is made for streams that metrics read");
}

function specOf(
  metrics: readonly PipelineMetric[],
  common: Pick<RecordSpec, "id" | "time">,
  rules: RecordRules["distinct"],
): RecordSpec {
  const measures = metrics.flatMap(({ source }) => (source.kind === "records" ? [source.measure] : []));
  const pairs = rules.map(({ rule: { key, value } }) => ({ key, value }));
  return { ...common, measures, pairs };
}
