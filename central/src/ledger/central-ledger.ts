import { DurableValues } from "../state/durable-values.ts";

/** In the ledger, whoever is not enrolled: there is no end to what strangers may call themselves. */
export const NOBODY = "(unknown)";

/** Why something that arrived was not taken. Closed: the names are in metrics and the API. */
export const REJECT_REASONS = [
  "malformed_batch",
  "malformed_body",
  "malformed_hello",
  "malformed_heartbeat",
  "oversized",
  "wire_version",
  "foreign_store",
  "unknown_epoch",
  "no_session",
  "unknown_agent",
  "strange_record",
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** One agent's totals at central, since central's store was made. */
export interface LedgerTotals {
  /** Readings in pane batches taken: `received = merged + tooLate + unwindowed + unreadable + future + foreignSite`. */
  readonly received: number;
  readonly merged: number;
  /** After the window's lateness. */
  readonly tooLate: number;
  /** The same by metric; of what came since central counts it so. */
  readonly tooLateByMetric: Readonly<Record<string, number>>;
  /** Of a metric that no window uses, or with a pane size that no window's does. */
  readonly unwindowed: number;
  /** In batches whose checksum is right and whose body cannot be read. */
  readonly unreadable: number;
  /** In panes too far ahead of the clock. */
  readonly future: number;
  /** Under the name of a site that is not the agent's. */
  readonly foreignSite: number;
  /** Of those received: in panes that also carry an accumulator of a newer version, which this one cannot merge and leaves out. */
  readonly partlyRead: number;
  /** Readings that the agent gave up before they were sent, as it told. Beside `received`. */
  readonly skipped: number;
  /** Parts of evidence: held, held already, and not taken. Beside `received`: they hold no readings that count. */
  readonly evidenceParts: number;
  readonly evidencePartsDuplicate: number;
  readonly evidencePartsRefused: number;
  /** Pieces of evidence that were put together and are what was sent. */
  readonly evidence: number;
  /** Those that were given up: never finished, not what was sent, too old, and for want of room. */
  readonly evidenceUnfinished: number;
  readonly evidenceDamaged: number;
  readonly evidenceExpired: number;
  readonly evidenceEvicted: number;
  /** Batches taken; those that came again; those too far above the mark, which come again. */
  readonly batches: number;
  readonly duplicates: number;
  readonly beyond: number;
  /** Messages not taken, by reason. */
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
}

type Totals = { -readonly [Name in keyof LedgerTotals]: LedgerTotals[Name] };
type Counter = Exclude<keyof LedgerTotals, "rejected" | "tooLateByMetric">;

const ZERO: LedgerTotals = {
  received: 0,
  merged: 0,
  tooLate: 0,
  tooLateByMetric: {},
  unwindowed: 0,
  unreadable: 0,
  future: 0,
  foreignSite: 0,
  partlyRead: 0,
  skipped: 0,
  evidenceParts: 0,
  evidencePartsDuplicate: 0,
  evidencePartsRefused: 0,
  evidence: 0,
  evidenceUnfinished: 0,
  evidenceDamaged: 0,
  evidenceExpired: 0,
  evidenceEvicted: 0,
  batches: 0,
  duplicates: 0,
  beyond: 0,
  rejected: {},
};

const { rejected: _, tooLateByMetric: __, ...COUNTS } = ZERO;

function isCounter(name: string): name is Counter {
  return name in COUNTS;
}

/** Counts per agent everything that arrived and what became of it; committed with the state it describes. */
export class CentralLedger {
  readonly #totals = new Map<string, LedgerTotals>();
  readonly #durable = new DurableValues<LedgerTotals>();
  /** Of those totals, the ones that nobody has been given yet: they may be added to, instead of to a copy. */
  readonly #own = new Map<string, Totals>();
  readonly #dirty = new Set<string>();

  restore(agent: string, totals: LedgerTotals): void {
    const known = { ...ZERO, ...totals };
    this.#totals.set(agent, known);
    this.#durable.restore(agent, known);
  }

  /** What is given out does not change any more. */
  totals(agent: string): LedgerTotals {
    this.#own.delete(agent);
    return this.#totals.get(agent) ?? ZERO;
  }

  /** What is durable of it. */
  all(): ReadonlyMap<string, LedgerTotals> {
    return this.#durable.all;
  }

  add(agent: string, counts: Readonly<Partial<Record<Counter, number>>>): void {
    const sums = this.#toAddTo(agent);
    // Of twenty some few are told.
    for (const counter in counts) if (isCounter(counter)) sums[counter] += counts[counter] ?? 0;
  }

  /** Readings of a metric that `add` counts as too late. */
  tooLateOf(agent: string, metric: string, count: number): void {
    const sums = this.#toAddTo(agent);
    const before = sums.tooLateByMetric;
    sums.tooLateByMetric = { ...before, [metric]: (before[metric] ?? 0) + count };
  }

  reject(agent: string, reason: RejectReason): void {
    const sums = this.#toAddTo(agent);
    sums.rejected = { ...sums.rejected, [reason]: (sums.rejected[reason] ?? 0) + 1 };
  }

  /** Agents whose totals changed since the last call, to be committed; then `durable` must be called. */
  takeDirty(): string[] {
    const agents = [...this.#dirty];
    this.#dirty.clear();
    this.#durable.take(agents.map((agent) => [agent, this.totals(agent)]));
    return agents;
  }

  /** What was taken is committed. */
  durable(): void {
    this.#durable.durable();
  }

  #toAddTo(agent: string): Totals {
    this.#dirty.add(agent);
    const own = this.#own.get(agent);
    if (own !== undefined) return own;
    const copy = { ...(this.#totals.get(agent) ?? ZERO) };
    this.#totals.set(agent, copy);
    this.#own.set(agent, copy);
    return copy;
  }
}
