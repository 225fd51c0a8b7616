import type { Labels } from "@millrace/stream";
import type { ActionState, CommandRecord } from "./alarm-event.ts";
import type { PublishOutcome } from "./outcome.ts";
import type { ActionSpec } from "./rule-spec.ts";
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
  readonly action: ActionState;
  readonly attempt: number;
  readonly commandedAtMs: number;
  /** When the loop must be looked at again, wall clock ms, for whoever goes on after a restart; null when it waits for nothing. */
  readonly deadlineMs: number | null;
  readonly confirmedAtMs: number | null;
  readonly latencyMs: number;
}

/** Now: the agent's wall clock, ms, which may be set at any time, and the monotonic one. */
export interface ActionTime {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export interface ActionStart extends ActionTime {
  readonly alarmId: string;
  readonly commandId: string;
  readonly rule: string;
  readonly labels: Labels;
  readonly latencyMs: number;
}

/** A change of an action: what to send, if anything. `hasLapsed`: nobody was there to retry, so the evidence is too old. */
export interface ActionStep {
  readonly publish: PublishOutcome | null;
  readonly hasLapsed: boolean;
}

const SILENT_STEP: ActionStep = { publish: null, hasLapsed: false };

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
  readonly #spec: ActionSpec;
  readonly #alarmId: string;
  readonly #rule: string;
  #state: ActionLoopState;
  /** The state's deadline on the monotonic clock; null after a restart, until a tick tells the time. */
  #dueMonotonicMs: number | null = null;

  constructor(
    spec: ActionSpec,
    identity: { readonly alarmId: string; readonly rule: string },
    state: ActionLoopState,
  ) {
    this.#spec = spec;
    this.#alarmId = identity.alarmId;
    this.#rule = identity.rule;
    this.#state = state;
  }

  /** Decides on a new command; the step says what to send. */
  static start(
    spec: ActionSpec,
    start: ActionStart,
  ): { readonly loop: ActionLoop; readonly step: ActionStep } {
    const topic = expandTopic(spec.topicTemplate, start.labels);
    const loop = new ActionLoop(spec, start, {
      commandId: start.commandId,
      topic,
      confirmTopic: spec.confirm === null ? null : expandTopic(spec.confirm.topic, start.labels),
      payload: commandPayload(spec.payload, start.commandId, start.nowMs + spec.validForMs, start.rule),
      action: topic === null ? "unconfirmed" : spec.isArmed ? "commanded" : "dry_run",
      attempt: 1,
      commandedAtMs: start.nowMs,
      deadlineMs: null,
      confirmedAtMs: null,
      latencyMs: start.latencyMs,
    });
    const isSent = topic !== null && spec.isArmed;
    return { loop, step: isSent ? loop.#send(start, 1, "commanded") : SILENT_STEP };
  }

  get action(): ActionState {
    return this.#state.action;
  }

  get commandId(): string {
    return this.#state.commandId;
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

  /** A message on the awaited topic; null when it is not the answer. */
  onConfirmation(payload: string, nowMs: number): ActionStep | null {
    const expected = this.#spec.confirm?.equals;
    const text = payload.trim();
    if (expected === undefined || this.awaitedTopic === null) return null;
    if (text !== expected && text !== JSON.stringify(expected)) return null;
    this.#state = { ...this.#state, action: "confirmed", confirmedAtMs: nowMs, deadlineMs: null };
    return SILENT_STEP;
  }

  /** Time has passed: retries, gives up, or null. `lapseAfterMs`: how late a deadline may be met and still be retried. */
  onTick(time: ActionTime, lapseAfterMs: number): ActionStep | null {
    const { deadlineMs, attempt } = this.#state;
    if (deadlineMs === null) return null;
    const waitMs = this.#spec.confirm?.withinMs ?? PUBLISH_RETRY_MS;
    this.#dueMonotonicMs ??= time.monotonicMs + Math.min(deadlineMs - time.nowMs, waitMs);
    const leftMs = this.#dueMonotonicMs - time.monotonicMs;
    if (leftMs > 0) {
      const isClockSet = Math.abs(time.nowMs + leftMs - deadlineMs) > CLOCK_SET_MS;
      if (isClockSet) this.#waitFor(leftMs, time);
      return null;
    }
    const isLapsed = -leftMs > lapseAfterMs;
    if (attempt <= this.#spec.retryMax && !isLapsed) return this.#send(time, attempt + 1, "retrying");
    this.#giveUp();
    return { publish: null, hasLapsed: isLapsed };
  }

  /** The sending itself failed. With a confirmation expected its deadline takes care; otherwise it is sent again. */
  onPublishFailed(time: ActionTime): ActionStep | null {
    const { action, attempt } = this.#state;
    if (this.#spec.confirm !== null || (action !== "commanded" && action !== "retrying")) return null;
    if (attempt <= this.#spec.retryMax) this.#waitFor(PUBLISH_RETRY_MS, time);
    else this.#giveUp();
    return SILENT_STEP;
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

  #giveUp(): void {
    this.#state = { ...this.#state, action: "unconfirmed", deadlineMs: null };
  }

  #waitFor(waitMs: number, { nowMs, monotonicMs }: ActionTime): void {
    this.#state = { ...this.#state, deadlineMs: nowMs + waitMs };
    this.#dueMonotonicMs = monotonicMs + waitMs;
  }

  #send(time: ActionTime, attempt: number, action: ActionState): ActionStep {
    const { topic, commandId } = this.#state;
    if (topic === null) throw new Error(`cannot send command ${commandId}: it has no topic`);
    const validUntilMs = time.nowMs + this.#spec.validForMs;
    const payload = commandPayload(this.#spec.payload, commandId, validUntilMs, this.#rule);
    this.#state = { ...this.#state, action, attempt, payload, deadlineMs: null };
    if (this.#spec.confirm !== null) this.#waitFor(this.#spec.confirm.withinMs, time);
    return {
      publish: { type: "publish", alarmId: this.#alarmId, commandId, attempt, topic, payload, validUntilMs },
      hasLapsed: false,
    };
  }
}

/**
 * The bytes of a command, always JSON: `{"command":"STOP","id":"…","validUntil":1700000000000,"rule":"…"}`. The id is the
 * same in every retry; `validUntil` (ms since the epoch) is new in each, and a device must not obey after it.
 */
export function commandPayload(command: string, id: string, validUntilMs: number, rule: string): string {
  return JSON.stringify({ command, id, validUntil: validUntilMs, rule });
}
