import { WallClock } from "../business/wall-clock.ts";
import type { Place } from "./records/geography.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { type Arrival, type ArrivalVerdict, judgeArrival } from "./arrival.ts";

/** A window as the pipeline has it. */
export interface WindowDefinition {
  readonly name: string;
  readonly metric: string;
  /** Absent: aligned. */
  readonly kind?: "aligned" | "day" | "session";
  /** Of days. */
  readonly timeZone?: string | undefined;
  /** Of a session its greatest length and its gap together. */
  readonly sizeMs: number;
  /** Of a session its gap. */
  readonly slideMs: number;
  readonly offsetMs: number;
  /** How long after its end it takes readings; default: for ever. */
  readonly latenessMs?: number;
  readonly by: readonly string[];
  /** What its metric accumulates, by name, as far as it is known. */
  readonly accumulate?: readonly string[];
  /** What its metric's ratio counts; absent: it has none. */
  readonly ratio?: RatioDefinition | null;
}

export interface RatioDefinition {
  readonly side: "below" | "equal" | "above";
  readonly limit: number;
}

/** A reading, or what a metric reads of a record. */
export interface WindowedValue {
  readonly metric: string;
  readonly time: number;
  /** A number, who it is of, or where it was. */
  readonly value: number | string | Place;
  /** The value of a label; "" where it has none. */
  readonly labelOf: (label: string) => string;
}

export interface TrueWindow {
  readonly window: string;
  readonly startMs: number;
  /** The values of the labels in `by`, in that order. */
  readonly group: readonly string[];
  /** Of a session: the gap after its last reading. */
  endMs: number;
  /**
   * Of a session: where in these times sessions lie nobody can be sure of, for readings that may not be in them, or since it is longer than
   * sessions may be.
   */
  isLoose?: boolean;
  count: number;
  /** Readings beside `count` that may be in it: they came about when it was given up, or nobody knows that they came. */
  unsureCount: number;
  /** Compensated (Neumaier), so that it may judge sums to 1e-12. */
  sum: number;
  sumAbsolute: number;
  /** Σx², likewise, and what it was at most: what was taken out again leaves its rounding. */
  squares: number;
  squaresMax: number;
  min: number;
  max: number;
  /** By event time; of several at the same time the smaller is first and the greater last. */
  readonly first: TimedValue;
  readonly last: TimedValue;
  /** Of `count`, those that the metric's ratio counts. */
  ratioCount: number;
  /** Who was seen, where that is what the metric reads. */
  readonly identities: Set<string>;
  /** Where, in any order, likewise. */
  readonly places: { readonly timeMs: number; readonly place: Place }[];
}

interface TimedValue {
  timeMs: number;
  value: number;
}

interface WindowState extends TrueWindow {
  compensation: number;
  squaresCompensation: number;
}

/** One window that a reading belongs into. */
interface WindowPlace {
  readonly definition: WindowDefinition;
  readonly startMs: number;
  readonly endMs: number;
  readonly group: readonly string[];
  /** When it takes no more readings. */
  readonly limitMs: number;
}

interface Addition extends WindowPlace {
  readonly reading: WindowedValue;
  readonly verdict: ArrivalVerdict;
}

/** What may be in sessions, until all of it is known. */
interface SessionGroup {
  readonly definition: WindowDefinition;
  readonly group: readonly string[];
  readonly readings: { readonly reading: WindowedValue; readonly verdict: ArrivalVerdict }[];
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const AT_ONCE: Arrival = { earliestMs: -Infinity, latestMs: -Infinity, isUnsure: false };

/**
 * What every window must say, computed reading by reading and window by window: no panes, no merging, nothing shared
 * with the engine that it judges.
 */
export class WindowOracle {
  readonly #definitions: readonly WindowDefinition[];
  readonly #windows = new Map<string, WindowState>();
  readonly #sessions = new Map<string, SessionGroup>();
  readonly #clocks = new Map<string, WallClock>();

  constructor(definitions: readonly WindowDefinition[]) {
    this.#definitions = definitions;
  }

  /** Where the reading is: in a window at least, in none because it came too late for all, in none there is, or unsure. */
  add(reading: TruthReading, arrival: Arrival = AT_ONCE): ArrivalVerdict | "none" {
    const { metric, time, value } = reading;
    return this.addValue({ metric, time, value, labelOf: (label) => labelOf(reading, label) }, arrival);
  }

  addValue(reading: WindowedValue, arrival: Arrival = AT_ONCE): ArrivalVerdict | "none" {
    let place: ArrivalVerdict | "none" = "none";
    for (const window of this.#windowsOf(reading)) {
      const verdict = judgeArrival(arrival, window.limitMs);
      if (window.definition.kind === "session") this.#wait(window, { reading, verdict });
      else if (verdict !== "late") this.#addTo({ ...window, reading, verdict });
      if (place !== "in" && !(place === "unsure" && verdict === "late")) place = verdict;
    }
    return place;
  }

  /** It may have come too late for a window that it belongs into. */
  mayMiss(reading: WindowedValue, arrival: Arrival): boolean {
    return [...this.#windowsOf(reading)].some(({ limitMs }) => judgeArrival(arrival, limitMs) !== "in");
  }

  /**
   * What a row had said until it said something else at `arrival`: in no window any more, but perhaps where that was too late. A sum
   * that was once greater is less exact.
   */
  takeOutValue(reading: WindowedValue, arrival: Arrival): void {
    for (const window of this.#windowsOf(reading)) {
      const verdict = judgeArrival(arrival, window.limitMs);
      const state = this.#stateOf(window);
      if (verdict !== "in") state.unsureCount++;
      if (typeof reading.value !== "number") continue;
      state.sumAbsolute += 2 * Math.abs(reading.value);
      state.squaresMax += 2 * reading.value ** 2;
    }
  }

  /** By `windowKey`. */
  results(): ReadonlyMap<string, TrueWindow> {
    for (const group of this.#sessions.values()) this.#cutSessions(group);
    this.#sessions.clear();
    const results = new Map<string, TrueWindow>();
    for (const [key, { compensation, squaresCompensation, ...window }] of this.#windows) {
      const { sum, squares } = window;
      results.set(key, { ...window, sum: sum + compensation, squares: squares + squaresCompensation });
    }
    return results;
  }

  *#windowsOf({ metric, time, labelOf: labelOfReading }: WindowedValue): Generator<WindowPlace> {
    for (const definition of this.#definitions) {
      if (definition.metric !== metric) continue;
      const group = definition.by.map(labelOfReading);
      const { kind, sizeMs, slideMs, offsetMs, latenessMs = Infinity } = definition;
      if (kind === "session") {
        // It is final no sooner than if it had begun as long before as a session can.
        const endMs = time + slideMs;
        yield { definition, startMs: time, endMs, group, limitMs: endMs + latenessMs };
        continue;
      }
      if (kind === "day") {
        const { startMs, endMs } = this.#dayOf(definition, time);
        yield { definition, startMs, endMs, group, limitMs: endMs + latenessMs };
        continue;
      }
      const lastStartMs = Math.floor((time - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let startMs = lastStartMs; startMs > time - sizeMs; startMs -= slideMs) {
        const endMs = startMs + sizeMs;
        yield { definition, startMs, endMs, group, limitMs: endMs + latenessMs };
      }
    }
  }

  #dayOf({ timeZone = "UTC" }: WindowDefinition, timeMs: number) {
    let clock = this.#clocks.get(timeZone);
    if (clock === undefined) this.#clocks.set(timeZone, (clock = new WallClock(timeZone)));
    const startMs = clock.midnightMs(Math.floor(clock.localMs(timeMs) / DAY_MS) * DAY_MS);
    return { startMs, endMs: clock.nextMidnightMs(timeMs) };
  }

  #wait({ definition, group }: WindowPlace, reading: SessionGroup["readings"][number]): void {
    if (reading.verdict === "late") return;
    const key = windowKey(definition.name, 0, group);
    let ofGroup = this.#sessions.get(key);
    if (ofGroup === undefined) this.#sessions.set(key, (ofGroup = { definition, group, readings: [] }));
    ofGroup.readings.push(reading);
  }

  /** Wherever more than the gap passes, one session ends. */
  #cutSessions({ definition, group, readings }: SessionGroup): void {
    const { sizeMs, slideMs: gapMs } = definition;
    const ordered = readings.toSorted((one, other) => one.reading.time - other.reading.time);
    let startMs = -Infinity;
    let endMs = -Infinity;
    for (const { reading, verdict } of ordered) {
      if (reading.time > endMs) startMs = reading.time;
      endMs = reading.time + gapMs;
      const window = { definition, startMs, endMs, group, limitMs: Infinity };
      this.#addTo({ ...window, reading, verdict });
      const state = this.#stateOf(window);
      state.endMs = endMs;
      state.isLoose = state.unsureCount > 0 || endMs - startMs > sizeMs;
    }
  }

  #stateOf({ definition, startMs, endMs, group }: WindowPlace): WindowState {
    const window = definition.name;
    const key = windowKey(window, startMs, group);
    let state = this.#windows.get(key);
    if (state === undefined) {
      state = {
        window,
        startMs,
        endMs,
        group,
        count: 0,
        unsureCount: 0,
        sum: 0,
        sumAbsolute: 0,
        squares: 0,
        squaresMax: 0,
        min: Infinity,
        max: -Infinity,
        first: { timeMs: Infinity, value: Infinity },
        last: { timeMs: -Infinity, value: -Infinity },
        ratioCount: 0,
        identities: new Set(),
        places: [],
        compensation: 0,
        squaresCompensation: 0,
      };
      this.#windows.set(key, state);
    }
    return state;
  }

  #addTo({ reading, verdict, ...window }: Addition): void {
    const { ratio = null } = window.definition;
    const { value } = reading;
    const state = this.#stateOf(window);
    if (verdict === "unsure") {
      state.unsureCount++;
      return;
    }
    state.count++;
    if (typeof value === "string") state.identities.add(value);
    if (typeof value === "object") state.places.push({ timeMs: reading.time, place: value });
    if (typeof value !== "number") return;
    state.compensation += roundingOf(state.sum, value);
    state.sum += value;
    state.sumAbsolute += Math.abs(value);
    const square = value ** 2;
    state.squaresCompensation += roundingOf(state.squares, square);
    state.squares += square;
    state.squaresMax += square;
    const { first, last } = state;
    if (reading.time < first.timeMs) [first.timeMs, first.value] = [reading.time, value];
    else if (reading.time === first.timeMs) first.value = Math.min(first.value, value);
    if (reading.time > last.timeMs) [last.timeMs, last.value] = [reading.time, value];
    else if (reading.time === last.timeMs) last.value = Math.max(last.value, value);
    state.min = Math.min(state.min, value);
    state.max = Math.max(state.max, value);
    if (ratio !== null && isCounted(ratio, value)) state.ratioCount++;
  }
}

/** What a sum loses to rounding when this is added (Neumaier). */
function roundingOf(sum: number, value: number): number {
  const next = sum + value;
  return Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
}

function isCounted({ side, limit }: RatioDefinition, value: number): boolean {
  return side === "above" ? value > limit : side === "below" ? value < limit : value === limit;
}

/** No window of it is longer: a day is when clocks are set back. */
export function spanMsMax({ kind, sizeMs }: WindowDefinition): number {
  return kind === "day" ? sizeMs + HOUR_MS : sizeMs;
}

export function windowKey(window: string, startMs: number, group: readonly string[]): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

function labelOf(reading: TruthReading, label: string): string {
  if (label === "site") return reading.site;
  if (label === "line") return reading.line;
  return label === "machine" ? reading.machine : "";
}
