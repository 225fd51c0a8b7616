import { type ReadingWatch, readTruth } from "../truth/read-truth.ts";
import type { Arrival } from "./arrival.ts";

interface Mark {
  /** Every reading up to this number had arrived, but for those that the plan held back. */
  readonly left: number;
  readonly atMs: number;
}

/** What a truth file says of how its readings came, by their numbers; read before the readings themselves. */
export class DeliveryTruth {
  /** Never acknowledged to any process: they may have been sent all the same. */
  readonly unacked = new Set<number>();
  readonly lost = new Set<number>();
  /** Something else came instead. */
  readonly spoilt = new Set<number>();
  readonly unsure = new Set<number>();
  /** Payloads that are none, by site: each must be one rejection. */
  readonly malformedBySite = new Map<string, number>();
  /** Readings that must come a second time. */
  againCount = 0;
  /** Over a connection that was lost and made again, or from a second process, things may have come more often. */
  mayHaveRepeated = false;
  /** A killed process takes along what was on its way and is none of the readings. */
  wasKilled = false;
  /** Metrics whose readings do not say their time. */
  readonly timelessMetrics = new Set<string>();
  runCount = 0;
  hasRecords = false;
  readonly #marks: Mark[] = [];
  /** By reading: how many marks were written before it left. */
  readonly #marksBefore: number[] = [];
  /** Of those that the plan held back. */
  readonly #sentMs: number[] = [];

  static async read(path: string, watch?: ReadingWatch): Promise<DeliveryTruth> {
    const truth = new DeliveryTruth();
    let number = 0;
    let hasEnded = false;
    for await (const line of readTruth(path, watch)) {
      switch (line.type) {
        case "run":
          truth.wasKilled ||= ++truth.runCount > 1 && !hasEnded;
          truth.mayHaveRepeated ||= truth.wasKilled;
          hasEnded = false;
          truth.hasRecords ||= /^business:/m.test(line.plan);
          break;
        case "reading":
          truth.#marksBefore[++number] = truth.#marks.length;
          if (line.isTimeless === true) truth.timelessMetrics.add(line.metric);
          break;
        case "delivery":
          if (line.isLost === true) for (const each of line.readings) truth.lost.add(each);
          if (line.malformed !== undefined) {
            for (const each of line.readings) truth.spoilt.add(each);
            truth.malformedBySite.set(line.site, (truth.malformedBySite.get(line.site) ?? 0) + 1);
          }
          if (line.again !== undefined) truth.againCount += line.readings.length;
          break;
        case "sent":
          for (const each of line.readings) {
            truth.#sentMs[each] = line.at;
            truth.#marksBefore[each] = truth.#marks.length;
          }
          break;
        case "unsure":
          for (const each of line.readings) truth.unsure.add(each);
          break;
        case "acked":
          truth.#marks.push({ left: line.left ?? line.through, atMs: line.at });
          for (const each of truth.unacked) if (each <= line.through) truth.unacked.delete(each);
          break;
        case "unacked":
          truth.unacked.add(line.number);
          break;
        case "end":
          hasEnded = true;
          truth.mayHaveRepeated ||= (line.reconnects ?? 0) > 0;
          break;
        default:
        // The rest tells of the plant, not of the way.
      }
    }
    return truth;
  }

  /** Null: it does not come. */
  arrival(number: number): Arrival | null {
    if (this.lost.has(number) || this.spoilt.has(number)) return null;
    const before = this.#marksBefore[number] ?? 0;
    return {
      earliestMs: this.#sentMs[number] ?? this.#marks[before - 1]?.atMs ?? -Infinity,
      latestMs: this.#arrivedMs(number, before),
      isUnsure: this.unsure.has(number) || this.unacked.has(number),
    };
  }

  /** By the first mark that has it. The last ones of a run that has not ended have none: then by what is known. */
  #arrivedMs(number: number, before: number): number {
    for (let index = before; index < this.#marks.length; index += 1) {
      const { left, atMs } = this.#marks[index];
      if (left >= number) return atMs;
    }
    return this.#marks.at(-1)?.atMs ?? -Infinity;
  }
}
