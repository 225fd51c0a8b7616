import type { BusinessRecord } from "../business/business-record.ts";
import { BusinessRun } from "../business/business-run.ts";
import { MADE_RECORD_LINES } from "../business/truth/business-truth-line.ts";
import { parsePlan } from "../plan/load-plan.ts";
import { RecordedPlant } from "../plant/recorded-plant.ts";
import { topicOf } from "../plant/topic-of.ts";
import {
  formatTruthLine,
  parseTruthLine,
  type TruthAlarm,
  type TruthHeader,
  type TruthLine,
} from "./truth-line.ts";

export interface RepeatedRunOptions {
  /** The truth's path, for messages. */
  readonly path: string;
  /** Each line that was made again. */
  readonly record: (line: TruthLine) => void;
  /** Sees the records of each step; all of them are made up to `madeToMs`. */
  readonly onRecords?: (records: readonly BusinessRecord[], madeToMs: number) => void;
}

const NETWORK_LINES: ReadonlySet<TruthLine["type"]> = new Set([
  "sent",
  "unsure",
  "acked",
  "unacked",
  "end",
  "records-acked",
  "records-unacked",
]);
/** A step of a machine that was silenced gives no line; neither does one of records within a window. */
const SILENT_STEPS_MAX = 10_000_000;

/**
 * Makes a run again from its truth: plan, seed, starts and commands are taken from there, everything else is made and
 * held against it. Lines of a truth file go in in their order; machines and records each have theirs, which may be
 * interleaved in any way.
 */
export class RepeatedRun {
  readonly #options: RepeatedRunOptions;
  #plant: RecordedPlant | null = null;
  #business: BusinessRun | null = null;
  #first: BusinessRun | null = null;
  #ofPlant: TruthLine[] = [];
  #ofRecords: TruthLine[] = [];
  #alarms: TruthAlarm[] = [];
  #lastTimeMs = 0;
  /** Of all runs in the file: what a delivery names. */
  #readingCount = 0;
  #lineCount = 0;

  constructor(options: RepeatedRunOptions) {
    this.#options = options;
  }

  /** Lines made again so far. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** Event time up to which records are made; -Infinity before the first run, Infinity where it makes none. */
  get recordsMadeToMs(): number {
    return this.#business?.nextTimeMs ?? (this.#plant === null ? -Infinity : Infinity);
  }

  /** What a system had to know before the first record of the first run; none before it begins. */
  history(): Iterable<BusinessRecord> {
    return this.#first?.history() ?? [];
  }

  /** Null, or what is not as the truth has it. What the network did (acknowledgements, the end) is not made again. */
  onLine(line: TruthLine): { readonly expected: string; readonly made: string } | null {
    if (NETWORK_LINES.has(line.type)) return null;
    const isOfRecords = MADE_RECORD_LINES.has(line.type);
    if (line.type === "run") this.#begin(line);
    else if (line.type === "rest") {
      this.#stepToTick(line.step);
      this.#plant?.rest();
    } else if (line.type === "command") this.#command(line);
    else if (line.type === "records-end") this.#end(line.time);
    else if (line.type === "live") {
      this.#stepToTick(line.step);
      this.#plant?.live(line.order, line.time);
    } else if (isOfRecords) this.#stepRecords(Infinity);
    else this.#stepPlant(() => false);
    const made = (isOfRecords ? this.#ofRecords : this.#ofPlant).shift();
    if (line.type === "alarm" || line.type === "cleared") this.#alarms.push(line);
    if (line.type === "reading") {
      this.#lastTimeMs = Math.max(this.#lastTimeMs, line.time);
      this.#readingCount += 1;
    }
    const difference = { expected: formatTruthLine(line), made: made === undefined ? "" : inFileOrder(made) };
    if (made === undefined || difference.made !== difference.expected) return difference;
    this.#options.record(made);
    this.#lineCount++;
    return null;
  }

  #begin({ plan: text, seed, start, ...times }: TruthHeader): void {
    const plan = parsePlan(text, `${this.#options.path}, plan`, { seed });
    const { plantStart, recordsStart } = times;
    this.#ofPlant = [];
    this.#plant = new RecordedPlant({
      plan,
      startMs: start,
      recordsStartMs: recordsStart ?? null,
      recovery: {
        plantStartMs: plantStart,
        lastTimeMs: this.#lastTimeMs,
        readingCount: this.#readingCount,
        unacked: [],
        alarms: this.#alarms,
      },
      record: (line) => this.#ofPlant.push(line),
    });
    if (recordsStart !== undefined && this.#business !== null) return;
    this.#ofRecords = [];
    this.#business =
      plan.business === null
        ? null
        : new BusinessRun({
            plan: plan.business,
            seed,
            startMs: recordsStart ?? start,
            record: (line) => this.#ofRecords.push(line),
            hasRecords: this.#options.onRecords !== undefined,
          });
    this.#first ??= this.#business;
  }

  /** Windows that were open at the end follow it as they were. */
  #end(timeMs: number): void {
    this.#stepRecords(timeMs);
    if (this.#ofRecords.length === 0) this.#business?.finish();
  }

  #command(line: Extract<TruthLine, { readonly type: "command" }>): void {
    this.#stepToTick(line.step);
    const { outcome, command, id } = line;
    const given = outcome === "expired" || outcome === "malformed" ? outcome : (command ?? "malformed");
    this.#plant?.command(topicOf(line, "command"), { outcome: given, id }, line.time);
  }

  /** What came after so many ticks of machines. */
  #stepToTick(tick: number): void {
    this.#stepPlant((plant) => plant.stepCount >= tick);
  }

  /** No further than to the next line that is made. */
  #stepPlant(isReached: (plant: RecordedPlant) => boolean): void {
    const plant = this.#plant;
    if (plant === null || plant.machines.length === 0) return;
    for (let count = 0; count < SILENT_STEPS_MAX; count += 1) {
      if (this.#ofPlant.length > 0 || isReached(plant)) return;
      plant.step();
    }
  }

  /** No further than to the next line that is made. */
  #stepRecords(untilMs: number): void {
    const business = this.#business;
    if (business === null) return;
    for (let count = 0; count < SILENT_STEPS_MAX; count += 1) {
      if (this.#ofRecords.length > 0 || business.nextTimeMs >= untilMs) return;
      const records = business.step();
      this.#options.onRecords?.(records, business.nextTimeMs);
    }
  }
}

/** Keys as a line that was read has them. */
function inFileOrder(line: TruthLine): string {
  const text = formatTruthLine(line);
  const read = parseTruthLine(text);
  return read === undefined ? text : formatTruthLine(read);
}
