import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import { inOrder, readings, reportOf, runBatches, runNestedMaps } from "./workload/pane-runs.ts";

/** The same with 10 % of the readings up to 5 s out of order and 1 % behind the watermark. */
export const engineDisorder: Bench = {
  name: "engine-disorder",
  summary: "engine-panes with readings out of order and late, beside itself in order and Maps of objects",
  async run({ isQuick }) {
    const ordered = inOrder(isQuick);
    const disordered = readings(isQuick, { disorderShare: 0.1, lateShare: 0.01 });
    const rates = measureRates(
      {
        disorder: () => runBatches(disordered),
        order: () => runBatches(ordered),
        nestedMaps: () => runNestedMaps(disordered),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    return {
      ...reportOf(rates.disorder, rates.nestedMaps),
      further: {
        spread: rounded(rates.disorder.spread),
        inOrderReadingsPerSecond: rounded(rates.order.perSecond),
        shareOfInOrder: rounded(rates.disorder.perSecond / rates.order.perSecond),
      },
    };
  },
};
