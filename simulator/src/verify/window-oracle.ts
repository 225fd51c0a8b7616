import type { TruthReading } from "../truth/truth-line.ts";

/** A window as the pipeline has it. */
export interface WindowDefinition {
  readonly name: string;
  readonly metric: string;
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly by: readonly string[];
}

export interface TrueWindow {
  readonly window: string;
  readonly startMs: number;
  /** The values of the labels in `by`, in that order. */
  readonly group: readonly string[];
  count: number;
  /** Compensated (Neumaier), so that it may judge sums to 1e-12. */
  sum: number;
  sumAbsolute: number;
  min: number;
  max: number;
}

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

  add(reading: TruthReading): void {
    for (const definition of this.#definitions) {
      if (definition.metric !== reading.metric) continue;
      const group = definition.by.map((label) => labelOf(reading, label));
      const { slideMs, offsetMs } = definition;
      const lastStartMs = Math.floor((reading.time - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let startMs = lastStartMs; startMs > reading.time - definition.sizeMs; startMs -= slideMs) {
        this.#addTo(definition.name, startMs, group, reading.value);
      }
    }
  }

  /** By `windowKey`. */
  results(): ReadonlyMap<string, TrueWindow> {
    const results = new Map<string, TrueWindow>();
    for (const [key, { compensation, ...window }] of this.#windows)
      results.set(key, { ...window, sum: window.sum + compensation });
    return results;
  }

  #addTo(window: string, startMs: number, group: readonly string[], value: number): void {
    const key = windowKey(window, startMs, group);
    let state = this.#windows.get(key);
    if (state === undefined) {
      state = {
        window,
        startMs,
        group,
        count: 0,
        sum: 0,
        sumAbsolute: 0,
        min: Infinity,
        max: -Infinity,
        compensation: 0,
      };
      this.#windows.set(key, state);
    }
    state.count++;
    const sum = state.sum + value;
    state.compensation +=
      Math.abs(state.sum) >= Math.abs(value) ? state.sum - sum + value : value - sum + state.sum;
    state.sum = sum;
    state.sumAbsolute += Math.abs(value);
    state.min = Math.min(state.min, value);
    state.max = Math.max(state.max, value);
  }
}

export function windowKey(window: string, startMs: number, group: readonly string[]): string {
  return `${window} ${startMs} ${JSON.stringify(group)}`;
}

function labelOf(reading: TruthReading, label: string): string {
  if (label === "site") return reading.site;
  if (label === "line") return reading.line;
  return label === "machine" ? reading.machine : "";
}
