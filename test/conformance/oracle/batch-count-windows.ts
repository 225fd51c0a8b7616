import { max, min } from "simple-statistics";
import type { MetricSpec, Reading } from "@millrace/stream";
import { summary } from "./batch-windows.ts";

/** A count window of a finished input. */
export interface BatchCountWindow extends ReturnType<typeof summary> {
  readonly window: string;
  readonly agent: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly number: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

interface BatchCountSpec {
  readonly name: string;
  readonly metric: string;
  readonly size: number;
}

type ArrivedReading = Pick<Reading, "metric" | "labels" | "timeMs" | "value" | "quality"> & {
  readonly agent: string;
};

/**
 * The batch oracle of windows of so many readings: the arrivals of each series are cut behind every so many good ones, and what is
 * left over is no window. In order of series, then of number.
 */
export function batchCountWindows(
  arrived: readonly ArrivedReading[],
  specs: readonly BatchCountSpec[],
  metrics: readonly Pick<MetricSpec, "name" | "accumulate">[],
): BatchCountWindow[] {
  return specs.flatMap(({ name: window, metric, size }) => {
    const { accumulate = [] } = metrics.find(({ name }) => name === metric) ?? {};
    const series = Map.groupBy(
      arrived.filter((reading) => reading.metric === metric),
      ({ agent, labels }) =>
        JSON.stringify([
          agent,
          Object.keys(labels)
            .toSorted()
            .map((name) => [name, labels[name]]),
        ]),
    );
    return Array.from(series.values(), (own) => {
      const goodAt = [...own.keys()].filter((at) => own[at].quality === "good");
      const endsAt = goodAt.filter((_, index) => (index + 1) % size === 0).map((at) => at + 1);
      return endsAt.map((endAt, index): BatchCountWindow => {
        const members = own.slice(endsAt[index - 1] ?? 0, endAt);
        const times = members.filter(({ quality }) => quality === "good").map(({ timeMs }) => timeMs);
        const [{ agent, labels }] = members;
        const place = { window, agent, labels, number: index + 1, firstMs: min(times), lastMs: max(times) };
        return { ...place, ...summary(members, accumulate) };
      });
    }).flat();
  });
}
