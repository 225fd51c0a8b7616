import { formatTable } from "./format-table.ts";
import type { Verdict } from "./verify-truth.ts";

/** The verdict for people: a table, then the first faults in words. */
export function formatVerdict(verdict: Verdict): string {
  const table = formatTable([
    ["window", "expected", "right", "wrong", "missing", "extra", "compared"],
    ...verdict.windows.map((each) => [
      each.window,
      each.expected,
      each.right,
      each.wrong,
      each.missing,
      each.extra,
      each.compared.join(" "),
    ]),
  ]);
  const { right, missed, wrong } = verdict.alarms;
  const { generated, unacked, hasEnded } = verdict.readings;
  const faults = [...verdict.windows.flatMap((each) => each.faults), ...verdict.alarms.faults];
  return [
    table,
    `alarms: ${right} right, ${missed} missed, ${wrong} false`,
    `readings: ${generated} generated, ${unacked} never acknowledged${hasEnded ? "" : "; the simulator has not ended: what reaches into its last 5 s is not judged"}`,
    ...(verdict.windows.length === 0 ? ["no window of the pipeline has a metric of this truth"] : []),
    ...faults.map((fault) => `  ✗ ${fault}`),
    verdict.isRight
      ? "✓ every window and every alarm is as the truth says"
      : "✗ central differs from the truth",
  ].join("\n");
}
