import type { Labels } from "../series.ts";

/** The groups that the series of a batch belong to. */
export interface SeriesGroups {
  /** Each once, in order of their first series. */
  readonly names: readonly string[];
  /** Of each series, the place of its group among them. */
  readonly indexOf: Uint32Array;
}

export function seriesGroups(series: readonly Labels[], groupOf: (labels: Labels) => string): SeriesGroups {
  const places = new Map<string, number>();
  const indexOf = new Uint32Array(series.length);
  for (let index = 0; index < series.length; index++) {
    const name = groupOf(series[index]);
    let place = places.get(name);
    if (place === undefined) {
      place = places.size;
      places.set(name, place);
    }
    indexOf[index] = place;
  }
  return { names: [...places.keys()], indexOf };
}
