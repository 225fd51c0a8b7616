import { formatVerdict } from "../../simulator/src/verify/format-verdict.ts";
import { type Verdict, verifyTruth } from "../../simulator/src/verify/verify-truth.ts";
import type { CentralHarness } from "./central-harness.ts";
import { until } from "./until.ts";

/** Waits until central is as a run's truth has it, after the run's end; throws with the verdict as it stands. */
export async function expectVerdict(
  central: CentralHarness,
  truthPath: string,
  limitMs?: number,
  hasEnded = ({ readings }: Verdict): boolean => readings.hasEnded,
): Promise<Verdict> {
  const judge = () => verifyTruth({ truthPath, centralUrl: `http://127.0.0.1:${central.httpPort}` });
  try {
    return await until(
      "central says what the truth says",
      async () => {
        const verdict = await judge();
        return verdict.isRight && hasEnded(verdict) && verdict;
      },
      limitMs,
    );
  } catch (error) {
    throw new Error(formatVerdict(await judge()), { cause: error });
  }
}
