import type { Pipeline, RecorderConfig } from "@millrace/config";
import { type AlarmEvent, hasLabels, type Outcome } from "@millrace/detect";
import type { Clock } from "@millrace/runtime";
import type { Series, SeriesRegistry } from "../intake/series-registry.ts";
import type { Evidence } from "./evidence-sealer.ts";
import { ReadingRing, RING_READING_BYTES } from "./reading-ring.ts";
import { makeRecording, type RecordedSeries } from "./recording.ts";

export interface FlightRecorderOptions extends RecorderConfig {
  readonly pipeline: Pick<Pipeline, "metrics" | "rules">;
  readonly series: Pick<SeriesRegistry, "count" | "get">;
  readonly clock: Clock;
  /** The agent's best knowledge of now, event time ms. */
  nowMs(): number;
  /** False: it was not taken, for want of room. */
  offer(evidence: Evidence): boolean;
}

export interface RecorderStatus {
  /** Held in memory, and the most that fit. */
  readonly readings: number;
  readonly readingsMax: number;
  /** From the oldest reading in memory to the newest, ms of event time. */
  readonly spanMs: number;
  /** What the memory lacks, full as it is, of the time that a recording of now is to have, ms; 0: nothing. */
  readonly shortMs: number;
  /** Bytes of memory that would do at the rate of now; null where what there is does. */
  readonly bytesWanted: number | null;
  /** Since the start: recordings made, and those that there was no room for. */
  readonly recorded: number;
  readonly dropped: number;
  /** Recordings whose first readings were overwritten before they were made. */
  readonly short: number;
}

/** Alarms whose recording is not made yet; of more none is made, and that is counted. */
export const RECORDINGS_WAITING_MAX = 64;
/** What is under way from a sensor is waited for. */
const SLACK_MS = 1_000;
/** Between two steps of making one: what has arrived meanwhile goes first. */
const BREATH_MS = 2;
const REMEMBERED_MAX = 10_000;

interface WaitingAlarm {
  readonly alarm: AlarmEvent;
  readonly dueAtMs: number;
}

/**
 * Keeps the raw readings of the last minutes in memory, and makes a recording of those around an alarm that was raised: of its
 * own series and of its machine's others. One recording at a time, in small steps.
 */
export class FlightRecorder {
  readonly ring: ReadingRing;
  readonly #options: FlightRecorderOptions;
  #units: ReadonlyMap<string, string> = new Map();
  /** Rules that look at windows: their alarms are of groups. */
  #windowRules: ReadonlySet<string> = new Set();
  readonly #startedAtMs: number;
  readonly #waiting = new Map<string, WaitingAlarm>();
  /** Activations that have, or will have, a recording. */
  readonly #activations = new Set<string>();
  /** Alarms that only what is of another time has met so far. */
  readonly #historical = new Set<string>();
  #making:
    | { readonly steps: Generator<void, Uint8Array>; readonly evidence: Omit<Evidence, "payload"> }
    | undefined;
  #recorded = 0;
  #dropped = 0;
  #short = 0;

  constructor(options: FlightRecorderOptions) {
    this.#options = options;
    this.ring = new ReadingRing(options.bytesMax);
    this.setPipeline(options.pipeline);
    this.#startedAtMs = options.nowMs();
  }

  /** What is in memory stays; alarms that wait for their recording get it. */
  setPipeline({ metrics, rules }: FlightRecorderOptions["pipeline"]): void {
    this.#units = new Map(metrics.map(({ name, unit }) => [name, unit]));
    this.#windowRules = new Set(rules.flatMap(({ name, window }) => (window === undefined ? [] : [name])));
  }

  /** Looks for alarms that are raised now, or historical ones that a reading of now has met: before, none of theirs is here. */
  heed(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) if (outcome.type === "event") this.#heed(outcome.event);
  }

  /** Those that stand at the start. */
  remember(alarms: readonly AlarmEvent[]): void {
    for (const { id, isHistorical } of alarms) if (isHistorical) keep(this.#historical, id);
  }

  #heed(alarm: AlarmEvent): void {
    const { id, isActive, isHistorical, activeAtMs, clearedAtMs, timeMs } = alarm;
    const isProven = !isHistorical && this.#historical.delete(id);
    if (isHistorical && isActive) keep(this.#historical, id);
    if (!isActive || isHistorical || clearedAtMs !== null) return;
    // Later steps of the same activation have a later time.
    if (timeMs !== activeAtMs && !isProven) return;
    const activation = `${id} ${activeAtMs}`;
    if (this.#activations.has(activation) || this.#waiting.has(id)) return;
    if (this.#waiting.size >= RECORDINGS_WAITING_MAX) {
      this.#dropped += 1;
      return;
    }
    keep(this.#activations, activation);
    const { clock, afterMs } = this.#options;
    const leftMs = Math.min(Math.max(0, timeMs + afterMs - this.#options.nowMs()), afterMs);
    this.#waiting.set(id, { alarm, dueAtMs: clock.monotonicMs() + leftMs + SLACK_MS });
  }

  /** To be called now and then: begins the next recording that is due. */
  tick(): void {
    if (this.#making !== undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [id, { alarm, dueAtMs }] of this.#waiting) {
      if (dueAtMs > nowMs) continue;
      this.#waiting.delete(id);
      this.#begin(alarm, false);
      this.#step();
      return;
    }
  }

  /** The agent stops: what waits is recorded as far as it goes. */
  finish(): void {
    this.#complete();
    for (const { alarm } of this.#waiting.values()) {
      this.#begin(alarm, true);
      this.#complete();
    }
    this.#waiting.clear();
  }

  status(): RecorderStatus {
    const { ring } = this;
    const spanMs = ring.total === 0 ? 0 : ring.timeMsOf(ring.total - 1) - ring.timeMsOf(ring.oldest);
    const { beforeMs, afterMs } = this.#options;
    const wantedMs = beforeMs + afterMs + SLACK_MS;
    const shortMs = this.#missingMs(this.#options.nowMs() - wantedMs);
    const share = wantedMs / Math.max(1, wantedMs - shortMs);
    return {
      readings: ring.total - ring.oldest,
      readingsMax: ring.capacity,
      spanMs: Math.max(0, spanMs),
      shortMs,
      bytesWanted: shortMs === 0 ? null : Math.ceil(share * ring.capacity * RING_READING_BYTES),
      recorded: this.#recorded,
      dropped: this.#dropped,
      short: this.#short,
    };
  }

  /** How much of the time from then on has been overwritten. */
  #missingMs(fromMs: number): number {
    const { ring } = this;
    return ring.oldest === 0 ? 0 : Math.max(0, ring.timeMsOf(ring.oldest) - fromMs);
  }

  #begin(alarm: AlarmEvent, isEarly: boolean): void {
    const { beforeMs, afterMs } = this.#options;
    const { id, rule, labels, activeAtMs, timeMs } = alarm;
    const fromMs = timeMs - beforeMs;
    const toMs = timeMs + afterMs;
    if (this.#missingMs(fromMs) > 0) this.#short += 1;
    const series = this.#seriesOf(alarm);
    const plan = { alarm, fromMs, toMs, series, ringSinceMs: this.#startedAtMs, isEarly };
    const contentType = "application/json";
    this.#making = {
      steps: makeRecording(this.ring, plan),
      evidence: {
        kind: "recording",
        name: rule,
        labels,
        startMs: fromMs,
        endMs: toMs,
        contentType,
        identity: [id, String(activeAtMs)],
        alarm: id,
      },
    };
  }

  #step(): void {
    const making = this.#making;
    if (making === undefined) return;
    const { done, value } = making.steps.next();
    if (done === true) return this.#made(value);
    this.#options.clock.after(BREATH_MS, () => {
      if (this.#making === making) this.#step();
    });
  }

  #complete(): void {
    const making = this.#making;
    if (making === undefined) return;
    let next = making.steps.next();
    while (next.done !== true) next = making.steps.next();
    this.#made(next.value);
  }

  #made(payload: Uint8Array): void {
    const making = this.#making;
    this.#making = undefined;
    if (making === undefined) return;
    if (this.#options.offer({ ...making.evidence, payload })) this.#recorded += 1;
    else this.#dropped += 1;
    this.#options.clock.after(BREATH_MS, () => this.tick());
  }

  /** The alarm's own series first. */
  #seriesOf(alarm: AlarmEvent): ReadonlyMap<number, RecordedSeries> {
    const { series: registry } = this.#options;
    const own: [number, RecordedSeries][] = [];
    const others: [number, RecordedSeries][] = [];
    for (let index = 0; index < registry.count; index += 1) {
      const series = registry.get(index);
      const { metric, labels } = series;
      if (!this.#isOf(alarm, series)) continue;
      const recorded = { metric, labels, unit: this.#units.get(metric) ?? "" };
      (metric === alarm.metric && hasLabels(labels, alarm.labels) ? own : others).push([index, recorded]);
    }
    return new Map([...own, ...others]);
  }

  /** An alarm of a window is of a group: all that is in it. One of a reading is of a machine: all that is of that. */
  #isOf({ rule, metric, labels }: AlarmEvent, series: Series): boolean {
    if (this.#windowRules.has(rule)) return hasLabels(series.labels, labels);
    const isOwn = series.metric === metric && hasLabels(series.labels, labels);
    return isOwn || this.#options.by.every((name) => (series.labels[name] ?? "") === (labels[name] ?? ""));
  }
}

/** Beyond the bound the oldest go. */
function keep(names: Set<string>, name: string): void {
  names.add(name);
  for (const oldest of names) {
    if (names.size <= REMEMBERED_MAX) break;
    names.delete(oldest);
  }
}
