import type { EventTimeMs } from "./event-time.ts";

/** One stay of one agent at a site, `[joinedMs, leftMs)`; `leftMs` is null while it lasts. */
export interface MembershipInterval {
  readonly agent: string;
  readonly site: string;
  readonly joinedMs: EventTimeMs;
  readonly leftMs: EventTimeMs | null;
}

/** Who is expected behind which time: agents, their sites, and since when until when. */
export class Membership {
  readonly #intervals: MembershipInterval[];

  constructor(intervals: readonly MembershipInterval[] = []) {
    this.#intervals = [...intervals];
  }

  /** Enrols an agent. Nothing happens where it is at that site already; from another site it moves. True when changed. */
  join(agent: string, site: string, joinedMs: EventTimeMs): boolean {
    const at = this.#present(agent);
    if (at >= 0) {
      if (this.#intervals[at].site === site) return false;
      this.retire(agent, joinedMs);
    }
    this.#intervals.push({ agent, site, joinedMs, leftMs: null });
    return true;
  }

  /** Stays that began after `nowMs`, which a wrong clock has put there, began at `joinedMs`. True when changed. */
  correct(nowMs: number, joinedMs: number): boolean {
    let hasChanged = false;
    for (const [at, interval] of this.#intervals.entries()) {
      if (interval.joinedMs <= nowMs) continue;
      const leftMs = interval.leftMs === null ? null : Math.min(interval.leftMs, joinedMs);
      this.#intervals[at] = { ...interval, joinedMs, leftMs };
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Ends an agent's stay: it is not expected behind anything from `leftMs` on. True when changed. */
  retire(agent: string, leftMs: EventTimeMs): boolean {
    const at = this.#present(agent);
    if (at < 0) return false;
    const interval = this.#intervals[at];
    this.#intervals[at] = { ...interval, leftMs: Math.max(leftMs, interval.joinedMs) };
    return true;
  }

  /** Ends the stay of every agent of a site; their names. */
  retireSite(site: string, leftMs: EventTimeMs): string[] {
    const agents = this.#intervals
      .filter((interval) => interval.site === site && interval.leftMs === null)
      .map((interval) => interval.agent);
    for (const agent of agents) this.retire(agent, leftMs);
    return agents;
  }

  /** The stays that overlap `[startMs, endMs)`, of one site or of all, by agent. */
  expected(startMs: EventTimeMs, endMs: EventTimeMs, site?: string): MembershipInterval[] {
    return this.#intervals
      .filter(
        (interval) =>
          interval.joinedMs < endMs &&
          (interval.leftMs ?? Infinity) > startMs &&
          interval.joinedMs !== interval.leftMs,
      )
      .filter((interval) => site === undefined || interval.site === site)
      .sort((a, b) => (a.agent < b.agent ? -1 : a.agent > b.agent ? 1 : a.joinedMs - b.joinedMs));
  }

  /** Where an agent is now, or was last. */
  siteOf(agent: string): string | undefined {
    return this.#intervals.findLast((interval) => interval.agent === agent)?.site;
  }

  export(): MembershipInterval[] {
    return [...this.#intervals];
  }

  #present(agent: string): number {
    return this.#intervals.findIndex((interval) => interval.agent === agent && interval.leftMs === null);
  }
}
