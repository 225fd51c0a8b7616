import type { Place } from "./records/geography.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { type Arrival, type ArrivalVerdict, judgeArrival } from "./arrival.ts";

/** A window as the pipeline has it. */
export interface WindowDefinition {
  readonly name: string;
  readonly metric: string;
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** How long after its end it takes readings; default: for ever. */
  readonly latenessMs?: number;
  readonly by: readonly string[];
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
  count: number;
  /** Readings beside `count` that may be in it: they came about when it was given up, or nobody knows that they came. */
  unsureCount: number;
  /** Compensated (Neumaier), so that it may judge sums to 1e-12. */
  sum: number;
  sumAbsolute: number;
  min: number;
  max: number;
  /** Of `count`, those that the metric's ratio counts. */
  ratioCount: number;
  /** Who was seen, where that is what the metric reads. */
  readonly identities: Set<string>;
  /** Where, in any order, likewise. */
  readonly places: { readonly timeMs: number; readonly place: Place }[];
}

/** One window that a reading belongs into. */
interface WindowPlace {
  readonly definition: WindowDefinition;
  readonly startMs: number;
  readonly group: readonly string[];
  /** When it takes no more readings. */
  readonly limitMs: number;
}

interface Addition extends WindowPlace {
  readonly reading: WindowedValue;
  readonly verdict: ArrivalVerdict;
}

const AT_ONCE: Arrival = { earliestMs: -Infinity, latestMs: -Infinity, isUnsure: false };

/**
 * What every window must say, computed reading by reading and window by window: no panes, no merging, nothing shared
 * with the engine that it judges.
 */
export class WindowOracle {
  readonly #definitions: readonly WindowDefinition[];
  readonly #windows = new Map<string, TrueWindow & { compensation: number }>();

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
      if (verdict !== "late") this.#addTo({ ...window, reading, verdict });
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
      if (typeof reading.value === "number") state.sumAbsolute += 2 * Math.abs(reading.value);
    }
  }

  /** By `windowKey`. */
  results(): ReadonlyMap<string, TrueWindow> {
    const results = new Map<string, TrueWindow>();
    for (const [key, { compensation, ...window }] of this.#windows)
      results.set(key, { ...window, sum: window.sum + compensation });
    return results;
  }

  *#windowsOf({ metric, time, labelOf: labelOfReading }: WindowedValue): Generator<WindowPlace> {
    for (const definition of this.#definitions) {
      if (definition.metric !== metric) continue;
      const group = definition.by.map(labelOfReading);
      const { sizeMs, slideMs, offsetMs, latenessMs = Infinity } = definition;
      const lastStartMs = Math.floor((time - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let startMs = lastStartMs; startMs > time - sizeMs; startMs -= slideMs)
        yield { definition, startMs, group, limitMs: startMs + sizeMs + latenessMs };
    }
  }

  #stateOf({ definition, startMs, group }: WindowPlace): TrueWindow & { compensation: number } {
    const window = definition.name;
    const key = windowKey(window, startMs, group);
    let state = this.#windows.get(key);
    if (state === undefined) {
      state = {
        window,
        startMs,
        group,
        count: 0,
        unsureCount: 0,
        sum: 0,
        sumAbsolute: 0,
        min: Infinity,
        max: -Infinity,
        ratioCount: 0,
        identities: new Set(),
        places: [],
        compensation: 0,
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
    const sum = state.sum + value;
    state.compensation +=
      Math.abs(state.sum) >= Math.abs(value) ? state.sum - sum + value : value - sum + state.sum;
    state.sum = sum;
    state.sumAbsolute += Math.abs(value);
    state.min = Math.min(state.min, value);
    state.max = Math.max(state.max, value);
    if (ratio !== null && isCounted(ratio, value)) state.ratioCount++;
  }
}

function isCounted({ side, limit }: RatioDefinition, value: number): boolean {
  return side === "above" ? value > limit : side === "below" ? value < limit : value === limit;
}

export function windowKey(window: string, startMs: number, group: readonly string[]): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

function labelOf(reading: TruthReading, label: string): string {
  if (label === "site") return reading.site;
  if (label === "line") return reading.line;
  return label === "machine" ? reading.machine : "";
}
