/** A trusted time is written when it differs from the stored one by so much. */
const WRITE_STEP_MS = 10_000;
/** Clocks that differ by more disagree. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** What of it survives a restart. */
export interface StoredTrust {
  readonly trustedMs: number;
  /** Absent in the store of an earlier build: what was trusted then. */
  readonly reachedMs?: number;
}

/** One reading of central's two clocks. */
export interface ClockReading {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/**
 * The time by which windows become final and history is trimmed: central's clock, but never beyond what a witness
 * confirms. Witnesses are the agents' clocks, as last heard, and the trusted time that was stored before the start;
 * each goes on at the monotonic rate. So central's clock and a witness must both be ahead before anything is given up.
 * -Infinity where there is no witness yet.
 */
export class TrustedTime {
  /** Clock minus monotonic time, ms; of the agents heard since the start. */
  readonly #agentLeadsMs = new Map<string, number>();
  #recordsLeadMs = -Infinity;
  #storedLeadMs = -Infinity;
  /** Of the latest that was trusted. */
  #reachedLeadMs = -Infinity;
  #stored: Required<StoredTrust> = { trustedMs: -Infinity, reachedMs: -Infinity };

  restore({ trustedMs, reachedMs = trustedMs }: StoredTrust, monotonicMs: number): void {
    this.#stored = { trustedMs, reachedMs };
    this.#storedLeadMs = trustedMs - monotonicMs;
    this.#reachedLeadMs = reachedMs - monotonicMs;
  }

  heard(agent: string, clockMs: number, monotonicMs: number): void {
    this.#agentLeadsMs.set(agent, clockMs - monotonicMs);
  }

  /**
   * A record has said that it is at least so late: whoever stamped it is a witness too. Not one that can disagree: records
   * may be as old as they like. `leadMs`: its time less the monotonic one at its arrival.
   */
  recordsSaid(leadMs: number): void {
    this.#recordsLeadMs = Math.max(this.#recordsLeadMs, leadMs);
  }

  forget(agent: string): void {
    this.#agentLeadsMs.delete(agent);
  }

  nowMs({ nowMs, monotonicMs }: ClockReading): number {
    let leadMs = Math.max(this.#storedLeadMs, this.#recordsLeadMs);
    for (const agentLeadMs of this.#agentLeadsMs.values()) leadMs = Math.max(leadMs, agentLeadMs);
    return Math.min(nowMs, Math.floor(leadMs + monotonicMs));
  }

  /**
   * It is no earlier than this: what was trusted once goes on, though central's clock is set back, until the clock of every agent agrees
   * with it. -Infinity where nothing was.
   */
  earliestMs(monotonicMs: number): number {
    return Math.floor(this.#reachedLeadMs + monotonicMs);
  }

  /**
   * Nothing of an agent can be later than this: central's clock; or the agent's own where that is ahead of it and no
   * other agent confirms central's, since then either may be wrong.
   */
  latestOf(agent: string, { nowMs, monotonicMs }: ClockReading): number {
    for (const [other, leadMs] of this.#agentLeadsMs)
      if (other !== agent && Math.abs(leadMs + monotonicMs - nowMs) <= CLOCK_TOLERANCE_MS) return nowMs;
    return Math.max(nowMs, Math.floor((this.#agentLeadsMs.get(agent) ?? -Infinity) + monotonicMs));
  }

  /** How far clocks are ahead of the trusted time: central's, under "", and those of the agents heard since the start. */
  aheadMs(reading: ClockReading): Map<string, number> {
    const aheadMs = new Map<string, number>();
    if (this.#agentLeadsMs.size === 0) return aheadMs;
    const trustedMs = this.nowMs(reading);
    aheadMs.set("", reading.nowMs - trustedMs);
    for (const [agent, leadMs] of this.#agentLeadsMs)
      aheadMs.set(agent, Math.floor(leadMs + reading.monotonicMs) - trustedMs);
    return aheadMs;
  }

  /** What is to be stored; null while that is near enough. */
  takeDue(reading: ClockReading): Required<StoredTrust> | null {
    const trustedMs = this.nowMs(reading);
    if (trustedMs === -Infinity) return null;
    const leadMs = trustedMs - reading.monotonicMs;
    this.#reachedLeadMs = this.#isBorneOut(reading) ? leadMs : Math.max(this.#reachedLeadMs, leadMs);
    const due = { trustedMs, reachedMs: this.earliestMs(reading.monotonicMs) };
    const isNear =
      Math.abs(trustedMs - this.#stored.trustedMs) < WRITE_STEP_MS &&
      Math.abs(due.reachedMs - this.#stored.reachedMs) < WRITE_STEP_MS;
    if (isNear) return null;
    this.#stored = due;
    return due;
  }

  /** Whether the clock of every agent agrees with central's. */
  #isBorneOut({ nowMs, monotonicMs }: ClockReading): boolean {
    const leadsMs = [...this.#agentLeadsMs.values()];
    return (
      leadsMs.length > 0 &&
      leadsMs.every((leadMs) => Math.abs(leadMs + monotonicMs - nowMs) <= CLOCK_TOLERANCE_MS)
    );
  }
}
