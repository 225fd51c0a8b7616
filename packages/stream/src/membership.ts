import type { EventTimeMs } from "./event-time.ts";

/** One stay of one agent at a site, `[joinedMs, leftMs)`; `leftMs` is null while it lasts. */
export interface MembershipInterval {
  readonly agent: string;
  readonly site: string;
  readonly joinedMs: EventTimeMs;
  readonly leftMs: EventTimeMs | null;
}

/** A stay whose times may still be found out; the index has the same objects. */
type Stay = { -readonly [Name in keyof MembershipInterval]: MembershipInterval[Name] };

/** Who is expected behind which time: agents, their sites, and since when until when. */
export class Membership {
  readonly #intervals: Stay[];
  /** Null once a stay has come or ended since it was made. */
  #index: MembershipIndex | null = null;
  /** No stay began later. */
  #joinedMsMax: EventTimeMs = -Infinity;

  constructor(intervals: readonly MembershipInterval[] = []) {
    this.#intervals = intervals.map((interval) => ({ ...interval }));
    for (const { joinedMs } of intervals) this.#joinedMsMax = Math.max(this.#joinedMsMax, joinedMs);
  }

  /** Enrols an agent. Nothing happens where it is at that site already; from another site it moves. True when changed. */
  join(agent: string, site: string, joinedMs: EventTimeMs): boolean {
    // As each connection asks; where it is not built, to build it would take longer.
    if (this.#index?.present.has(agent) === true && this.#index.siteOf.get(agent) === site) return false;
    const at = this.#present(agent);
    if (at >= 0) {
      if (this.#intervals[at].site === site) return false;
      this.retire(agent, joinedMs);
    }
    this.#intervals.push({ agent, site, joinedMs, leftMs: null });
    this.#joinedMsMax = Math.max(this.#joinedMsMax, joinedMs);
    this.#index = null;
    return true;
  }

  /**
   * The agent was at that site at that time: the stay that came next began then. Nothing happens where that one was
   * elsewhere, or none came. True when changed.
   */
  wasThere(agent: string, site: string, timeMs: EventTimeMs): boolean {
    const stays = this.#indexed().staysOf.get(agent) ?? [];
    const isKnown = stays.some(({ joinedMs, leftMs }) => joinedMs <= timeMs && timeMs < (leftMs ?? Infinity));
    const next = isKnown ? undefined : stays.find((stay) => stay.joinedMs > timeMs);
    if (next?.site !== site) return false;
    // It stays where it was among the agent's: the one before began no later.
    next.joinedMs = timeMs;
    return true;
  }

  /** Stays that began after `nowMs`, which a wrong clock has put there, began at `joinedMs`. Whose they are. */
  correct(nowMs: number, joinedMs: number): readonly string[] {
    if (this.#joinedMsMax <= nowMs) return [];
    const corrected = this.#intervals.filter((interval) => interval.joinedMs > nowMs);
    for (const interval of corrected) {
      interval.joinedMs = joinedMs;
      if (interval.leftMs !== null) interval.leftMs = Math.min(interval.leftMs, joinedMs);
    }
    if (corrected.length > 0) this.#index = null;
    this.#joinedMsMax = Math.max(nowMs, joinedMs);
    return corrected.map(({ agent }) => agent);
  }

  /** Ends an agent's stay: it is not expected behind anything from `leftMs` on. True when changed. */
  retire(agent: string, leftMs: EventTimeMs): boolean {
    const at = this.#present(agent);
    if (at < 0) return false;
    const interval = this.#intervals[at];
    interval.leftMs = Math.max(leftMs, interval.joinedMs);
    this.#index = null;
    return true;
  }

  /** The stays that overlap `[startMs, endMs)`, of one site or of all, by agent. */
  expected(startMs: EventTimeMs, endMs: EventTimeMs, site?: string): MembershipInterval[] {
    const { stays, staysAt } = this.#indexed();
    return (site === undefined ? stays : (staysAt.get(site) ?? [])).filter(
      ({ joinedMs, leftMs }) => joinedMs < endMs && (leftMs ?? Infinity) > startMs && joinedMs !== leftMs,
    );
  }

  /** Whether the agent ever was at this site. */
  hasBelonged(agent: string, site: string): boolean {
    return (
      this.#indexed()
        .staysOf.get(agent)
        ?.some((stay) => stay.site === site) === true
    );
  }

  /** Whether the agent is at a site now. */
  isPresent(agent: string): boolean {
    return this.#indexed().present.has(agent);
  }

  /** Where an agent is now, or was last. */
  siteOf(agent: string): string | undefined {
    return this.#indexed().siteOf.get(agent);
  }

  /** Agents that are at a site now, or were there last. */
  agentsAt(site: string): readonly string[] {
    return this.#indexed().agentsAt.get(site) ?? [];
  }

  export(): MembershipInterval[] {
    return this.#intervals.map((interval) => ({ ...interval }));
  }

  /** All stays of one agent, in the order of time. */
  staysOf(agent: string): readonly MembershipInterval[] {
    return this.#indexed().staysOf.get(agent) ?? [];
  }

  #indexed(): MembershipIndex {
    if (this.#index !== null) return this.#index;
    const stays = this.#intervals.toSorted((a, b) =>
      a.agent < b.agent ? -1 : a.agent > b.agent ? 1 : a.joinedMs - b.joinedMs,
    );
    const siteOf = new Map(this.#intervals.map(({ agent, site }) => [agent, site]));
    this.#index = {
      stays,
      staysAt: Map.groupBy(stays, ({ site }) => site),
      staysOf: Map.groupBy(stays, ({ agent }) => agent),
      siteOf,
      present: new Set(stays.filter(({ leftMs }) => leftMs === null).map(({ agent }) => agent)),
      agentsAt: Map.groupBy(siteOf.keys(), (agent) => siteOf.get(agent)),
    };
    return this.#index;
  }

  #present(agent: string): number {
    return this.#intervals.findIndex((interval) => interval.agent === agent && interval.leftMs === null);
  }
}

/** The stays by agent, and by site: windows ask for one site at a time, and there may be a thousand. */
interface MembershipIndex {
  readonly stays: readonly MembershipInterval[];
  readonly staysAt: ReadonlyMap<string, readonly MembershipInterval[]>;
  /** Of one agent, in the order of time. */
  readonly staysOf: ReadonlyMap<string, readonly Stay[]>;
  readonly siteOf: ReadonlyMap<string, string>;
  readonly present: ReadonlySet<string>;
  readonly agentsAt: ReadonlyMap<string | undefined, readonly string[]>;
}
