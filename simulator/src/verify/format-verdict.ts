import { formatTable } from "./format-table.ts";
import type { TruthCounts, Verdict } from "./verify-truth.ts";

/** The verdict for people: a table, then the first faults in words. */
export function formatVerdict(verdict: Verdict): string {
  const table = formatTable([
    ["window", "expected", "right", "wrong", "missing", "extra", "unsure", "compared"],
    ...verdict.windows.map((each) => [
      each.window,
      each.expected,
      each.right,
      each.wrong,
      each.missing,
      each.extra,
      each.unsure,
      each.compared.join(" "),
    ]),
  ]);
  const { right, missed, wrong, delay } = verdict.alarms;
  const alarms = formatTable([
    ["alarms", "true", "false", "missed", "delay p50", "delay max"],
    ["", right, wrong, missed, ...(delay === null ? ["", ""] : [`${delay.p50Ms} ms`, `${delay.maxMs} ms`])],
  ]);
  const ledger = formatTable([
    ["ledger", "site", "must be", "is"],
    ...verdict.ledger.map(({ site, count, min, max, found, isRight }) => [
      `${isRight ? "✓" : "✗"} ${count}`,
      site,
      min === max ? String(min) : max === Infinity ? `${min} or more` : `${min} to ${max}`,
      found,
    ]),
  ]);
  const faults = [...verdict.windows.flatMap((each) => each.faults), ...verdict.alarms.faults];
  return [
    table,
    "",
    alarms,
    ...(verdict.ledger.length === 0 ? [] : ["", ledger]),
    "",
    formatReadings(verdict.readings),
    ...(verdict.unjudged.length === 0
      ? []
      : [`not judged, since readings do not say their time: ${verdict.unjudged.join(", ")}`]),
    ...(verdict.windows.length === 0 ? ["no window of the pipeline has a metric of this truth"] : []),
    ...faults.map((fault) => `  ✗ ${fault}`),
    verdict.isRight
      ? "✓ every window, every alarm and the ledger are as the truth says"
      : "✗ central differs from the truth",
  ].join("\n");
}

function formatReadings(readings: TruthCounts): string {
  const { generated, unacked, lost, spoilt, repeated, again, hasEnded } = readings;
  const further = [
    [lost, "lost on the way"],
    [spoilt, "spoilt on the way"],
    [repeated, "said again by a clock that was set back"],
    [again, "sent twice"],
  ] as const;
  return [
    `readings: ${generated} generated, ${unacked} never acknowledged`,
    ...further.flatMap(([count, words]) => (count === 0 ? [] : [`${count} ${words}`])),
    ...(hasEnded ? [] : ["the simulator has not ended: what reaches into its last 5 s is not judged"]),
  ].join(", ");
}
