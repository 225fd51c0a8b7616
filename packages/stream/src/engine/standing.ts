import { isStraddled } from "../coarse-panes.ts";
import type { CoarsePanes } from "../coarse-panes.ts";
import type { EventTimeMs, TimeRange } from "../event-time.ts";
import { hasPassed, isPending, overlapsAny } from "../frontier.ts";
import type { Frontier } from "../frontier.ts";
import { Membership } from "../membership.ts";
import type { MembershipInterval } from "../membership.ts";
import type { Completeness } from "../window-result.ts";
import { CompletenessPool } from "./completeness-pool.ts";

/** How the agents stand to one window. */
export interface WindowStanding {
  readonly completeness: Completeness;
  /** `completeness` as text, to compare. */
  readonly key: string;
  readonly isAnyPassed: boolean;
  /** True where nobody is expected, unless central has lost some. */
  readonly isEveryPassed: boolean;
  /** Some agent's backlog still holds part of the window. */
  readonly isPending: boolean;
}

/** The frontiers of all agents, and what they have lost, against who is expected. */
export class Standing {
  readonly #maxFutureMs: number;
  readonly #frontiers = new Map<string, Frontier>();
  readonly #lost = new Map<string, readonly TimeRange[]>();
  readonly #coarse = new Map<string, readonly CoarsePanes[]>();
  #panesLostToMs = -Infinity;
  #membership = new Membership();
  #membersKnownToMs = Infinity;
  /** By stream of records: since when its partitions are expected. */
  readonly #partitions = new Map<string, Membership>();
  #nowMs = -Infinity;
  #isHeldBack = false;
  #changedFromMs = -Infinity;
  readonly #cache = new Map<string, WindowStanding>();
  readonly #pool: CompletenessPool;
  #range = { startMs: NaN, endMs: NaN, text: "" };

  constructor(maxFutureMs: number, pool = new CompletenessPool()) {
    this.#maxFutureMs = maxFutureMs;
    this.#pool = pool;
  }

  /** Since the last call, only the standing of windows that end after this may have changed. */
  takeChangedFromMs(): EventTimeMs {
    const changedFromMs = this.#changedFromMs;
    this.#changedFromMs = Infinity;
    return changedFromMs;
  }

  setFrontier(agent: string, frontier: Frontier): void {
    const before = this.#frontiers.get(agent);
    this.#frontiers.set(agent, frontier);
    const wasMs = before?.watermarkMs ?? null;
    const isMs = frontier.watermarkMs;
    const movedMs = wasMs === isMs ? Infinity : Math.min(wasMs ?? -Infinity, isMs ?? -Infinity);
    this.#change(Math.min(movedMs, firstDifferenceMs(before?.pending ?? [], frontier.pending)));
  }

  /** Event time of which the agent has lost some for good: it never passes a window that overlaps it. */
  setLost(agent: string, lost: readonly TimeRange[]): void {
    const before = this.#lost.get(agent) ?? [];
    this.#lost.set(agent, lost);
    this.#change(firstDifferenceMs(before, lost));
  }

  /** Of event time before this central itself has lost some, of whomever: nobody has passed a window that begins in it. */
  setPanesLost(toMs: EventTimeMs): void {
    this.#panesLostToMs = toMs;
    this.#change(-Infinity);
  }

  /** What of the agent came in panes coarser than its metric's. */
  setCoarse(agent: string, coarse: readonly CoarsePanes[]): void {
    const before = this.#coarse.get(agent) ?? [];
    if (coarse.length > 0) this.#coarse.set(agent, coarse);
    else this.#coarse.delete(agent);
    this.#change(firstDifferenceMs(before, coarse));
  }

  setMembership(membership: Membership): void {
    this.#membership = membership;
    this.#change(-Infinity);
  }

  /** Of agents' windows that end after this nobody can say yet who is expected: until then nobody has passed them. */
  setMembersKnownTo(toMs: EventTimeMs): void {
    const before = this.#membersKnownToMs;
    if (before === toMs) return;
    this.#membersKnownToMs = toMs;
    this.#change(Math.min(before, toMs));
  }

  /** Who is expected behind a stream of records, instead of the agents: its partitions. */
  setPartitions(stream: string, partitions: Membership): void {
    this.#partitions.set(stream, partitions);
    this.#change(-Infinity);
  }

  /** Central's clock moves on. A frontier held back moves with it; a clock that went back puts every decision in question. */
  setClock(nowMs: number): void {
    const wasHeldBack = this.#isHeldBack;
    this.#isHeldBack = false;
    for (const { watermarkMs } of this.#frontiers.values()) {
      if (watermarkMs !== null && watermarkMs > nowMs + this.#maxFutureMs) this.#isHeldBack = true;
    }
    if (nowMs < this.#nowMs) this.#change(-Infinity);
    // What was held back stood at the clock before, and stands at or beyond it now.
    else if (wasHeldBack || this.#isHeldBack) this.#change(this.#nowMs);
    this.#nowMs = nowMs;
  }

  /** For `[startMs, endMs)` of a stream of records. Sites are the agents': records have none. `isKept`: see `WindowTrack.isKept`. */
  ofStream(startMs: EventTimeMs, endMs: EventTimeMs, stream: string, isKept = false): WindowStanding {
    const key = `${startMs} ${endMs} /${stream}${isKept ? " kept" : ""}`;
    let standing = this.#cache.get(key);
    if (standing === undefined) {
      const expected = this.#partitions.get(stream)?.expected(startMs, endMs) ?? [];
      const { completeness, ...rest } = this.#compute({ startMs, endMs }, expected, "", isKept);
      const withoutSites = { ...completeness, sitesExpected: 0, sitesReporting: 0, sitesMissing: [] };
      standing = {
        ...rest,
        ...this.#pool.share(withoutSites),
        isPending: expected.some(({ agent }) => this.#isPending(agent, startMs, endMs)),
      };
      this.#cache.set(key, standing);
    }
    return standing;
  }

  /** For `[startMs, endMs)` of a metric of agents, of one site or of all. */
  of(
    startMs: EventTimeMs,
    endMs: EventTimeMs,
    site: string | undefined,
    metric: string,
    isKept = false,
  ): WindowStanding {
    const ofMetric = this.#coarse.size === 0 ? "" : metric;
    const key = `${isKept ? "kept " : ""}${this.#rangeText(startMs, endMs)} ${site === undefined ? "" : `=${site}`} ${ofMetric}`;
    let standing = this.#cache.get(key);
    if (standing === undefined) {
      const expected = this.#membership.expected(startMs, endMs, site);
      const holders = site === undefined ? this.#frontiers.keys() : this.#membership.agentsAt(site);
      const computed = this.#compute({ startMs, endMs }, expected, metric, isKept);
      const isKnown = endMs <= this.#membersKnownToMs;
      standing = {
        ...computed,
        ...this.#pool.share(computed.completeness),
        isAnyPassed: isKnown && computed.isAnyPassed,
        isEveryPassed: isKnown && computed.isEveryPassed,
        isPending: [...holders].some((agent) => this.#isPending(agent, startMs, endMs)),
      };
      this.#cache.set(key, standing);
    }
    return standing;
  }

  #compute(
    { startMs, endMs }: TimeRange,
    expected: readonly MembershipInterval[],
    metric: string,
    isKept: boolean,
  ): Omit<WindowStanding, "isPending" | "key"> {
    const agents = new Map<string, boolean>();
    const sites = new Map<string, boolean>();
    const withLoss = new Set<string>();
    const coarse = new Set<string>();
    const isOfLostPanes = startMs < this.#panesLostToMs;
    for (const interval of expected) {
      const frontier = this.#frontier(interval.agent);
      // An agent that left inside the window owes only what came before.
      const owedToMs = Math.min(endMs, interval.leftMs ?? endMs);
      const hasLoss = isOfLostPanes || overlapsAny(this.#lost.get(interval.agent) ?? [], startMs, owedToMs);
      if (hasLoss) withLoss.add(interval.agent);
      if (isKept || isStraddled(this.#coarse.get(interval.agent) ?? [], metric, { startMs, endMs }))
        coarse.add(interval.agent);
      const isPassed = frontier !== undefined && !hasLoss && hasPassed(frontier, startMs, owedToMs);
      agents.set(interval.agent, isPassed && (agents.get(interval.agent) ?? true));
      sites.set(interval.site, isPassed && (sites.get(interval.site) ?? true));
    }
    const agentsMissing = missing(agents);
    const sitesMissing = missing(sites);
    const completeness: Completeness = {
      agentsExpected: agents.size,
      agentsReporting: agents.size - agentsMissing.length,
      agentsMissing,
      ...(withLoss.size > 0 ? { agentsWithLoss: [...withLoss].sort() } : {}),
      ...(coarse.size > 0 ? { agentsCoarse: [...coarse].sort() } : {}),
      sitesExpected: sites.size,
      sitesReporting: sites.size - sitesMissing.length,
      sitesMissing,
    };
    return {
      completeness,
      isAnyPassed: completeness.agentsReporting > 0,
      isEveryPassed: agentsMissing.length === 0 && !isOfLostPanes && !isKept,
    };
  }

  /** To write numbers takes longer than all else of an answer that is there, and most ask for the range that was asked for before. */
  #rangeText(startMs: EventTimeMs, endMs: EventTimeMs): string {
    const range = this.#range;
    if (range.startMs !== startMs || range.endMs !== endMs)
      this.#range = { startMs, endMs, text: `${startMs} ${endMs}` };
    return this.#range.text;
  }

  #isPending(agent: string, startMs: EventTimeMs, endMs: EventTimeMs): boolean {
    const frontier = this.#frontiers.get(agent);
    return frontier !== undefined && isPending(frontier, startMs, endMs);
  }

  #frontier(agent: string): Pick<Frontier, "watermarkMs" | "pending"> | undefined {
    const frontier = this.#frontiers.get(agent);
    if (frontier === undefined || frontier.watermarkMs === null) return frontier;
    return frontier.watermarkMs > this.#nowMs + this.#maxFutureMs
      ? { watermarkMs: this.#nowMs, pending: frontier.pending }
      : frontier;
  }

  #change(fromMs: EventTimeMs): void {
    if (fromMs === Infinity) return;
    this.#changedFromMs = Math.min(this.#changedFromMs, fromMs);
    // A map that is cleared makes itself anew.
    if (this.#cache.size > 0) this.#cache.clear();
  }
}

/** The earliest time that is in a range of the one list and not, as the same range, in the other. */
function firstDifferenceMs(a: readonly TimeRange[], b: readonly TimeRange[]): EventTimeMs {
  // As with nearly every frontier.
  if (a.length === 0 && b.length === 0) return Infinity;
  const has = (ranges: readonly TimeRange[], { startMs, endMs }: TimeRange) =>
    ranges.some((range) => range.startMs === startMs && range.endMs === endMs);
  const different = [...a.filter((range) => !has(b, range)), ...b.filter((range) => !has(a, range))];
  return Math.min(...different.map((range) => range.startMs));
}

function missing(passed: ReadonlyMap<string, boolean>): string[] {
  const names: string[] = [];
  for (const [name, isPassed] of passed) if (!isPassed) names.push(name);
  return names.sort();
}
