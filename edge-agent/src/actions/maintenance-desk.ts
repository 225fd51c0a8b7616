import type { MaintenanceTopic } from "@millrace/config";
import type { Maintenance, Outcome, RuleEngine } from "@millrace/detect";
import type { Labels } from "@millrace/stream";
import type { ClockGuard } from "../clock-guard.ts";

/** Longest that a person can ask for. */
export const MAINTENANCE_MS_MAX = 31 * 24 * 3_600_000;

export interface MaintenanceDeskOptions {
  readonly rules: RuleEngine;
  readonly guard: ClockGuard;
  readonly site: string;
  /** Null where no topic says what is in maintenance. */
  readonly topic: MaintenanceTopic | null;
  /** Carries out what the rules make of it, and has their state stored. */
  changed(outcomes: readonly Outcome[], audit: MaintenanceAudit): void;
}

/** A line of the audit trail. */
export interface MaintenanceAudit {
  readonly maintenance: "begun" | "ended";
  readonly labels: Labels | "all";
  readonly by: string;
  readonly untilMs?: number;
}

/** What is in maintenance at this agent: a person's word, or a topic's. Its alarms are suppressed, and never act. */
export class MaintenanceDesk {
  readonly #options: MaintenanceDeskOptions;
  #topic: MaintenanceTopic | null;

  constructor(options: MaintenanceDeskOptions) {
    this.#options = options;
    this.#topic = options.topic;
  }

  /** What a topic has said that is listened to no longer ends: nothing else would end it. */
  setTopic(spec: MaintenanceTopic | null): void {
    this.#topic = spec;
    const { rules } = this.#options;
    for (const topic of rules.overdueTopics())
      if (spec?.topic.match(topic) === undefined) rules.endMaintenance({ topic });
    for (const { topic, labels } of this.list()) {
      if (topic === null || spec?.topic.match(topic) !== undefined) continue;
      this.#end({ topic }, { labels, by: "the pipeline has another topic" });
    }
  }

  /** What must be subscribed to, for the topic of the pipeline that runs or of another. */
  filters(spec: MaintenanceTopic | null = this.#topic): readonly string[] {
    return spec === null ? [] : [spec.topic.filter];
  }

  list(): readonly Maintenance[] {
    return this.#options.rules.maintenances();
  }

  /** For every message; true where it was one of the maintenance topic. A retained one counts: it says how things stand. */
  hear(topic: string, payload: Uint8Array): boolean {
    const spec = this.#topic;
    const captures = spec?.topic.match(topic);
    if (spec === null || captures === undefined) return false;
    const { site, ...labels } = captures;
    if (site !== undefined && site !== this.#options.site) return true;
    const text = new TextDecoder().decode(payload).trim();
    const by = `topic ${topic}`;
    if (text === spec.equals) this.#begin({ labels, durationMs: spec.longestMs, by, topic });
    else this.#end({ topic }, { labels, by });
    return true;
  }

  /** After each tick of the rules: what has ended by itself goes into the audit trail. */
  tick(): void {
    for (const { labels } of this.#options.rules.takeExpired())
      this.#options.changed([], { maintenance: "ended", labels, by: "its time was over" });
  }

  /** False where there are as many as there may be. */
  begin(labels: Labels, durationMs: number, by: string): boolean {
    return this.#begin({ labels, durationMs, by, topic: null });
  }

  /** False where there is none with just these labels; `all` ends all that people have begun. */
  end(labels: Labels | "all", by: string): boolean {
    return this.#end(labels === "all" ? "all" : { labels }, { labels, by });
  }

  #begin(asked: {
    readonly labels: Labels;
    readonly durationMs: number;
    readonly by: string;
    readonly topic: string | null;
  }): boolean {
    const { rules, guard, changed } = this.#options;
    const { labels, durationMs, by, topic } = asked;
    const sinceMs = guard.steadyMs();
    const untilMs = sinceMs + durationMs;
    const outcomes = rules.beginMaintenance({ labels, sinceMs, untilMs, by, topic });
    if (outcomes === null) return false;
    changed(outcomes, { maintenance: "begun", labels, by, untilMs });
    return true;
  }

  #end(
    which: { readonly topic: string } | { readonly labels: Labels } | "all",
    { labels, by }: { readonly labels: Labels | "all"; readonly by: string },
  ): boolean {
    const outcomes = this.#options.rules.endMaintenance(which);
    if (outcomes === null) return false;
    this.#options.changed(outcomes, { maintenance: "ended", labels, by });
    return true;
  }
}
