import type { Clock, Logger } from "@millrace/runtime";
import type { SystemAlarm, SystemAlarmOptions } from "./alarm-book.ts";
import type { CentralState } from "../state/central-state.ts";
import type { MessageApplier, Moment } from "../commit/message-applier.ts";
import type { WindowRuleCounts } from "../window-rules/window-rules.ts";
import type { SessionTable } from "../sessions/session-table.ts";
import { CLOCK_TOLERANCE_MS } from "../agents/trusted-time.ts";
import { WakeWatch } from "./wake-watch.ts";

/** How long an alarm about something that happened once is shown as active after it last happened. */
const SYSTEM_ALARM_SHOWN_MS: Partial<Record<SystemAlarm, number>> = {
  store_held: 60_000,
  store_replaced: 600_000,
  store_rolled_back: 600_000,
  sequence_gap: 600_000,
  data_loss: 600_000,
  store_damaged: 600_000,
  log_gap: 600_000,
};
/** So long a commit may take, and topics are asked for their ends meanwhile: nothing is forgotten of those. */
const SLOW_COMMIT_MS_MAX = 10_000;
/** A connection that says nothing for so long, not even a heartbeat, is half open and is closed. */
const SESSION_SILENT_MS_MAX = 30_000;

type ClearedAlarm = Pick<SystemAlarmOptions, "agent" | "kind" | "metric">;

export interface CentralWatchesOptions {
  readonly state: Pick<CentralState, "agents" | "alarms" | "records" | "trustedTime">;
  readonly sessions: SessionTable;
  readonly applier: Pick<MessageApplier, "uncount">;
  readonly silentAfterMs: number;
  /** Stored values that could not be read and were left out, since the start. */
  readonly unreadableCount: () => number;
  readonly ruleCounts: () => readonly WindowRuleCounts[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** What central looks after at each tick: agents that fall silent, clocks that disagree, values that cannot be read. */
export class CentralWatches {
  readonly #options: CentralWatchesOptions;
  readonly #wakeWatch = new WakeWatch();
  readonly #longWakeWatch = new WakeWatch(SLOW_COMMIT_MS_MAX);
  #wokeAtMs = Number.NEGATIVE_INFINITY;
  #unreadableLogged = 0;
  /** By rule. */
  readonly #overLimitLogged = new Map<string, number>();

  constructor(options: CentralWatchesOptions) {
    this.#options = options;
  }

  tick(moment: Moment): void {
    this.#watchSilence(moment);
    this.#watchClocks(moment);
    this.#watchUnreadable();
    this.#watchRules();
    this.#clearOldAlarms(moment.nowMs);
  }

  /** After the process stood still nobody is silent who could not be heard, and no topic is known to have been read to its end. */
  noteWaking(): void {
    const monotonicMs = this.#options.clock.monotonicMs();
    if (this.#longWakeWatch.isWaking(monotonicMs))
      for (const stage of this.#options.state.records.all()) stage.woke(monotonicMs);
    if (!this.#wakeWatch.isWaking(monotonicMs)) return;
    this.#wokeAtMs = monotonicMs;
    this.#options.state.agents.woke(monotonicMs);
  }

  #watchSilence(moment: Moment): void {
    const { sessions, applier, silentAfterMs } = this.#options;
    for (const session of sessions.all()) {
      const silentSinceMs = Math.max(session.heardAtMs, this.#wokeAtMs);
      if (moment.monotonicMs - silentSinceMs <= SESSION_SILENT_MS_MAX) continue;
      session.close("closed", "nothing was heard from it");
      applier.uncount(session);
    }
    const { agents, alarms } = this.#options.state;
    for (const agent of agents.takeNewlySilent(silentAfterMs, moment.monotonicMs)) {
      if (alarms.isRaised(agent, "agent_silent")) continue;
      const { lastSeenMs, site } = agents.view(agent);
      const message =
        lastSeenMs === null ? `agent ${agent} has never been heard` : `agent ${agent} is not heard`;
      const value = lastSeenMs === null ? 0 : moment.nowMs - lastSeenMs;
      alarms.raise({ agent, site, kind: "agent_silent", message, value, nowMs: moment.nowMs });
    }
  }

  /** Under no agent's name: central's clock is ahead of all that is known of the agents'. */
  #watchClocks(moment: Moment): void {
    const { agents, alarms, trustedTime } = this.#options.state;
    for (const [agent, aheadMs] of trustedTime.aheadMs(moment)) {
      const isRaised = alarms.isRaised(agent, "clock_disagrees");
      // They agree again when they differ by half of it.
      const isApart = Math.abs(aheadMs) > (isRaised ? CLOCK_TOLERANCE_MS / 2 : CLOCK_TOLERANCE_MS);
      if (isApart === isRaised) continue;
      if (isRaised) {
        this.#clearAlarm({ agent, kind: "clock_disagrees" }, "the clocks agree again");
        continue;
      }
      const by = `${Math.round(Math.abs(aheadMs) / 1_000)} s`;
      const message =
        agent === ""
          ? `central's clock is ${by} ahead of every agent's: until they agree, windows become final and history is trimmed by the agents' time; set the clock that is wrong`
          : `the clock of agent ${agent} is ${by} ${aheadMs > 0 ? "ahead" : "behind"}: set the clock that is wrong, the agent's or central's`;
      const site = agents.siteOf(agent);
      alarms.raise({ agent, site, kind: "clock_disagrees", message, value: aheadMs, nowMs: moment.nowMs });
    }
  }

  #watchUnreadable(): void {
    const unreadable = this.#options.unreadableCount();
    if (unreadable > this.#unreadableLogged)
      this.#options.log.repeated(
        "unreadable_values",
        "stored values cannot be read and are left out: the disk or what wrote to it is at fault",
        { since_start: unreadable },
      );
    this.#unreadableLogged = unreadable;
  }

  #watchRules(): void {
    const { log, ruleCounts } = this.#options;
    for (const { rule, groups, overLimit, overLimitGroup } of ruleCounts()) {
      if (overLimit > (this.#overLimitLogged.get(rule) ?? 0))
        log.repeated(
          `rule_groups ${rule}`,
          "a rule on windows has no room for another group, whose windows it does not look at: group its window by fewer names, or raise limits.ruleGroupsMax",
          { rule, groups, left_out: JSON.stringify(overLimitGroup), since_start: overLimit },
        );
      this.#overLimitLogged.set(rule, overLimit);
    }
  }

  #clearOldAlarms(nowMs: number): void {
    for (const alarm of this.#options.state.alarms.raised()) {
      const shownMs = SYSTEM_ALARM_SHOWN_MS[alarm.kind];
      if (shownMs !== undefined && nowMs - alarm.timeMs > shownMs)
        this.#clearAlarm(alarm, `${alarm.message}; it has not happened again`);
    }
  }

  #clearAlarm({ agent, kind, metric }: ClearedAlarm, message: string): void {
    const { agents, alarms } = this.#options.state;
    alarms.clear({
      agent,
      site: agents.siteOf(agent),
      kind,
      metric,
      message,
      value: 0,
      nowMs: this.#options.clock.nowMs(),
    });
  }
}
