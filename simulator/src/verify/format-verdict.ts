import { formatTable } from "./format-table.ts";
import type { WindowVerdict } from "./compare-windows.ts";
import type { LedgerRow } from "./judge-ledger.ts";
import { notYet } from "./not-yet.ts";
import { isAlone, type OthersWindows } from "./others-windows.ts";
import type { RecordVerdict } from "./records/judge-records.ts";
import type { TruthCounts, Verdict } from "./verify-truth.ts";

/** The verdict for people: a table, then the first faults in words. */
export function formatVerdict(verdict: Verdict): string {
  const { records } = verdict;
  const windows = [...verdict.windows, ...(records?.windows ?? [])];
  const table = formatTable([
    ["window", "expected", "right", "wrong", "missing", "extra", "unsure", "compared"],
    ...windows.map((each) => [
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
  const hasReadings = records === null || verdict.readings.generated > 0;
  const alarms = [
    ...[...verdict.windowRules.verdicts, ...(records?.ruleAlarms ?? [])].map((each) => [
      each.rule,
      each.right,
      each.wrong,
      each.missed,
      "",
      "",
    ]),
    ...(hasReadings ? [["on readings", right, wrong, missed, ...delayCells(delay)]] : []),
    ...(records?.alarms ?? []).map((each) => [
      each.rule,
      each.right,
      each.wrong,
      each.missed,
      ...delayCells(each.delay),
    ]),
  ];
  const ledgers = [
    ...(verdict.ledger.length === 0 ? [] : ["", formatLedger("site", verdict.ledger)]),
    ...(records === null || records.ledger.length === 0 ? [] : ["", formatLedger("stream", records.ledger)]),
  ];
  const faults = [
    ...windows.flatMap((each) => each.faults),
    ...verdict.alarms.faults,
    ...verdict.windowRules.verdicts.flatMap((each) => each.faults),
    ...(records?.ruleAlarms ?? []).flatMap((each) => each.faults),
    ...(records?.alarms ?? []).flatMap((each) => each.faults),
    ...(records?.faults ?? []),
  ];
  return [
    table,
    ...(alarms.length === 0
      ? []
      : ["", formatTable([["alarms", "true", "false", "missed", "delay p50", "delay max"], ...alarms])]),
    ...ledgers,
    "",
    ...(hasReadings ? [formatReadings(verdict.readings)] : []),
    ...(records === null ? [] : formatRecords(records)),
    ...(verdict.alarms.renewed === 0
      ? []
      : [
          `not judged: crossings whose alarm was latched still when it began again (${verdict.alarms.renewed}), since central shows its last beginning only`,
        ]),
    ...[...verdict.windowRules.verdicts, ...(records?.ruleAlarms ?? []), ...(records?.alarms ?? [])].flatMap(
      ({ rule, covered }) => coveredNote(`alarms of ${rule}`, covered),
    ),
    ...coveredNote("crossings", verdict.alarms.covered),
    ...windows.flatMap(({ window, uncompared }) =>
      uncompared.length === 0
        ? []
        : [`not judged: ${uncompared.join(", ")} of ${window}, since the truth does not hold them`],
    ),
    ...[...verdict.unjudged, ...verdict.windowRules.unjudged].map(
      ({ what, why }) => `not judged: ${what}, since ${why}`,
    ),
    ...provisionalNote(windows),
    ...othersNote("readings", verdict.others),
    ...(records === null ? [] : othersNote("records", records.others)),
    ...faults.map((fault) => `  ✗ ${fault}`),
    lastWord(verdict, windows),
  ].join("\n");
}

/** Why less is judged beside a central that others write to; or that somebody does, and what to do about it. */
function othersNote(what: "readings" | "records", others: OthersWindows): string[] {
  const { isAllowed, before, after, elsewhere } = others;
  const parts = [
    ...(before === 0 ? [] : [`${before} from before this truth's first of its ${what}`]),
    ...(after === 0 ? [] : [`${after} from after its last`]),
    ...(elsewhere === 0 ? [] : [`${elsewhere} of other sites`]),
  ];
  if (parts.length === 0) return [];
  const found = `central holds ${before + after + elsewhere} windows of others: ${parts.join(", ")}`;
  if (!isAllowed)
    return [
      `  ✗ ${found}. If others write to this central too, pass --beside-others to leave theirs out; else they are wrong`,
    ];
  if (before + after === 0) return [`left out: ${found}`];
  return [
    `left out: ${found}. So counts of the ledger, and windows that reach beyond the truth, must be so much at least, and others' alarms are not judged; a central with an empty data folder is judged to the last one`,
  ];
}

function coveredNote(what: string, count: number): string[] {
  if (count === 0) return [];
  return [
    `not judged: ${what} (${count}) that began while one from before this truth was active, which covers them`,
  ];
}

function provisionalNote(windows: readonly WindowVerdict[]): string[] {
  const count = windows.reduce((sum, { provisional }) => sum + provisional, 0);
  const agents = [...new Set(windows.flatMap(({ awaited }) => awaited))].toSorted();
  if (count === 0) return [];
  return [`not judged: that ${count} windows are complete, since central waits for ${agents.join(", ")}`];
}

function wrongText(verdict: Verdict): string {
  const why = notYet(verdict);
  if (why === null) return "✗ central differs from the truth";
  return `… not yet: central differs from the truth, and waits still. ${why}`;
}

function lastWord(verdict: Verdict, windows: readonly WindowVerdict[]): string {
  const { isRight, readings, others, records } = verdict;
  if (!windows.some(({ judged }) => judged > 0))
    return windows.length === 0
      ? "✗ nothing was judged: no window of the pipeline has a reading or a record of this truth"
      : "✗ nothing was judged: no window of this truth has ended yet, or is sure to have a reading";
  if (!isRight) return wrongText(verdict);
  if ((readings.generated > 0 && !readings.hasEnded) || records?.hasEnded === false)
    return "✓ what could be judged so far is as the truth says; the ledger is not, before the end";
  const isBeside = [others, records?.others].some((each) => each !== undefined && !isAlone(each));
  return isBeside
    ? "✓ all that the truth holds is at central as it says"
    : "✓ every window, every alarm and the ledger are as the truth says";
}

function delayCells(delay: Verdict["alarms"]["delay"]): readonly string[] {
  return delay === null ? ["", ""] : [`${delay.p50Ms} ms`, `${delay.maxMs} ms`];
}

function formatLedger(place: string, rows: readonly LedgerRow[]): string {
  return formatTable([
    ["ledger", place, "must be", "is"],
    ...rows.map(({ site, count, min, max, found, reasons, isRight }) => [
      `${isRight ? "✓" : "✗"} ${count}`,
      site,
      min === max ? String(min) : max === Infinity ? `${min} or more` : `${min} to ${max}`,
      isRight || reasons === undefined || reasons === "" ? found : `${found} (${reasons})`,
    ]),
  ]);
}

function formatRecords({
  sent,
  unacked,
  again,
  spoilt,
  tombstonesUnsent,
  hasEnded,
  matches,
  unjudged,
}: RecordVerdict): string[] {
  const unsent =
    tombstonesUnsent === 0 ? "" : ` (${tombstonesUnsent} of them tombstones, for which HTTP has no line)`;
  const counts = [
    `records: ${sent} sent${unsent}, ${unacked} ${hasEnded ? "never" : "not"} acknowledged`,
    ...(again === 0 ? [] : [`${again} sent twice`]),
    ...(spoilt === 0 ? [] : [`${spoilt} spoilt on the way`]),
    ...(hasEnded ? [] : ["they have not ended: what reaches beyond the last that came is not judged"]),
  ];
  return [
    counts.join(", "),
    ...matches.map(({ window, reads }) => `judged: ${window}, by ${reads}`),
    ...unjudged.map(({ what, why }) => `not judged: ${what}, since ${why}`),
  ];
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
    `readings: ${generated} generated`,
    ...(hasEnded ? [`${unacked} never acknowledged`] : []),
    ...further.flatMap(([count, words]) => (count === 0 ? [] : [`${count} ${words}`])),
    ...(hasEnded ? [] : ["the simulator has not ended: what reaches into its last 5 s is not judged"]),
  ].join(", ");
}
