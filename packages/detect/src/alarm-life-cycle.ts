import type { Labels } from "@millrace/stream";
import { ActionLoop } from "./action-loop.ts";
import type { ActionLoopState, ActionStep } from "./action-loop.ts";
import type { AlarmEvent } from "./alarm-event.ts";
import type { Outcome } from "./outcome.ts";
import type { RuleSpec } from "./rule-spec.ts";

/** A reading as far as an alarm needs it. `isEligible`: fresh, live and good, so that it may make the agent act. */
export interface Evidence {
  readonly timeMs: number;
  readonly value: number;
  readonly isEligible: boolean;
  /** Agent's wall clock, ms. */
  readonly nowMs: number;
  /** Arrival of the reading until now, ms. */
  readonly latencyMs: number;
}

/** Everything an alarm knows, as plain JSON, for checkpoints. `event` is its latest step. */
export interface AlarmState {
  readonly event: AlarmEvent;
  readonly isRaised: boolean;
  readonly isAwaitingEligible: boolean;
  readonly commandCount: number;
  readonly loop: ActionLoopState | null;
}

/**
 * One alarm, from its first activation until it is over: back to normal, not latched, no command unanswered.
 *
 * Each activation acts at most once, on the first eligible reading that meets the condition: the one that raised it, or,
 * where that was historical, a later one. While latched, a fresh crossing is a new activation of the same alarm and acts
 * again: a stop is never suppressed because somebody has not reset the last one.
 *
 * Only an eligible reading latches; so what a replay raises ends by itself.
 */
export class AlarmLifeCycle {
  readonly #rule: RuleSpec;
  readonly #id: string;
  readonly #labels: Labels;
  #step = 0;
  #isRaised = false;
  #isLatched = false;
  #isHistorical = true;
  #isAwaitingEligible = false;
  #activeAtMs = 0;
  #clearedAtMs: number | null = null;
  #timeMs = 0;
  #value = 0;
  #commandCount = 0;
  #loop: ActionLoop | null = null;

  constructor(rule: RuleSpec, id: string, labels: Labels) {
    this.#rule = rule;
    this.#id = id;
    this.#labels = labels;
  }

  static restore(rule: RuleSpec, state: AlarmState): AlarmLifeCycle {
    const { event } = state;
    const alarm = new AlarmLifeCycle(rule, event.id, event.labels);
    alarm.#step = event.step;
    alarm.#isRaised = state.isRaised;
    alarm.#isLatched = event.isLatched;
    alarm.#isHistorical = event.isHistorical;
    alarm.#isAwaitingEligible = state.isAwaitingEligible;
    alarm.#activeAtMs = event.activeAtMs;
    alarm.#clearedAtMs = event.clearedAtMs;
    alarm.#timeMs = event.timeMs;
    alarm.#value = event.value;
    alarm.#commandCount = state.commandCount;
    alarm.#loop =
      state.loop === null || rule.action === null
        ? null
        : new ActionLoop(rule.action, { alarmId: event.id, rule: rule.name }, state.loop);
    return alarm;
  }

  get id(): string {
    return this.#id;
  }

  get isActive(): boolean {
    return this.#isRaised || this.#isLatched;
  }

  /** The condition holds, but no eligible reading of this activation has met it: nothing has been done about it. */
  get isAwaitingEligible(): boolean {
    return this.#isAwaitingEligible;
  }

  get isOver(): boolean {
    return !this.isActive && this.deadlineMs === null;
  }

  get deadlineMs(): number | null {
    return this.#loop?.deadlineMs ?? null;
  }

  get awaitedTopic(): string | null {
    return this.#loop?.awaitedTopic ?? null;
  }

  get commandId(): string | null {
    return this.#loop?.commandId ?? null;
  }

  /** The limit was broken: a new activation. */
  raise(evidence: Evidence, out: Outcome[]): void {
    this.#isRaised = true;
    this.#activeAtMs = evidence.timeMs;
    this.#clearedAtMs = null;
    this.#take(evidence);
    this.#isAwaitingEligible = true;
    if (evidence.isEligible) this.#act(evidence, out);
    else this.#emit(out, false);
  }

  /** The limit is still broken. Acts if nothing has been done about this activation yet. */
  meet(evidence: Evidence, out: Outcome[]): void {
    if (!this.#isAwaitingEligible || !evidence.isEligible) return;
    this.#take(evidence);
    this.#act(evidence, out);
  }

  /** Back to normal. A running action goes on to its end: a command once sent is pursued until answered. */
  clear(evidence: Evidence, out: Outcome[]): void {
    this.#isRaised = false;
    this.#isAwaitingEligible = false;
    this.#clearedAtMs = evidence.timeMs;
    this.#take(evidence);
    this.#emit(out, false);
  }

  /** Ends a latched alarm, and the wait for its answer; nothing while the condition still holds. */
  reset(nowMs: number, out: Outcome[]): void {
    if (this.#isRaised || !this.#isLatched) return;
    this.#isLatched = false;
    this.#timeMs = nowMs;
    this.#emit(out, true);
    this.#loop = null;
  }

  onConfirmation(payload: string, nowMs: number, out: Outcome[]): void {
    this.#follow(this.#loop?.onConfirmation(payload, nowMs) ?? null, out);
  }

  onTick(nowMs: number, lapseAfterMs: number, out: Outcome[]): void {
    this.#follow(this.#loop?.onTick(nowMs, lapseAfterMs) ?? null, out);
  }

  onPublishFailed(nowMs: number, out: Outcome[]): void {
    this.#follow(this.#loop?.onPublishFailed(nowMs) ?? null, out);
  }

  event(): AlarmEvent {
    const action = this.#loop?.action ?? "none";
    return {
      id: this.#id,
      step: this.#step,
      rule: this.#rule.name,
      metric: this.#rule.metric,
      labels: this.#labels,
      severity:
        action === "unconfirmed"
          ? (this.#rule.action?.escalateSeverity ?? this.#rule.severity)
          : this.#rule.severity,
      isActive: this.isActive,
      isLatched: this.#isLatched,
      isHistorical: this.#isHistorical,
      activeAtMs: this.#activeAtMs,
      clearedAtMs: this.#clearedAtMs,
      timeMs: this.#timeMs,
      value: this.#value,
      limit: this.#rule.when.limit,
      action,
      command: this.#loop?.record() ?? null,
      message: this.#rule.message,
    };
  }

  export(): AlarmState {
    return {
      event: this.event(),
      isRaised: this.#isRaised,
      isAwaitingEligible: this.#isAwaitingEligible,
      commandCount: this.#commandCount,
      loop: this.#loop?.export() ?? null,
    };
  }

  #take(evidence: Evidence): void {
    this.#timeMs = evidence.timeMs;
    this.#value = evidence.value;
  }

  #act(evidence: Evidence, out: Outcome[]): void {
    this.#isAwaitingEligible = false;
    this.#isHistorical = false;
    const spec = this.#rule.action;
    if (spec === null) {
      this.#emit(out, false);
      return;
    }
    this.#isLatched ||= spec.isLatched;
    this.#commandCount++;
    const { loop, step } = ActionLoop.start(spec, {
      alarmId: this.#id,
      commandId: `${this.#id}.${this.#commandCount}`,
      rule: this.#rule.name,
      labels: this.#labels,
      nowMs: evidence.nowMs,
      latencyMs: evidence.latencyMs,
    });
    this.#loop = loop;
    this.#follow(step, out);
  }

  #follow(step: ActionStep | null, out: Outcome[]): void {
    if (step === null) return;
    // Nobody was there to retry in time: do not send on old evidence, but let the next reading that proves the need.
    if (step.hasLapsed && this.#isRaised) this.#isAwaitingEligible = true;
    if (step.publish !== null) out.push(step.publish);
    this.#emit(out, true);
  }

  #emit(out: Outcome[], isActionStep: boolean): void {
    this.#step++;
    out.push({ type: "event", event: this.event(), isActionStep });
  }
}
