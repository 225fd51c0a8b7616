import type { BusinessRecord } from "../../business/business-record.ts";
import { SendingOrder } from "../../business/sending-order.ts";
import { type ReadingWatch, readNumberedTruth } from "../../truth/read-truth.ts";
import { RepeatedRun } from "../../truth/repeated-run.ts";
import type { RecordWay } from "./record-truth.ts";

/** What came of all runs of a truth, and how. */
export interface Arrivals {
  sent: number;
  unacked: number;
  again: number;
  spoilt: number;
  againMax: number;
  /** Event times of those that came. */
  fromMs: number;
  toMs: number;
  /** Windows that reach beyond it may lack what has not come. */
  judgedToMs: number;
  readonly faults: string[];
  /** What a system had to know before the first. */
  readonly history: () => Iterable<BusinessRecord>;
}

export interface RepeatedTruth {
  readonly truthPath: string;
  /** Of each run. */
  readonly ways: readonly RecordWay[];
  readonly watch?: ReadingWatch | undefined;
}

/** Makes all runs again, and tells of each record that came, in the order in which they left. */
export async function repeatArrivals(
  { truthPath, ways, watch }: RepeatedTruth,
  onArrival: (record: BusinessRecord, startMs: number) => void,
): Promise<Arrivals> {
  const all: Arrivals = {
    history: () => run.history(),
    sent: 0,
    unacked: 0,
    again: 0,
    spoilt: 0,
    againMax: 0,
    fromMs: Infinity,
    toMs: -Infinity,
    judgedToMs: Infinity,
    faults: [],
  };
  let order = new SendingOrder();
  let runNumber = -1;
  let ackedMax = Infinity;
  let sentOfRun = 0;
  let firstStartMs = Infinity;
  const leave = (records: Iterable<BusinessRecord>): void => {
    for (const record of records) {
      sentOfRun += 1;
      all.sent += 1;
      if (sentOfRun > ackedMax) {
        all.unacked += 1;
        all.judgedToMs = Math.min(all.judgedToMs, record.timeMs);
        continue;
      }
      if (record.fate === "again") all.again += 1;
      if (record.fate === "spoilt") all.spoilt += 1;
      all.fromMs = Math.min(all.fromMs, record.timeMs);
      all.toMs = Math.max(all.toMs, record.timeMs);
      onArrival(record, firstStartMs);
    }
  };
  const run = new RepeatedRun({
    path: truthPath,
    record: () => {},
    onRecords: (records, madeToMs) => {
      leave(order.take(records));
      leave(order.until(madeToMs));
    },
  });
  const endRun = (): void => {
    const way = ways[runNumber];
    if (way === undefined) return;
    const madeToMs = run.recordsMadeToMs;
    if (!way.hasEnded) {
      // What still waits in its source is not on its way yet.
      ackedMax = Math.min(ackedMax, sentOfRun);
      all.judgedToMs = Math.min(all.judgedToMs, madeToMs);
    }
    leave(withTheEnd(order.until(Infinity), madeToMs));
    all.againMax += way.acked === null ? Infinity : way.againMax;
  };
  for await (const { number, line } of readNumberedTruth(truthPath, watch)) {
    if (line.type === "run" && line.recordsStart === undefined) {
      endRun();
      runNumber += 1;
      order = new SendingOrder();
      sentOfRun = 0;
      const { acked, hasEnded } = ways[runNumber];
      ackedMax = acked ?? (hasEnded ? Infinity : 0);
    }
    const difference = run.onLine(line);
    if (line.type === "run" && runNumber === 0) {
      firstStartMs = line.start;
      for (const record of run.history()) onArrival(record, firstStartMs);
    }
    if (difference === null) continue;
    const { expected, made } = difference;
    all.faults.push(
      `line ${number} cannot be made again, and what follows is not judged: ${expected.trim()}; made ${made.trim() || "nothing"}`,
    );
    break;
  }
  endRun();
  return all;
}

/** What still waits when the run ends is sent at once. */
function* withTheEnd(records: Iterable<BusinessRecord>, endMs: number): Generator<BusinessRecord> {
  for (const record of records) yield { ...record, sentMs: Math.min(record.sentMs, endMs) };
}
