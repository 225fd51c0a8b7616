import type { Labels } from "@millrace/stream";
import type { ActionState, CommandRecord } from "./alarm-event.ts";
import type { PublishOutcome } from "./outcome.ts";
import { type Answer, answers } from "./answer.ts";
import type { ActionSpec, ConfirmMatch } from "./rule-spec.ts";
import { expandTopic } from "./topic-template.ts";

/** How long to wait before sending again when the sending itself failed and no confirmation is expected. */
export const PUBLISH_RETRY_MS = 1000;
/** A deadline further off than this from what the clocks say: the wall clock was set meanwhile. */
const CLOCK_SET_MS = 1000;

/** Everything an action loop knows, as plain JSON, for checkpoints. */
export interface ActionLoopState {
  readonly commandId: string;
  /** Null when a label was missing or unfit for a topic: then nothing can be sent. */
  readonly topic: string | null;
  readonly confirmTopic: string | null;
  readonly payload: string;
  /** What the rule said when it was sent; absent in states of before they were kept. */
  readonly command?: string;
  readonly equals?: string | null;
  readonly match?: ConfirmMatch | null;
  readonly action: ActionState;
  readonly attempt: number;
  readonly commandedAtMs: number;
  /** When the loop must be looked at again, wall clock ms, for whoever goes on after a restart; null when it waits for nothing. */
  readonly deadlineMs: number | null;
  readonly confirmedAtMs: number | null;
  readonly latencyMs: number;
  /** It was not sent, or not pursued, because its rule is not armed: once that is, it is due. Absent where it is, and in older states. */
  readonly isDisarmed?: boolean;
}

/** Now: the agent's wall clock, ms, which may be set at any time, and the monotonic one. */
export interface ActionTime {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export interface ActionStart extends ActionTime, ActionIdentity {
  readonly commandId: string;
  readonly latencyMs: number;
}

/** Whose command it is. */
export interface ActionIdentity {
  readonly alarmId: string;
  readonly rule: string;
  readonly labels: Labels;
}

/** A change of an action: what to send, if anything. */
export interface ActionStep {
  readonly publish: PublishOutcome | null;
  /** It was given up unanswered on evidence that is too old, or of a rule that was another: fresh evidence acts anew. */
  readonly isDueAgain: boolean;
}

const SILENT_STEP: ActionStep = { publish: null, isDueAgain: false };

/**
 * One command from its sending to its confirmation:
 *
 *   (not armed) ───────────────────────────────────────▶ dry_run
 *   commanded ──no answer within──▶ retrying (≤ retryMax) ──▶ unconfirmed
 *       └────────── the machine answers ───────┴──────────────────┴──▶ confirmed
 *
 * Without `confirm` the loop ends with its sending. Waits are measured on the monotonic clock: however the wall clock is set,
 * none is shorter or longer. Only over a restart the wall clock tells how long nobody was there.
 */
export class ActionLoop {
  readonly #spec: ActionSpec | null;
  readonly #identity: ActionIdentity;
  #state: ActionLoopState;
  /** Monotonic clock; null after a restart: what arrives now has arrived after it. */
  #sentMonotonicMs: number | null = null;
  /** The state's deadline on the monotonic clock; null after a restart, until a tick tells the time. */
  #dueMonotonicMs: number | null = null;

  /** `spec`: what its rule says now, which may be another than when it was sent; null where nothing acts any more. */
  constructor(spec: ActionSpec | null, identity: ActionIdentity, state: ActionLoopState) {
    this.#spec = spec;
    this.#identity = identity;
    this.#state = state;
  }

  /** Decides on a new command; the step says what to send. */
  static start(
    spec: ActionSpec,
    start: ActionStart,
  ): { readonly loop: ActionLoop; readonly step: ActionStep } {
    const topic = expandTopic(spec.topicTemplate, start.labels);
    const expected = expectedBy(spec, start, start.commandId);
    const loop = new ActionLoop(spec, start, {
      commandId: start.commandId,
      topic,
      ...expected,
      payload: commandPayload(spec.payload, start.commandId, start.nowMs + spec.validForMs, start.rule),
      command: spec.payload,
      action: topic === null ? "unconfirmed" : spec.isArmed ? "commanded" : "dry_run",
      attempt: 1,
      commandedAtMs: start.nowMs,
      deadlineMs: null,
      confirmedAtMs: null,
      latencyMs: start.latencyMs,
      ...(spec.isArmed ? {} : { isDisarmed: true }),
    });
    if (topic === null || !spec.isArmed) return { loop, step: SILENT_STEP };
    loop.#sentMonotonicMs = start.monotonicMs;
    return { loop, step: loop.#send(spec, start, { attempt: 1, action: "commanded" }) };
  }

  get action(): ActionState {
    return this.#state.action;
  }

  get commandId(): string {
    return this.#state.commandId;
  }

  get topic(): string | null {
    return this.#state.topic;
  }

  get deadlineMs(): number | null {
    return this.#state.deadlineMs;
  }

  /** The topic on which an answer would still change something. */
  get awaitedTopic(): string | null {
    const { action, confirmTopic } = this.#state;
    return action === "commanded" || action === "retrying" || action === "unconfirmed" ? confirmTopic : null;
  }

  record(): CommandRecord | null {
    const { commandId, topic, payload, attempt, commandedAtMs, confirmedAtMs, latencyMs } = this.#state;
    return topic === null
      ? null
      : { id: commandId, topic, payload, attempt, commandedAtMs, confirmedAtMs, latencyMs };
  }

  /** A message on the awaited topic; null when it is not the answer. What had arrived before the command is none. */
  onConfirmation(answer: Answer, nowMs: number): ActionStep | null {
    const equals = this.#equals;
    if (equals === null || this.awaitedTopic === null) return null;
    if (this.#sentMonotonicMs !== null && answer.arrivedMonotonicMs < this.#sentMonotonicMs) return null;
    if (!answers(answer, { commandId: this.commandId, equals, match: this.#state.match ?? null }))
      return null;
    const { isDisarmed: _, ...state } = this.#state;
    this.#state = { ...state, action: "confirmed", confirmedAtMs: nowMs, deadlineMs: null };
    return SILENT_STEP;
  }

  /**
   * Time has passed: retries, gives up, or null. `lapseAfterMs`: how late a deadline may be met and still be retried.
   * `placeInMs`: how long until the topic takes another command; a retry waits for it, null: it is needed no more then.
   */
  onTick(
    time: ActionTime,
    { lapseAfterMs, placeInMs }: { readonly lapseAfterMs: number; readonly placeInMs: number | null },
  ): ActionStep | null {
    const { deadlineMs, attempt } = this.#state;
    if (deadlineMs === null) return null;
    const waitMs = this.#spec?.confirm?.withinMs ?? PUBLISH_RETRY_MS;
    this.#dueMonotonicMs ??= time.monotonicMs + Math.min(deadlineMs - time.nowMs, waitMs);
    const leftMs = this.#dueMonotonicMs - time.monotonicMs;
    if (leftMs > 0) {
      const isClockSet = Math.abs(time.nowMs + leftMs - deadlineMs) > CLOCK_SET_MS;
      if (isClockSet) this.#waitFor(leftMs, time);
      return null;
    }
    const isLapsed = -leftMs > lapseAfterMs;
    const spec = this.#repeatable;
    if (spec !== null && attempt <= spec.retryMax && !isLapsed && placeInMs !== null) {
      if (placeInMs <= 0) return this.#send(spec, time, { attempt: attempt + 1, action: "retrying" });
      this.#waitFor(placeInMs, time);
      return null;
    }
    this.#giveUp();
    return { publish: null, isDueAgain: isLapsed };
  }

  /** The sending itself failed. With a confirmation expected its deadline takes care; otherwise it is sent again. */
  onPublishFailed(time: ActionTime): ActionStep | null {
    const { action, attempt } = this.#state;
    if (this.#equals !== null || (action !== "commanded" && action !== "retrying")) return null;
    const spec = this.#repeatable;
    if (spec !== null && attempt <= spec.retryMax) this.#waitFor(PUBLISH_RETRY_MS, time);
    else this.#giveUp();
    return SILENT_STEP;
  }

  /**
   * Its rule may be another than when it was sent: where that would not send this command any more, nothing is sent again.
   * A late answer still counts. Where it was kept back because the rule was not armed, and that is now, it is due. Null where there
   * is nothing to change.
   */
  review({ isNeeded }: { readonly isNeeded: boolean }): ActionStep | null {
    const isArmed = this.#spec?.isArmed === true;
    const { isDisarmed = false, ...state } = this.#state;
    if (isDisarmed && isArmed) {
      this.#state = state;
      return isNeeded ? { publish: null, isDueAgain: true } : null;
    }
    if (state.deadlineMs === null || this.#repeatable !== null) return null;
    this.#giveUp();
    // Disarmed means that nothing is wanted; what is armed wants another command.
    if (!isArmed) this.#state = { ...this.#state, isDisarmed: true };
    return { publish: null, isDueAgain: isArmed };
  }

  /** Sends nothing more; a late answer still counts. True where it was still waiting for one. */
  abandon(): boolean {
    if (this.#state.deadlineMs === null) return false;
    this.#state = { ...this.#state, deadlineMs: null };
    return true;
  }

  export(): ActionLoopState {
    return this.#state;
  }

  /** What confirms it; null where nothing does. */
  get #equals(): string | null {
    const { equals = this.#spec?.confirm?.equals ?? null } = this.#state;
    return equals;
  }

  /** The rule, where it is armed and would send this very command, and await this very answer. */
  get #repeatable(): ActionSpec | null {
    const spec = this.#spec;
    if (spec?.isArmed !== true) return null;
    const { topic, confirmTopic, command = spec.payload, match = null, commandId } = this.#state;
    const { labels } = this.#identity;
    const expected = expectedBy(spec, this.#identity, commandId);
    const isSame =
      topic === expandTopic(spec.topicTemplate, labels) &&
      confirmTopic === expected.confirmTopic &&
      command === spec.payload &&
      this.#equals === expected.equals &&
      JSON.stringify(match) === JSON.stringify(expected.match);
    return isSame ? spec : null;
  }

  #giveUp(): void {
    this.#state = { ...this.#state, action: "unconfirmed", deadlineMs: null };
  }

  #waitFor(waitMs: number, { nowMs, monotonicMs }: ActionTime): void {
    this.#state = { ...this.#state, deadlineMs: nowMs + waitMs };
    this.#dueMonotonicMs = monotonicMs + waitMs;
  }

  #send(
    spec: ActionSpec,
    time: ActionTime,
    { attempt, action }: Pick<ActionLoopState, "attempt" | "action">,
  ): ActionStep {
    const { topic, commandId, latencyMs } = this.#state;
    const { alarmId, rule } = this.#identity;
    if (topic === null) throw new Error(`cannot send command ${commandId}: it has no topic`);
    const validUntilMs = time.nowMs + spec.validForMs;
    const payload = commandPayload(spec.payload, commandId, validUntilMs, rule);
    this.#state = { ...this.#state, action, attempt, payload, deadlineMs: null };
    if (spec.confirm !== null) this.#waitFor(spec.confirm.withinMs, time);
    return {
      publish: {
        type: "publish",
        alarmId,
        rule,
        commandId,
        attempt,
        topic,
        payload,
        validUntilMs,
        responseTopic: spec.confirm?.match?.kind === "correlation" ? this.#state.confirmTopic : null,
        latencyMs,
      },
      isDueAgain: false,
    };
  }
}

/** What the rule expects as the answer to this command. */
function expectedBy(
  { confirm }: ActionSpec,
  { labels }: ActionIdentity,
  commandId: string,
): Required<Pick<ActionLoopState, "confirmTopic" | "equals" | "match">> {
  if (confirm === null) return { confirmTopic: null, equals: null, match: null };
  return {
    confirmTopic: expandTopic(confirm.topic, { ...labels, commandId }),
    equals: confirm.equals.replaceAll("{commandId}", commandId),
    match: confirm.match,
  };
}

/**
 * The bytes of a command, always JSON: `{"command":"STOP","id":"…","validUntil":1700000000000,"rule":"…"}`. The id is the
 * same in every retry; `validUntil` (ms since the epoch) is new in each, and a device must not obey after it.
 */
export function commandPayload(command: string, id: string, validUntilMs: number, rule: string): string {
  return JSON.stringify({ command, id, validUntil: validUntilMs, rule });
}
