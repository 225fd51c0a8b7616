import type { Clock } from "@millrace/runtime";
import type { CommitActions } from "../commit/commit-actions.ts";
import type { Moment } from "../commit/message-applier.ts";
import type { UplinkLog } from "../log/uplink-log.ts";
import type { Leaving } from "./agent-registry.ts";
import type { SessionTable } from "../sessions/session-table.ts";
import type { CentralState } from "../state/central-state.ts";

export interface EnrolledAgent {
  readonly id: string;
  readonly site: string;
}

interface EnrolledAgentsOptions {
  readonly state: CentralState;
  readonly sessions: SessionTable;
  readonly actions: CommitActions;
  readonly uplinkLog: Pick<UplinkLog, "isCaughtUp">;
  readonly clock: Clock;
}

/** Who is enrolled, and so expected: the configuration says who comes, a person when a site has gone. */
export class EnrolledAgents {
  readonly #options: EnrolledAgentsOptions;
  /** Of the agents that are enrolled now. */
  readonly #sites = new Map<string, string>();

  constructor(options: EnrolledAgentsOptions) {
    this.#options = options;
  }

  /** By agent. */
  get sites(): ReadonlyMap<string, string> {
    return this.#sites;
  }

  /** At the start, of this configuration. */
  restore(agents: readonly EnrolledAgent[], moment: Moment): void {
    this.#enrolNew(agents, moment);
    for (const { id, site } of agents) this.#sites.set(id, site);
  }

  /** Takes over who is enrolled: a new agent is expected from now on; one that is gone stays so until it is retired. */
  replace(agents: readonly EnrolledAgent[]): Promise<void> {
    const { state, sessions, actions, clock } = this.#options;
    return actions.ask({ isAwaited: false }, () => {
      this.#enrolNew(agents, { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() });
      state.engine.setMembership(state.agents.membership);
      this.#sites.clear();
      for (const { id, site } of agents) this.#sites.set(id, site);
      for (const session of sessions.all())
        if (session.isGreeted && session.site !== this.#sites.get(session.agent))
          session.close("closed", "it is not enrolled there any more");
    });
  }

  /** Ends the membership of an agent, or of a site's agents; how many there were. */
  retire(leaving: Leaving): Promise<number> {
    const { state, sessions, actions, clock } = this.#options;
    const { agents, alarms, engine, trustedTime } = state;
    const isSite = "site" in leaving;
    return actions.ask({ isAwaited: true }, () => {
      const retired = agents.retire(leaving, clock.nowMs());
      engine.setMembership(agents.membership);
      // One that is still connected has to connect again, and is expected again then.
      for (const session of sessions.all())
        if (retired.includes(session.agent))
          session.close(
            "closed",
            isSite ? `site ${leaving.site} is retired` : `agent ${leaving.agent} is retired`,
          );
      const message = isSite ? "the site is retired" : "the agent is retired";
      for (const agent of retired) {
        trustedTime.forget(agent);
        const cleared = { agent, site: agents.siteOf(agent), message, value: 0, nowMs: clock.nowMs() };
        for (const kind of ["agent_silent", "clock_disagrees", "disk_low"] as const)
          alarms.clear({ ...cleared, kind });
      }
      return retired.length;
    });
  }

  /** A retired agent stays retired until it comes again, or comes to another site. */
  #enrolNew(agents: readonly EnrolledAgent[], { nowMs, monotonicMs }: Moment): void {
    const { state, uplinkLog } = this.#options;
    const { agents: registry, memberSearch } = state;
    const added = agents.filter(({ id, site }) => !registry.hasBelonged(id, site));
    for (const { id, site } of added) registry.enrol(id, site, nowMs, monotonicMs);
    if (added.length > 0 && !uplinkLog.isCaughtUp) memberSearch.begin();
  }
}
