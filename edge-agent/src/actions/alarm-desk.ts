import type { Outcome, PublishOutcome } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import type { Clock, Logger, Metrics } from "@millrace/runtime";
import type { AlarmEvent } from "@millrace/wire";
import { CommandDeliveries } from "./command-deliveries.ts";
import type { CommandManner, CommandResult } from "./command-publisher.ts";
import { numberKey, PREFIX, putJson } from "../durability/agent-store.ts";

export interface AlarmDeskOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Whether it is a reading that causes the rule's commands: the others have no arrival to measure from. */
  isMeasured(rule: string): boolean;
  /** Number of the last audit record in the store. */
  readonly auditNumber: number;
  publish(topic: string, payload: string, how: CommandManner): Promise<void>;
  /** A command could not be handed over: what the rules make of it. */
  publishFailed(commandId: string): void;
  /** A line of the audit trail waits, and no commit was asked for. */
  audited(): void;
}

/** Audit records kept; the oldest goes first. */
const AUDIT_RECORDS_MAX = 100_000;
/** Steps of alarms, and lines of the audit trail, that wait for a commit. */
const WAITING_MAX = 10_000;
/** Commands whose latency is remembered. */
const LATENCIES_MAX = 1_000;

/** Carries out what the rules ask for: commands at once, without waiting for the disk; events with the next commit. */
export class AlarmDesk {
  readonly #options: AlarmDeskOptions;
  #auditNumber: number;
  #events: AlarmEvent[] = [];
  #audits: unknown[] = [];
  readonly #latenciesMs: number[] = [];
  /** Whether each broker takes the commands. */
  readonly deliveries = new CommandDeliveries();

  constructor(options: AlarmDeskOptions) {
    this.#options = options;
    this.#auditNumber = options.auditNumber;
  }

  /** `by`: whose doing it is, where it is a person's. */
  handle(outcomes: readonly Outcome[], by?: string): void {
    for (const outcome of outcomes) if (outcome.type === "publish") this.#publish(outcome);
    for (const outcome of outcomes) {
      if (outcome.type !== "event") continue;
      const event = by === undefined ? outcome.event : { ...outcome.event, by };
      this.#events.push(event);
      this.#bound(this.#events, "steps of alarms");
      if (outcome.isActionStep || by !== undefined) this.audit(event);
    }
  }

  /** A line of the audit trail. */
  audit(line: object): void {
    this.#audits.push({ atMs: this.#options.clock.nowMs(), ...line });
    this.#bound(this.#audits, "lines of the audit trail");
  }

  /** Of the last commands of this run, ms; null before the first. */
  latency(): {
    readonly count: number;
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  } | null {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const count = sorted.length;
    if (count === 0) return null;
    const rank = (share: number) => sorted[Math.ceil(share * count) - 1];
    return { count, p50: rank(0.5), p99: rank(0.99), max: sorted[count - 1] };
  }

  /** The events since the last commit; the audit trail goes into its changes. */
  drainInto(changes: Change[]): readonly AlarmEvent[] {
    for (const audit of this.#audits) {
      this.#auditNumber += 1;
      changes.push(putJson(numberKey(PREFIX.audit, this.#auditNumber), audit));
      const expired = this.#auditNumber - AUDIT_RECORDS_MAX;
      if (expired > 0) changes.push({ type: "del", key: numberKey(PREFIX.audit, expired) });
    }
    const events = this.#events;
    this.#audits = [];
    this.#events = [];
    return events;
  }

  #publish(command: PublishOutcome): void {
    const { topic, payload, commandId, validUntilMs, responseTopic } = command;
    this.#measure(command);
    const correlation = responseTopic === null ? undefined : { data: commandId, responseTopic };
    const told = (result: CommandResult) => this.#told(command, result);
    this.#options.publish(topic, payload, { validUntilMs, correlation, told }).catch((error: unknown) => {
      this.#options.log.error("cannot publish a command", { topic, error });
      this.#options.publishFailed(commandId);
    });
  }

  /** Of one broker: a machine hears on one of them only. */
  #told({ topic, commandId, attempt }: PublishOutcome, result: CommandResult): void {
    this.deliveries.add(result, { topic, atMs: this.#options.clock.nowMs() });
    const { input, reason } = result;
    this.audit({ delivery: commandId, topic, attempt, input, isTaken: reason === null, reason });
    this.#options.audited();
  }

  /** While the disk takes no writes the oldest go first: the newest tells how things stand. */
  #bound(waiting: unknown[], what: string): void {
    if (waiting.length <= WAITING_MAX) return;
    waiting.shift();
    this.#options.log.repeated(`dropped:${what}`, `${what} are dropped: no commit takes them`);
  }

  /** Once a command: its first attempt. */
  #measure({ attempt, rule, latencyMs }: PublishOutcome): void {
    if (attempt !== 1 || !this.#options.isMeasured(rule)) return;
    this.#options.metrics.histogram("millrace_agent_action_seconds").observe(latencyMs / 1000, { rule });
    this.#latenciesMs.push(latencyMs);
    if (this.#latenciesMs.length > LATENCIES_MAX) this.#latenciesMs.shift();
  }
}
