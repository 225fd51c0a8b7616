import {
  type Detector,
  type ObservedArrival,
  type ObservedReading,
  type Standing,
  TRANSITION,
  type Transition,
} from "./detector.ts";
import { NO_SERIES } from "./limit-detector.ts";
import type { MissingCondition } from "./rule-spec.ts";
import { columnLengthFor, grownColumn } from "./series-column.ts";

const PHASE = { unknown: 0, heard: 1, raised: 2 } as const;

export interface MissingDetectorState {
  readonly kind: "missing";
  readonly isRaised: boolean;
}

/**
 * Silence of series that have been heard, in awake time (see `AwakeClock`): raised by the clock, ended by the next reading
 * of whatever time and quality, as long as it has just arrived. After a restart each known series has its full time again;
 * one that was missing still is.
 */
export class MissingDetector implements Detector {
  readonly #silenceMs: number;
  readonly #standing: Standing;
  #heardAtMs = new Float64Array(0);
  #phase = new Uint8Array(0);
  #dueAtMs = Infinity;
  #awakeMs = 0;
  readonly lateCount = 0;

  constructor(condition: MissingCondition, standing: Standing) {
    this.#silenceMs = condition.forMs + condition.forAtLeastMs;
    this.#standing = standing;
  }

  /** Not later than the first series is overdue: those heard since are later. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  observe(series: number, _reading: ObservedReading, arrival: ObservedArrival, awakeMs: number): Transition {
    if (arrival.isRetained) return TRANSITION.none;
    if (series >= this.#phase.length) this.#grow(series);
    const phase = this.#phase[series];
    if (arrival.isReplayed && phase !== PHASE.unknown) return TRANSITION.none;
    this.#awakeMs = awakeMs;
    this.#heardAtMs[series] = awakeMs;
    this.#phase[series] = PHASE.heard;
    this.#dueAtMs = Math.min(this.#dueAtMs, awakeMs + this.#silenceMs);
    return phase === PHASE.raised ? TRANSITION.cleared : TRANSITION.none;
  }

  /** Silence is all that it minds. */
  isQuiet(series: number): boolean {
    return this.#phase[series] !== PHASE.raised;
  }

  onTick(awakeMs: number): readonly number[] {
    if (awakeMs < this.#dueAtMs) return NO_SERIES;
    this.#awakeMs = awakeMs;
    this.#dueAtMs = Infinity;
    const raised: number[] = [];
    for (let series = 0; series < this.#phase.length; series++) {
      if (this.#phase[series] !== PHASE.heard) continue;
      const dueAtMs = this.#heardAtMs[series] + this.#silenceMs;
      if (awakeMs < dueAtMs) {
        this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
        continue;
      }
      this.#phase[series] = PHASE.raised;
      raised.push(series);
    }
    return raised;
  }

  isMetByTime(series: number, awakeMs: number): boolean {
    return this.#phase[series] === PHASE.raised && awakeMs - this.#heardAtMs[series] >= this.#silenceMs;
  }

  isRaised(series: number): boolean {
    return this.#phase[series] === PHASE.raised;
  }

  standing(): Standing {
    return this.#standing;
  }

  /** Seconds of silence; 0 once it is heard. */
  measure(series: number): number {
    return (this.#awakeMs - this.#heardAtMs[series]) / 1000;
  }

  isActingOn(): boolean {
    return true;
  }

  state(series: number): MissingDetectorState | null {
    const phase = this.#phase[series] ?? PHASE.unknown;
    return phase === PHASE.unknown ? null : { kind: "missing", isRaised: phase === PHASE.raised };
  }

  restore(series: number, state: unknown, awakeMs: number): boolean {
    if (typeof state !== "object" || state === null || !("kind" in state && "isRaised" in state))
      return false;
    if (state.kind !== "missing") return false;
    if (series >= this.#phase.length) this.#grow(series);
    this.#phase[series] = state.isRaised === true ? PHASE.raised : PHASE.heard;
    this.#heardAtMs[series] = awakeMs;
    this.#dueAtMs = Math.min(this.#dueAtMs, awakeMs + this.#silenceMs);
    return true;
  }

  /** A series that was retired is missed no longer, until it is heard again. */
  forget(series: number): boolean {
    if (this.#phase[series] !== PHASE.raised) return false;
    this.#phase[series] = PHASE.unknown;
    return true;
  }

  #grow(series: number): void {
    const length = columnLengthFor(series);
    this.#heardAtMs = grownColumn(this.#heardAtMs, new Float64Array(length));
    this.#phase = grownColumn(this.#phase, new Uint8Array(length));
  }
}
