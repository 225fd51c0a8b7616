import type { RecordStreamName } from "../../business/business-record.ts";
import { recordStreams } from "../../business/plan/record-streams.ts";
import { parsePlan } from "../../plan/load-plan.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TruthLine } from "../../truth/truth-line.ts";

/** What a truth file says of how one run's records came to their receiver. */
export interface RecordWay {
  /** The receiver holds so many of those that left, in their order; null: nobody has said so, somebody else brings them. */
  acked: number | null;
  /** Of those that left, so many its process did not hear of when it ended. */
  unacked: number;
  /** So many may have come once more; Infinity: nobody knows. */
  againMax: number;
  /** Nothing more is made or sent. */
  hasEnded: boolean;
  /** They are rows of a database, of whose changes somebody else tells. */
  isTable: boolean;
  /** What is sent; null: all streams. */
  streams: readonly RecordStreamName[] | null;
}

/** What a truth file says of its records, before they are made again. Its lines go in in their order. */
export class RecordTruth {
  /** Streams that its plans make. */
  readonly streams = new Set<RecordStreamName>();
  hasChanges = false;
  /** Of which something was there before the run. */
  readonly streamsWithHistory = new Set<RecordStreamName>();
  readonly #path: string;
  readonly #ways: RecordWay[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Of each run, one after the other. */
  get ways(): readonly RecordWay[] {
    return this.#ways;
  }

  onLine(line: TruthLine): void {
    if (line.type === "run" && line.recordsStart === undefined) {
      this.#ways.push({
        acked: null,
        unacked: 0,
        againMax: 0,
        hasEnded: false,
        isTable: false,
        streams: null,
      });
      this.#onPlan(parsePlan(line.plan, `${this.#path}, plan`, { seed: line.seed }));
    }
    const way = this.#ways.at(-1);
    if (way === undefined) return;
    if (line.type === "records-end") way.hasEnded = true;
    if (line.type === "records-unacked") way.unacked = line.records;
    if (line.type !== "records-acked") return;
    way.unacked = 0;
    way.acked = line.records;
    way.isTable ||= line.isTable === true;
    way.streams = line.streams ?? null;
    way.againMax += line.isResumed === true ? Infinity : (line.again ?? 0);
  }

  #onPlan({ business }: Plan): void {
    if (business === null) return;
    for (const stream of recordStreams(business)) this.streams.add(stream);
    if (business.transfers?.hasHistory === true) this.streamsWithHistory.add("transfers");
    this.hasChanges ||= business.debezium !== null;
  }
}
