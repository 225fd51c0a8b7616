import type { Pipeline, RecordStreamConfig } from "@millrace/config";
import type { AlarmEvent } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import { Membership } from "@millrace/stream";
import type { TimeRange, WindowEngine } from "@millrace/stream";
import { CENTRAL_KEYS, numberOf } from "../store/central-keys.ts";
import { openRecordWatches } from "./open-record-watches.ts";
import { openDistinctBooks } from "./open-distinct-books.ts";
import { RecordStage } from "./record-stage.ts";
import type { StreamRecord } from "./record-stage.ts";
import { refuseSecondReading } from "./refuse-second-reading.ts";
import { knownStreams, STREAMS } from "./stored-streams.ts";

export interface RecordStreamsOptions {
  readonly store: Store;
  readonly streams: readonly RecordStreamConfig[];
  readonly pipeline: Pick<Pipeline, "metrics" | "windows"> &
    Partial<Pick<Pipeline, "distinctRules" | "recordRules">>;
  readonly monotonicMs: number;
}

/** Every stream of records that a metric reads, and what the engine is told of them. */
export class RecordStreams {
  readonly #stages = new Map<string, RecordStage>();
  readonly #partitionCounts = new Map<string, number>();
  readonly #lostShown = new Map<string, readonly TimeRange[]>();
  #frontierNumber = 0;
  /** Of rules that are gone. */
  #left: Change[] = [];
  /** Stored values that could not be read. */
  unreadableCount = 0;
  /** Alarms of rules that are gone, or read something else now: their last steps. */
  ended: readonly AlarmEvent[] = [];

  /** Reads each stream's state. Rejects with `store_read`, or with `records_again` before anything is changed. */
  static async open(options: RecordStreamsOptions): Promise<RecordStreams> {
    const { store, streams, pipeline, monotonicMs } = options;
    const opened = new RecordStreams();
    const watched = await openRecordWatches(store, pipeline.recordRules ?? []);
    const counted = await openDistinctBooks(store, pipeline.distinctRules ?? [], streams);
    opened.#left = [...counted.changes, ...watched.changes];
    opened.ended = [...counted.ended, ...watched.ended];
    opened.unreadableCount = counted.unreadableCount + watched.unreadableCount;
    const rules = { distinct: counted.books, watches: watched.watches };
    for (const config of streams) {
      const { name, kafka } = config;
      if (!pipeline.metrics.some((metric) => metric.stream === name)) continue;
      const { metrics, windows } = pipeline;
      const stage = new RecordStage(config, { metrics, windows, rules });
      const bytes = await store.get(CENTRAL_KEYS.records(name));
      const record = bytes === undefined ? undefined : STREAMS.read(bytes);
      if (record === null) opened.unreadableCount += 1;
      if (record === undefined)
        await refuseSecondReading(config, { store, known: await knownStreams(store), metrics });
      if (record) await stage.restore(record, idEntries(store, record), monotonicMs);
      // Whoever posts is all that there is.
      if (kafka === null) stage.atEnd(0, true, monotonicMs);
      opened.#stages.set(name, stage);
    }
    return opened;
  }

  get(stream: string): RecordStage | undefined {
    return this.#stages.get(stream);
  }

  all(): readonly RecordStage[] {
    return [...this.#stages.values()];
  }

  /** Tells the engine which partitions are expected, how far each is, and what time it is in each stream. */
  show(engine: WindowEngine, monotonicMs: number): void {
    for (const stage of this.#stages.values()) {
      const { stream } = stage;
      const partitions = stage.clock.export();
      if (this.#partitionCounts.get(stream) !== partitions.length) {
        this.#partitionCounts.set(stream, partitions.length);
        const intervals = partitions.map(({ partition, joinedMs }) => ({
          agent: partitionName(stream, partition),
          site: "",
          joinedMs,
          leftMs: null,
        }));
        engine.setPartitions(stream, new Membership(intervals));
      }
      engine.setStreamTime(stream, stage.clock.timeMs(monotonicMs) ?? -Infinity);
      this.#frontierNumber += 1;
      for (const { partition, lost = NO_RANGES } of partitions) {
        const name = partitionName(stream, partition);
        if (this.#lostShown.get(name) === lost || (lost.length === 0 && !this.#lostShown.has(name))) continue;
        this.#lostShown.set(name, lost);
        engine.setLost(name, lost);
      }
      for (const { partition, watermarkMs, isIdle } of stage.clock.watermarks(monotonicMs))
        engine.setFrontier(partitionName(stream, partition), {
          epoch: 1,
          number: this.#frontierNumber,
          watermarkMs,
          isIdle,
          isClockSynchronised: true,
          pending: [],
          holds: NO_HOLDS,
        });
    }
  }

  /** What changed since the last call, to be committed whole. */
  takeChanges(monotonicMs: number): Change[] {
    // One by one: there may be more than a call takes arguments.
    const changes = this.#left;
    this.#left = [];
    for (const stage of this.#stages.values()) {
      for (const change of stage.rules.takeChanges()) changes.push(change);
      const changed = stage.takeChanges(monotonicMs);
      if (changed === null) continue;
      for (const change of changed.ids) changes.push(change);
      changes.push(STREAMS.put(CENTRAL_KEYS.records(stage.stream), changed.record));
    }
    return changes;
  }
}

const NO_RANGES: readonly TimeRange[] = [];
const NO_HOLDS = { alarm: 0, live: 0, backfill: 0 } as const;

/** As completeness and quarantine name it. */
export function partitionName(stream: string, partition: number): string {
  return `${stream}/${partition}`;
}

async function* idEntries(store: Store, { stream, idsFrom }: StreamRecord) {
  const range = { from: CENTRAL_KEYS.ids(stream, idsFrom), to: CENTRAL_KEYS.ids(stream, NUMBER_MAX) };
  for await (const { key, value } of store.range(range)) yield { number: numberOf(key), bytes: value };
}

/** Of 48 bits. */
const NUMBER_MAX = 2 ** 48 - 1;
