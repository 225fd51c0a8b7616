import { ACCUMULATORS, type CountWindow, CountWindows, paneLayout, type PaneLayout } from "@millrace/stream";
import type { MetricSpec, Reading } from "@millrace/stream";
import type { CountEngine, FullWindow } from "./count-engine.ts";
import type { CountWindowSpec } from "./load-cases.ts";

interface Counted {
  readonly spec: CountWindowSpec;
  readonly layout: PaneLayout;
  windows: CountWindows;
}

interface CountedSeries {
  readonly agent: string;
  readonly labels: Readonly<Record<string, string>>;
}

const SERIES_MAX = 1_000;

/** `CountWindows` behind the port of the cases; at a restart they go through their stored bytes. */
export class StoredCountWindows implements CountEngine {
  readonly #counted: readonly Counted[];
  readonly #series: CountedSeries[] = [];
  readonly #indices = new Map<string, number>();

  constructor(specs: readonly CountWindowSpec[], metrics: readonly MetricSpec[]) {
    this.#counted = specs.map((spec) => {
      const metric = metrics.find(({ name }) => name === spec.metric);
      const layout = paneLayout(1, metric?.accumulate ?? []);
      return { spec, layout, windows: new CountWindows(layout, optionsOf(spec)) };
    });
  }

  add(agent: string, reading: Reading): readonly FullWindow[] {
    const series = this.#indexOf(agent, reading);
    return this.#counted
      .filter(({ spec }) => spec.metric === reading.metric)
      .flatMap(({ spec, layout, windows }) => {
        const full = windows.add(series, reading);
        return full === null ? [] : [{ window: spec.name, ...this.#series[series], ...shown(full, layout) }];
      });
  }

  restart(): void {
    for (const one of this.#counted) {
      const again = CountWindows.decode(one.windows.encode(), one.layout, optionsOf(one.spec));
      if (again === undefined) throw new Error("invariant: what was encoded is read");
      one.windows = again;
    }
  }

  #indexOf(agent: string, { metric, labels }: Reading): number {
    const names = Object.keys(labels).toSorted();
    const key = JSON.stringify([agent, metric, names.map((name) => [name, labels[name]])]);
    const index = this.#indices.get(key) ?? this.#series.push({ agent, labels }) - 1;
    this.#indices.set(key, index);
    return index;
  }
}

function optionsOf({ size }: CountWindowSpec) {
  return { size, seriesMax: SERIES_MAX };
}

function shown({ number, firstMs, lastMs, state }: CountWindow, layout: PaneLayout) {
  const { fields, sketches } = state;
  const values: Record<string, number> = {};
  for (const [index, accumulator] of layout.accumulators.entries()) {
    if (accumulator !== ACCUMULATORS.beside)
      Object.assign(values, accumulator.finish(fields, layout.offsets[index]));
  }
  for (const sketch of sketches) Object.assign(values, sketch?.results());
  const { uncertain, bad } = ACCUMULATORS.beside.finish(fields, layout.stride - ACCUMULATORS.beside.width);
  return { number, firstMs, lastMs, values, beside: { uncertain, bad } };
}
