import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import type { CentralWindow } from "../../simulator/src/verify/central-client.ts";
import { compareWindows } from "../../simulator/src/verify/compare-windows.ts";
import { WindowOracle } from "../../simulator/src/verify/window-oracle.ts";
import type { CentralHarness } from "./central-harness.ts";
import { until } from "./until.ts";

/**
 * Waits until the last revision of every window at central says what the readings say: count, min and max exactly, sums
 * within 1e-12 of Σ|x|, no window missing and none too many. Throws with the first faults. Resolves with the number of
 * windows compared.
 */
export async function expectTruth(
  central: CentralHarness,
  truth: readonly TruthReading[],
  limitMs?: number,
): Promise<number> {
  const { windows: definitions } = await central.client.pipeline();
  const oracle = new WindowOracle(definitions);
  for (const reading of truth) oracle.add(reading);
  const expected = oracle.results();
  let faults: string[] = [];
  try {
    await until(
      "every window equals the truth",
      async () => {
        faults = [];
        for (const definition of definitions) {
          const rows: CentralWindow[] = [];
          for await (const row of central.client.windows(definition.name, 0, Number.MAX_SAFE_INTEGER))
            if (row.mergedIntoMs === undefined) rows.push(row);
          const ofDefinition = [...expected].filter(([, window]) => window.window === definition.name);
          const verdict = compareWindows(definition, new Map(ofDefinition), rows);
          if (verdict.wrong + verdict.missing + verdict.extra > 0) {
            const { wrong, missing, extra } = verdict;
            faults.push(
              `${definition.name}: ${wrong} wrong, ${missing} missing, ${extra} extra`,
              ...verdict.faults,
            );
          }
        }
        return faults.length === 0;
      },
      limitMs,
    );
  } catch (error) {
    throw new Error(`central differs from the truth\n${faults.join("\n")}`, { cause: error });
  }
  return expected.size;
}
