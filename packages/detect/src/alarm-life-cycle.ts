import type { Labels } from "@millrace/stream";
import { ActionLoop } from "./action-loop.ts";
import type { ActionLoopState, ActionStep, ActionTime } from "./action-loop.ts";
import type { Answer } from "./answer.ts";
import type { AlarmEvent, EndReason, HeldBack } from "./alarm-event.ts";
import type { CommandInterlock } from "./command-interlock.ts";
import type { Standing } from "./detector.ts";
import type { Outcome } from "./outcome.ts";
import type { ActionSpec, RuleSpec } from "./rule-spec.ts";
import { expandTopic } from "./topic-template.ts";

/** A reading, or a silence, as far as an alarm needs it. `isEligible`: fresh, live and good, so that it may make the agent act. */
export interface Evidence {
  readonly timeMs: number;
  readonly value: number;
  readonly isEligible: boolean;
  /** It breaks a limit that the action is for. */
  readonly isActing: boolean;
  readonly standing: Standing;
  /** Agent's wall clock, ms. */
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly awakeMs: number;
  /** Arrival of the reading until now, ms. */
  readonly latencyMs: number;
}

/** Now, on every clock. */
export interface TickTime extends ActionTime {
  /** See `AwakeClock`. */
  readonly awakeMs: number;
}

/** Evidence of a held command may be older than this no more: no hold of the interlock is longer. */
const HELD_MS_MAX = 65_000;

/** Everything an alarm knows, as plain JSON, for checkpoints. `event` is its latest step. */
export interface AlarmState {
  readonly event: AlarmEvent;
  readonly isRaised: boolean;
  readonly isAwaitingEligible: boolean;
  readonly commandCount: number;
  readonly loop: ActionLoopState | null;
  /** Absent in states of before there were levels. */
  readonly standing?: Standing;
}

/**
 * One alarm, from its first activation until it is over: back to normal, not latched, no command unanswered.
 *
 * Each activation acts at most once, on the first eligible reading that meets the condition: the one that raised it, or,
 * where that was historical, a later one. While latched, a fresh crossing is a new activation of the same alarm and acts
 * again: a stop is never suppressed because somebody has not reset the last one.
 *
 * Only what acts latches; so what a replay raises ends by itself.
 *
 * Where a condition has levels, the step into one that the action is for counts as an activation in this. A command that
 * is held back, in maintenance or by the interlock, stays due: the next eligible reading that meets the condition acts once
 * nothing holds it, or, after the interlock, the time itself while the condition holds.
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
  #standing: Standing;
  #isSuppressed = false;
  #heldBack: HeldBack | null = null;
  #endReason: EndReason | null = null;
  /** When the interlock lets go, awake time; null: the next eligible reading acts, if any. */
  #heldUntilMs: number | null = null;
  #heldEvidenceMonotonicMs = 0;
  /** Arrival of the reading that the interlock held first, monotonic; null where it holds none of this life. */
  #heldArrivedMs: number | null = null;
  readonly #interlock: CommandInterlock;

  constructor(rule: RuleSpec, id: string, labels: Labels, place: AlarmSurroundings) {
    this.#rule = rule;
    this.#standing = place.standing;
    this.#interlock = place.interlock;
    this.#isSuppressed = place.isSuppressed;
    this.#id = id;
    this.#labels = labels;
  }

  /** `place.standing`: the detector's, for an alarm whose condition holds. The rule may have been another: see `review`. */
  static restore(rule: RuleSpec, state: AlarmState, place: AlarmSurroundings): AlarmLifeCycle {
    const { event } = state;
    const standing = state.isRaised ? place.standing : (state.standing ?? place.standing);
    const alarm = new AlarmLifeCycle(rule, event.id, event.labels, { ...place, standing });
    alarm.#heldBack = event.heldBack ?? null;
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
    const identity = { alarmId: event.id, rule: rule.name, labels: event.labels };
    alarm.#loop = state.loop === null ? null : new ActionLoop(rule.action, identity, state.loop);
    return alarm;
  }

  get id(): string {
    return this.#id;
  }

  /** Of its latest event. */
  get step(): number {
    return this.#step;
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

  /** When a command that is held back must be looked at again, awake time; null where nothing is to be done by itself. */
  get heldUntilMs(): number | null {
    return this.#heldUntilMs;
  }

  /** The condition is met: a new activation. */
  raise(evidence: Evidence, out: Outcome[]): void {
    this.#isRaised = true;
    this.#activeAtMs = evidence.timeMs;
    this.#clearedAtMs = null;
    this.#standing = evidence.standing;
    this.#take(evidence);
    this.#isAwaitingEligible = true;
    if (!this.#prove(evidence, out)) this.#emit(out, false);
  }

  /** The condition is still met. Acts if nothing has been done about this activation yet. */
  meet(evidence: Evidence, out: Outcome[]): void {
    this.#prove(evidence, out);
  }

  /** The condition holds at another level. */
  move(evidence: Evidence, out: Outcome[]): void {
    const wasActing = this.#standing.isActing;
    this.#standing = evidence.standing;
    this.#take(evidence);
    if (this.#standing.isActing && !wasActing) this.#isAwaitingEligible = true;
    if (!this.#standing.isActing) this.#letGo();
    if (!this.#prove(evidence, out)) this.#emit(out, false);
  }

  /** Back to normal. A running action goes on to its end: a command once sent is pursued until answered. */
  clear(evidence: Evidence, out: Outcome[]): void {
    this.#isRaised = false;
    this.#isAwaitingEligible = false;
    this.#clearedAtMs = evidence.timeMs;
    this.#take(evidence);
    // What was held back is not needed any more: the audit trail says so.
    const wasHeldBack = this.#heldBack !== null;
    this.#letGo();
    this.#emit(out, wasHeldBack);
  }

  /** The rule watches this series no longer: the alarm is over, whatever it waited for. `reason`: null where a person said so. */
  end(nowMs: number, out: Outcome[], reason: EndReason | null = null): void {
    this.#endReason = reason;
    this.#isRaised = false;
    this.#isLatched = false;
    this.#isAwaitingEligible = false;
    this.#clearedAtMs ??= nowMs;
    this.#timeMs = nowMs;
    this.#loop?.abandon();
    this.#letGo();
    this.#emit(out, true);
  }

  /** Maintenance of its series has begun or is over. Nothing is sent in it, and what was under way is due again after it. */
  suppress(isSuppressed: boolean, out: Outcome[]): void {
    if (isSuppressed === this.#isSuppressed) return;
    this.#isSuppressed = isSuppressed;
    if (isSuppressed) {
      const wasUnderWay = this.#loop?.abandon() === true || this.#heldBack !== null;
      this.#heldUntilMs = null;
      this.#heldArrivedMs = null;
      if (wasUnderWay && this.#isRaised && this.#standing.isActing) {
        this.#isAwaitingEligible = true;
        this.#heldBack = "maintenance";
      }
    } else this.#letGo();
    this.#emit(out, true);
  }

  /** Ends a latched alarm, and the wait for its answer; nothing while the condition still holds. */
  reset(nowMs: number, out: Outcome[]): void {
    if (this.#isRaised || !this.#isLatched) return;
    this.#isLatched = false;
    this.#timeMs = nowMs;
    this.#emit(out, true);
    this.#loop = null;
  }

  /** A restored alarm: a command that its rule would not send any more, as it is now, is not sent again, and it says so. */
  review(out: Outcome[]): void {
    const step = this.#loop?.review({ isNeeded: this.#isRaised && this.#standing.isActing }) ?? null;
    const isHeldForNothing = this.#heldBack !== null && this.#rule.action === null;
    if (isHeldForNothing) this.#letGo();
    if (step !== null) this.#follow(step, out);
    else if (isHeldForNothing) this.#emit(out, true);
  }

  onConfirmation(answer: Answer, nowMs: number, out: Outcome[]): void {
    this.#follow(this.#loop?.onConfirmation(answer, nowMs) ?? null, out);
  }

  onTick(time: TickTime, lapseAfterMs: number, out: Outcome[]): void {
    const topic = this.#loop?.topic ?? null;
    const waitMs = topic === null ? 0 : this.#interlock.allowedAtMs(topic, time.awakeMs) - time.awakeMs;
    const placeInMs = waitMs > 0 && !this.#isRaised ? null : waitMs;
    const step = this.#loop?.onTick(time, { lapseAfterMs, placeInMs }) ?? null;
    if (topic !== null && step !== null && step.publish !== null) this.#interlock.take(topic, time.awakeMs);
    this.#follow(step, out);
  }

  /** The interlock may let a held command go: it is sent if the condition holds, on what proved it last. */
  onHeldTick(time: TickTime, out: Outcome[]): void {
    const { action } = this.#rule;
    if (action === null || this.#heldUntilMs === null || time.awakeMs < this.#heldUntilMs) return;
    if (time.monotonicMs - this.#heldEvidenceMonotonicMs > HELD_MS_MAX) this.#heldUntilMs = null;
    else this.#act(action, { ...time, latencyMs: 0 }, out);
  }

  onPublishFailed(time: ActionTime, out: Outcome[]): void {
    this.#follow(this.#loop?.onPublishFailed(time) ?? null, out);
  }

  event(): AlarmEvent {
    const action = this.#loop?.action ?? "none";
    const { level, severity, limit } = this.#standing;
    return {
      id: this.#id,
      step: this.#step,
      rule: this.#rule.name,
      metric: this.#rule.metric,
      labels: this.#labels,
      severity:
        action === "unconfirmed" ? Math.max(this.#rule.action?.escalateSeverity ?? 0, severity) : severity,
      isActive: this.isActive,
      isLatched: this.#isLatched,
      isHistorical: this.#isHistorical,
      activeAtMs: this.#activeAtMs,
      clearedAtMs: this.#clearedAtMs,
      timeMs: this.#timeMs,
      value: this.#value,
      limit,
      action,
      command: this.#loop?.record() ?? null,
      message: this.#rule.message,
      ...(level === null ? {} : { level }),
      ...(this.#rule.unit === undefined ? {} : { unit: this.#rule.unit }),
      ...(this.#isSuppressed ? { isSuppressed: true } : {}),
      ...(this.#heldBack === null ? {} : { heldBack: this.#heldBack }),
      ...(this.#endReason === null ? {} : { endReason: this.#endReason }),
    };
  }

  export(): AlarmState {
    return {
      event: this.event(),
      isRaised: this.#isRaised,
      isAwaitingEligible: this.#isAwaitingEligible,
      commandCount: this.#commandCount,
      loop: this.#loop?.export() ?? null,
      standing: this.#standing,
    };
  }

  #take(evidence: Evidence): void {
    this.#timeMs = evidence.timeMs;
    this.#value = evidence.value;
  }

  /** Does what an activation waits for, where the evidence allows. True where the alarm has told of a step. */
  #prove(evidence: Evidence, out: Outcome[]): boolean {
    if (!this.#isAwaitingEligible || !evidence.isEligible) return false;
    const wasHistorical = this.#isHistorical;
    this.#isHistorical = false;
    const { action } = this.#rule;
    if (action !== null && evidence.isActing) {
      this.#heldEvidenceMonotonicMs = evidence.monotonicMs;
      this.#take(evidence);
      return this.#act(action, evidence, out);
    }
    this.#isAwaitingEligible = action !== null && this.#standing.isActing;
    if (!wasHistorical) return false;
    this.#take(evidence);
    this.#emit(out, false);
    return true;
  }

  /** Commands, or says once that it is held back. */
  #act(spec: ActionSpec, time: Pick<Evidence, keyof TickTime | "latencyMs">, out: Outcome[]): boolean {
    const topic = expandTopic(spec.topicTemplate, this.#labels);
    const allowedAtMs = topic === null ? time.awakeMs : this.#interlock.allowedAtMs(topic, time.awakeMs);
    if (this.#isSuppressed) return this.#hold("maintenance", null, out);
    const arrivedMs = this.#heldArrivedMs ?? time.monotonicMs - time.latencyMs;
    if (allowedAtMs > time.awakeMs) {
      this.#heldArrivedMs = arrivedMs;
      return this.#hold("at_most_per_minute", allowedAtMs, out);
    }
    if (topic !== null) this.#interlock.take(topic, time.awakeMs);
    this.#letGo();
    this.#isAwaitingEligible = false;
    this.#isLatched ||= spec.isLatched;
    this.#commandCount++;
    const { loop, step } = ActionLoop.start(spec, {
      alarmId: this.#id,
      commandId: `${this.#id}.${this.#commandCount}`,
      rule: this.#rule.name,
      labels: this.#labels,
      nowMs: time.nowMs,
      monotonicMs: time.monotonicMs,
      latencyMs: time.monotonicMs - arrivedMs,
    });
    this.#loop = loop;
    this.#follow(step, out);
    return true;
  }

  #hold(reason: HeldBack, untilMs: number | null, out: Outcome[]): boolean {
    const isNew = this.#heldBack !== reason;
    this.#heldBack = reason;
    this.#heldUntilMs = untilMs;
    if (isNew) this.#emit(out, true);
    return isNew;
  }

  #letGo(): void {
    this.#heldBack = null;
    this.#heldUntilMs = null;
    this.#heldArrivedMs = null;
  }

  #follow(step: ActionStep | null, out: Outcome[]): void {
    if (step === null) return;
    // Do not send on old evidence, but let the next reading that proves the need.
    if (step.isDueAgain && this.#isRaised) this.#isAwaitingEligible = true;
    if (step.publish !== null) out.push(step.publish);
    this.#emit(out, true);
  }

  #emit(out: Outcome[], isActionStep: boolean): void {
    this.#step++;
    out.push({ type: "event", event: this.event(), isActionStep });
  }
}

/** What an alarm has of the rule and the series that it belongs to. */
export interface AlarmSurroundings {
  readonly standing: Standing;
  readonly interlock: CommandInterlock;
  readonly isSuppressed: boolean;
}
