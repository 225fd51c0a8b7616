import { assert } from "../assert.ts";
import type { EventTimeMs } from "../event-time.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";

/** Most runs kept apart, where readings in order become one; then the two with the shortest time between them are joined. */
export const RUNS_MAX = 64;

const POINT = 0;
const STRETCH = 1;
const UNKNOWN = 2;

/** Readings that followed one another in event time: the first, the last, and what was gained from the one to the other. */
export interface Run {
  readonly firstMs: EventTimeMs;
  readonly firstValue: number;
  lastMs: EventTimeMs;
  lastValue: number;
  /** A compensated sum (Neumaier 1974) and what it lost; NaN and 0 once it has left the range of float64. */
  gained: number;
  lost: number;
}

/** What runs gain. */
export interface Gain {
  /** From one reading to the next. */
  step(fromValue: number, toValue: number, lastedMs: number): number;
  /** Estimated: what `run`, which began inside `before` and ends beyond it, gained since the end of that one. */
  rest(before: Run, run: Run): number;
}

/**
 * A bounded list of disjoint runs in the order of event time; of readings at one time, in the order of their values. Readings
 * in order extend the newest run; one between two runs is a run of its own; one that equals the end of a run is in it already.
 *
 * As long as nothing falls inside a run, what is gained over all is exact, in whatever order readings and runs came. What does fall
 * inside one is counted as inexact: of readings only the ends beyond the run count. Runs are joined only when there are too many.
 *
 * With `apartMax`, so many readings stay runs of their own, and nothing can fall inside one until there are more.
 */
export class Runs {
  readonly #gain: Gain;
  readonly #apartMax: number;
  #runs: Run[] = [];
  #inexactCount = 0;

  constructor(gain: Gain, apartMax = 0) {
    this.#gain = gain;
    this.#apartMax = apartMax;
  }

  /** Readings and runs that fell inside another run. */
  get inexactCount(): number {
    return this.#inexactCount;
  }

  add(value: number, timeMs: EventTimeMs): void {
    assert(Number.isSafeInteger(timeMs), "event time is a whole number of milliseconds");
    const newest = this.#runs.at(-1);
    if (newest === undefined) this.#runs.push(pointOf(value, timeMs));
    else if ((timeMs - newest.lastMs || value - newest.lastValue) > 0) {
      if (this.#apartMax > 0) {
        this.#runs.push(pointOf(value, timeMs));
        this.#joinBeyondMax(this.#runs);
        return;
      }
      gain(newest, this.#gain.step(newest.lastValue, value, timeMs - newest.lastMs));
      newest.lastMs = timeMs;
      newest.lastValue = value;
    } else this.#settle([...this.#runs, pointOf(value, timeMs)]);
  }

  merge(from: Runs): void {
    this.#inexactCount += from.#inexactCount;
    this.#settle([...this.#runs, ...from.#runs.map((run) => ({ ...run }))]);
  }

  copy(): Runs {
    const copy = new Runs(this.#gain, this.#apartMax);
    copy.merge(this);
    return copy;
  }

  /** All runs as one; undefined where there is none. */
  joined(): Readonly<Run> | undefined {
    const [first, ...others] = this.#runs;
    if (first === undefined) return undefined;
    const all = { ...first };
    for (const run of others) this.#follow(all, run);
    return all;
  }

  /**
   *   count  readings and runs that fell inside another run
   *   count  runs, at most 64, or `apartMax`; each, in order:
   *     u8   0, one reading: f64 time, f64 value
   *          1: f64 first time, f64 value, f64 last time, f64 value, f64 gained, f64 lost (the sum's compensation)
   *          2, what was gained has left the range of float64: as 1, without the last two
   */
  write(writer: StateWriter): void {
    writer.count(this.#inexactCount);
    writer.count(this.#runs.length);
    for (const run of this.#runs) {
      const form = isPoint(run) ? POINT : Number.isNaN(run.gained) ? UNKNOWN : STRETCH;
      writer.byte(form);
      writer.float(run.firstMs);
      writer.float(run.firstValue);
      if (form === POINT) continue;
      writer.float(run.lastMs);
      writer.float(run.lastValue);
      if (form === UNKNOWN) continue;
      writer.float(run.gained);
      writer.float(run.lost);
    }
  }

  static read(reader: StateReader, gain: Gain, apartMax = 0): Runs {
    const runs = new Runs(gain, apartMax);
    runs.#inexactCount = reader.count();
    const count = reader.count(apartMax || RUNS_MAX);
    for (let index = 0; index < count; index++) {
      const run = readRun(reader);
      const before = runs.#runs.at(-1);
      if (before !== undefined) {
        const order = compareEnd(before, run);
        reader.require(order < 0 || (order === 0 && !isPoint(before) && !isPoint(run)));
      }
      runs.#runs.push(run);
    }
    reader.require(count > 0 || runs.#inexactCount === 0);
    return runs;
  }

  /** Makes a list of disjoint runs of these, which become its own. */
  #settle(runs: Run[]): void {
    runs.sort(compareRuns);
    const settled: Run[] = [];
    for (const run of runs) {
      const before = settled.at(-1);
      if (before === undefined || compareEnd(before, run) < 0) settled.push(run);
      else if (isPoint(run) && isEnd(before, run)) continue;
      else if (compareEnd(before, run) === 0) settled.push(run);
      else this.#overlap(before, run);
    }
    this.#joinBeyondMax(settled);
    this.#runs = settled;
  }

  #joinBeyondMax(runs: Run[]): void {
    while (runs.length > (this.#apartMax || RUNS_MAX)) this.#joinNearest(runs);
  }

  /** `run` begins inside `before`. */
  #overlap(before: Run, run: Run): void {
    this.#inexactCount++;
    if ((run.lastMs - before.lastMs || run.lastValue - before.lastValue) <= 0) return;
    gain(before, this.#gain.rest(before, run));
    before.lastMs = run.lastMs;
    before.lastValue = run.lastValue;
  }

  #joinNearest(runs: Run[]): void {
    let nearest = 1;
    for (let index = 2; index < runs.length; index++)
      if (gapMs(runs, index) < gapMs(runs, nearest)) nearest = index;
    const [run] = runs.splice(nearest, 1);
    this.#follow(runs[nearest - 1], run);
  }

  /** Extends `before` by a run that follows it. */
  #follow(before: Run, run: Run): void {
    gain(before, this.#gain.step(before.lastValue, run.firstValue, run.firstMs - before.lastMs));
    gain(before, run.gained);
    gain(before, run.lost);
    before.lastMs = run.lastMs;
    before.lastValue = run.lastValue;
  }
}

function pointOf(value: number, timeMs: EventTimeMs): Run {
  return { firstMs: timeMs, firstValue: value, lastMs: timeMs, lastValue: value, gained: 0, lost: 0 };
}

function isPoint(run: Run): boolean {
  return run.firstMs === run.lastMs && run.firstValue === run.lastValue;
}

/** Is this one reading the first or the last of the run? */
function isEnd(run: Run, point: Run): boolean {
  return (
    (point.firstMs === run.firstMs && point.firstValue === run.firstValue) ||
    (point.firstMs === run.lastMs && point.firstValue === run.lastValue)
  );
}

/** Below 0: `run` begins after the end of `before`; 0: with it. */
function compareEnd(before: Run, run: Run): number {
  return before.lastMs - run.firstMs || before.lastValue - run.firstValue;
}

/** By their beginning; of those that begin together the longest first, which may hold the others. */
function compareRuns(a: Run, b: Run): number {
  return (
    a.firstMs - b.firstMs ||
    a.firstValue - b.firstValue ||
    b.lastMs - a.lastMs ||
    b.lastValue - a.lastValue ||
    Number(Number.isNaN(b.gained)) - Number(Number.isNaN(a.gained)) ||
    b.gained - a.gained ||
    b.lost - a.lost
  );
}

function gapMs(runs: readonly Run[], index: number): number {
  return runs[index].firstMs - runs[index - 1].lastMs;
}

function gain(run: Run, added: number): void {
  const before = run.gained;
  const after = before + added;
  const lost =
    run.lost + (Math.abs(before) >= Math.abs(added) ? before - after + added : added - after + before);
  const isKnown = Number.isFinite(after + lost);
  run.gained = isKnown ? after : Number.NaN;
  run.lost = isKnown ? lost : 0;
}

function readRun(reader: StateReader): Run {
  const form = reader.byte();
  reader.require(form <= UNKNOWN);
  const firstMs = reader.float();
  const firstValue = reader.float();
  reader.require(Number.isSafeInteger(firstMs));
  if (form === POINT) return pointOf(firstValue, firstMs);
  const lastMs = reader.float();
  const lastValue = reader.float();
  reader.require(Number.isSafeInteger(lastMs) && (lastMs - firstMs || lastValue - firstValue) > 0);
  const isKnown = form === STRETCH;
  const gained = isKnown ? reader.float() : Number.NaN;
  const lost = isKnown ? reader.float() : 0;
  reader.require(!isKnown || Number.isFinite(gained + lost));
  return { firstMs, firstValue, lastMs, lastValue, gained, lost };
}
