import type { EventTimeMs } from "./event-time.ts";

/** What a sketch may be told: a reading's value, or a text such as an account or a product. */
export type SketchInput = number | string;

/** One of the most frequent inputs. The true count lies in `[count - errorMax, count]`. */
export interface Ranked {
  readonly input: SketchInput;
  readonly count: number;
  readonly errorMax: number;
}

/**
 * A mergeable partial aggregate whose state grows with what it has seen, up to a stated bound; an object of its own, where
 * an `Accumulator` is a few fields of a table. The laws are the same: a commutative monoid whose identity is a new sketch.
 */
export interface Sketch {
  readonly name: SketchName;
  add(input: SketchInput, timeMs: EventTimeMs): void;
  /** Takes in another of the same kind, which stays as it is. */
  merge(from: Sketch): void;
  copy(): Sketch;
  /** The named results; no entry where there was no reading. Never NaN. */
  results(): Readonly<Record<string, number>>;
  /** The most frequent inputs, most frequent first; only of sketches that keep them. */
  ranking?(): readonly Ranked[];
  /** The same bytes for the same state. */
  encode(): Uint8Array;
}

export interface SketchKind {
  readonly name: SketchName;
  /** Number on the wire and on disk, among those of the accumulators; never reused. */
  readonly id: number;
  /** It keeps runs of readings, as many as it has room for: what comes between runs that have been joined has no place any more. */
  readonly hasRuns?: true;
  /** The names that `results` may return. */
  readonly results: readonly string[];
  create(): Sketch;
  /** Never throws: undefined on bytes that `encode` does not write. */
  decode(bytes: Uint8Array): Sketch | undefined;
}

export type SketchName =
  | "quantiles"
  | "distinct"
  | "topk"
  | "increase"
  | "timeMean"
  | "distance"
  | "distinctMany";
