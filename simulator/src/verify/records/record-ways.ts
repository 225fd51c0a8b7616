import type { RecordStreamName } from "../../business/business-record.ts";
import type { TruthLine } from "../../truth/truth-line.ts";

/** What a truth file says of how one run's records came to their receiver. */
export interface RecordWay {
  /** The receiver holds so many of those that left, in their order; null: nobody has said so, somebody else brings them. */
  acked: number | null;
  /** So many may have come once more; Infinity: nobody knows. */
  againMax: number;
  /** Nothing more is made or sent. */
  hasEnded: boolean;
  /** What is sent; null: all streams. */
  streams: readonly RecordStreamName[] | null;
}

/** Reads the way of each run, one after the other. Lines of a truth file go in in their order. */
export class RecordWays {
  readonly #ways: RecordWay[] = [];

  get all(): readonly RecordWay[] {
    return this.#ways;
  }

  onLine(line: TruthLine): void {
    if (line.type === "run") this.#ways.push({ acked: null, againMax: 0, hasEnded: false, streams: null });
    const way = this.#ways.at(-1);
    if (way === undefined) return;
    if (line.type === "records-end") way.hasEnded = true;
    if (line.type !== "records-acked") return;
    way.acked = line.records;
    way.streams = line.streams ?? null;
    way.againMax += line.isResumed === true ? Infinity : (line.again ?? 0);
  }
}
