import type { BusinessRecord } from "../business/business-record.ts";
import { parsePlan } from "../plan/load-plan.ts";
import { topicOf } from "../plant/topic-of.ts";
import { RecordedWorld } from "../recorded-world.ts";
import { formatTruthLine, parseTruthLine, type TruthAlarm, type TruthLine } from "./truth-line.ts";

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
 * held against it. Lines of a truth file go in in their order.
 */
export class RepeatedRun {
  readonly #options: RepeatedRunOptions;
  #world: RecordedWorld | null = null;
  #first: RecordedWorld | null = null;
  #made: TruthLine[] = [];
  #alarms: TruthAlarm[] = [];
  #lastTimeMs = 0;
  #lineCount = 0;

  constructor(options: RepeatedRunOptions) {
    this.#options = options;
  }

  /** Lines made again so far. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** Event time up to which records are made; -Infinity before the first run. */
  get recordsMadeToMs(): number {
    return this.#world?.recordsMadeToMs ?? -Infinity;
  }

  /** What a system had to know before the first record of the first run; none before it begins. */
  history(): Iterable<BusinessRecord> {
    return this.#first?.history() ?? [];
  }

  /** Null, or what is not as the truth has it. What the network did (acknowledgements, the end) is not made again. */
  onLine(line: TruthLine): { readonly expected: string; readonly made: string } | null {
    if (NETWORK_LINES.has(line.type)) return null;
    if (line.type === "run") this.#begin(line);
    else if (line.type === "rest") {
      this.#stepToTick(line.step);
      this.#world?.plant.rest();
    } else if (line.type === "command") this.#command(line);
    else if (line.type === "records-end") this.#end(line.time);
    else if (line.type === "live") {
      this.#stepToTick(line.step);
      this.#world?.plant.live(line.order, line.time);
    } else {
      const stepsMax = (this.#world?.stepCount ?? 0) + SILENT_STEPS_MAX;
      this.#stepUntil((world) => world.stepCount > stepsMax);
    }
    const made = this.#made.shift();
    if (line.type === "alarm" || line.type === "cleared") this.#alarms.push(line);
    if (line.type === "reading") this.#lastTimeMs = Math.max(this.#lastTimeMs, line.time);
    const difference = { expected: formatTruthLine(line), made: made === undefined ? "" : inFileOrder(made) };
    if (made === undefined || difference.made !== difference.expected) return difference;
    this.#options.record(made);
    this.#lineCount++;
    return null;
  }

  #begin({ plan: text, seed, start, plantStart }: Extract<TruthLine, { readonly type: "run" }>): void {
    this.#made = [];
    this.#world = new RecordedWorld({
      plan: parsePlan(text, `${this.#options.path}, plan`, { seed }),
      startMs: start,
      recovery: {
        plantStartMs: plantStart,
        lastTimeMs: this.#lastTimeMs,
        readingCount: 0,
        unacked: [],
        alarms: this.#alarms,
      },
      record: (line) => this.#made.push(line),
      hasRecords: this.#options.onRecords !== undefined,
    });
    this.#first ??= this.#world;
  }

  /** Windows that were open at the end follow it as they were. */
  #end(timeMs: number): void {
    this.#stepUntil((world) => world.nextTimeMs >= timeMs);
    if (this.#made.length === 0) this.#world?.finish();
  }

  #command(line: Extract<TruthLine, { readonly type: "command" }>): void {
    this.#stepToTick(line.step);
    const { outcome, command, id } = line;
    const given = outcome === "expired" || outcome === "malformed" ? outcome : (command ?? "malformed");
    this.#world?.plant.command(topicOf(line, "command"), { outcome: given, id }, line.time);
  }

  /** What came after so many ticks of machines. */
  #stepToTick(tick: number): void {
    this.#stepUntil((world) => world.plant.stepCount >= tick);
  }

  /** No further than to the next line that is made. */
  #stepUntil(isReached: (world: RecordedWorld) => boolean): void {
    const world = this.#world;
    while (world !== null && this.#made.length === 0 && !isReached(world)) {
      const records = world.step();
      this.#options.onRecords?.(records, world.recordsMadeToMs);
    }
  }
}

/** Keys as a line that was read has them. */
function inFileOrder(line: TruthLine): string {
  const text = formatTruthLine(line);
  const read = parseTruthLine(text);
  return read === undefined ? text : formatTruthLine(read);
}
