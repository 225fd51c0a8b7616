import type { AlarmEvent } from "@millrace/detect";
import { plainText, type ProgramOutput } from "@millrace/runtime";
import type { Labels, WindowResult } from "@millrace/stream";
import type { Rejection } from "../intake/rejection.ts";
import { type BadLine, placeText, type RecordedMessage } from "./recorded-message.ts";
import type { ReplayReport, ReplayTotals } from "./replay.ts";
import type { ToldWindow } from "./replayed-central.ts";

/** Bad lines and rejections that are named one by one; all are counted. */
const NAMED_MAX = 20;
/** Every value of a window fits. */
const LINE_LENGTH_MAX = 4_000;
const PROGRESS_MS = 2_000;
/** Printed together: one write each would cost more than the replay. */
const LINES_MAX = 256;

export interface PrintReportOptions {
  readonly output: ProgramOutput;
  readonly isJson: boolean;
  readonly monotonicMs: () => number;
  /** How far the files have been read; null where that is not known. */
  readonly share: () => number | null;
}

/** A replay as lines: windows and alarms on stdout, bad lines, rejections and progress on stderr. */
export class PrintReport implements ReplayReport {
  readonly #options: PrintReportOptions;
  #lines: string[] = [];
  #namedCount = 0;
  #shownMs: number;
  #messageCount = 0;
  readonly #counts = { complete: 0, revised: 0, cut: 0, raised: 0 };

  constructor(options: PrintReportOptions) {
    this.#options = options;
    this.#shownMs = options.monotonicMs();
  }

  window({ kind, result }: ToldWindow): void {
    this.#counts[kind] += 1;
    if (this.#options.isJson) return this.#print(JSON.stringify({ type: "window", ...result }));
    const { startMs, endMs, window, group, revision, values, mergedIntoMs } = result;
    // A session whose readings are in another one is no window of its own.
    const said = mergedIntoMs === undefined ? valuesText(values) : `merged into ${time(mergedIntoMs)}`;
    const shownKind = { complete: "complete", revised: `revision ${revision}`, cut: "provisional" }[kind];
    this.#print(row(startMs, "window", window, group, `${shownKind}  until ${time(endMs)}  ${said}`));
  }

  alarm(event: AlarmEvent): void {
    const { isActive, clearedAtMs, step, rule, labels, timeMs, message, value, limit, severity } = event;
    if (step === 1) this.#counts.raised += 1;
    if (this.#options.isJson) return this.#print(JSON.stringify({ type: "alarm", ...event }));
    const marks = [
      step === 1 ? "raised" : !isActive ? "ended" : clearedAtMs === null ? "active" : "cleared",
      ...(event.isLatched && clearedAtMs !== null ? ["latched"] : []),
      ...(event.isHistorical ? ["historical"] : []),
      ...(event.isSuppressed === true ? ["suppressed"] : []),
      ...(event.level === undefined ? [] : [event.level]),
    ];
    const command = event.command === null ? "" : `  would publish ${event.command.topic}`;
    const held =
      event.heldBack === undefined ? "" : `  command held back: ${event.heldBack.replaceAll("_", " ")}`;
    const said = `${marks.join(" ")}  value ${number(value)} limit ${number(limit)} severity ${severity}  ${message}`;
    this.#print(row(timeMs, "alarm", rule, labels, `${said}${command}${held}`));
  }

  bad({ place, reason }: BadLine): void {
    this.#name(`${placeText(place)}: bad line: ${reason}`);
  }

  rejected({ topic, place }: RecordedMessage, rejections: readonly Rejection[]): void {
    for (const { reason, detail, count } of rejections) {
      const more = count > 1 ? ` (and ${count - 1} more)` : "";
      this.#name(`${placeText(place)}: rejected(${reason}): ${topic}: ${detail}${more}`);
    }
  }

  moved(nowMs: number): void {
    this.#messageCount += 1;
    // The clock is not asked for each message.
    if (this.#messageCount % 1024 !== 0) return;
    const monotonicMs = this.#options.monotonicMs();
    if (monotonicMs - this.#shownMs < PROGRESS_MS) return;
    this.#shownMs = monotonicMs;
    this.flush();
    const share = this.#options.share();
    const read = share === null ? "" : `${Math.floor(share * 100)} % read, `;
    this.#options.output.err(`replay: ${read}${this.#messageCount} messages, at ${time(nowMs)}\n`);
  }

  /** The last lines: what there was, and whether it adds up. */
  totals(totals: ReplayTotals): { readonly isBalanced: boolean } {
    const { ledger, evidence, windows, messages, badLines, fromMs, toMs, activeAlarms } = totals;
    const rejected = Object.entries(ledger.rejected).filter(([, count]) => count > 0);
    const rejectedCount = rejected.reduce((sum, [, count]) => sum + count, 0);
    const isBalanced =
      ledger.received === ledger.aggregated + ledger.ruleOnly + ledger.duplicate + rejectedCount &&
      ledger.aggregated === windows.merged + windows.tooLate + windows.unwindowed;
    if (this.#options.isJson) {
      const { received, aggregated, ruleOnly, duplicate } = ledger;
      const counted = { received, aggregated, ruleOnly, duplicate, rejected: Object.fromEntries(rejected) };
      this.#print(
        JSON.stringify({
          type: "summary",
          messages,
          badLines,
          fromMs,
          toMs: fromMs === null ? null : toMs,
          windows: this.#counts,
          alarmsActive: activeAlarms.length,
          ledger: { ...counted, ...windows },
          evidence,
          isBalanced,
        }),
      );
    } else {
      const { complete, revised, cut, raised } = this.#counts;
      const span = fromMs === null ? "" : `, ${time(fromMs)} to ${time(toMs)}`;
      this.#print("");
      this.#print(`messages   ${messages}, bad lines ${badLines}${span}`);
      this.#print(`windows    complete ${complete}, revisions ${revised}, open at the end ${cut}`);
      if (evidence > 0) this.#print(`evidence   ${evidence} payloads, not looked into`);
      this.#print(`alarms     raised ${raised}, active at the end ${activeAlarms.length}`);
      this.#print(
        `ledger     received ${ledger.received} = aggregated ${ledger.aggregated} + rule only ${ledger.ruleOnly} + duplicate ${ledger.duplicate} + rejected ${rejectedCount}`,
      );
      this.#print(
        `           aggregated ${ledger.aggregated} = in windows ${windows.merged} (late: ${windows.revising}) + too late ${windows.tooLate} + of no window ${windows.unwindowed}`,
      );
      for (const [reason, count] of rejected) this.#print(`           rejected(${reason}) ${count}`);
      if (!isBalanced) this.#print("           it does NOT add up: please report it");
    }
    this.flush();
    return { isBalanced };
  }

  #name(text: string): void {
    this.#namedCount += 1;
    if (this.#namedCount <= NAMED_MAX) this.#options.output.err(`${plainText(text, LINE_LENGTH_MAX)}\n`);
    if (this.#namedCount === NAMED_MAX) this.#options.output.err("further ones are only counted\n");
  }

  #print(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= LINES_MAX) this.flush();
  }

  /** All that waits to be printed together. */
  flush(): void {
    if (this.#lines.length > 0) this.#options.output.out(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
  }
}

function row(timeMs: number, kind: string, name: string, labels: Labels, said: string): string {
  const named = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const line = `${time(timeMs)}  ${kind.padEnd(6)}  ${name}  ${named.join(" ")}  ${said}`;
  // Labels and texts come from wherever the recording was made.
  return plainText(line, LINE_LENGTH_MAX);
}

function valuesText(values: WindowResult["values"]): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(" ");
}

function number(value: number): string {
  return String(Number(value.toPrecision(10)));
}

function time(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
