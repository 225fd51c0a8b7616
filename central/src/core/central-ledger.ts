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
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** One agent's totals at central, since central's store was made. */
export interface LedgerTotals {
  /** Readings in pane batches taken: `received = merged + tooLate + unwindowed + unreadable + future + foreignSite`. */
  readonly received: number;
  readonly merged: number;
  /** After the window's lateness. */
  readonly tooLate: number;
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
  /** Batches taken; those that came again; those too far above the mark, which come again. */
  readonly batches: number;
  readonly duplicates: number;
  readonly beyond: number;
  /** Messages not taken, by reason. */
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
}

type Counter = Exclude<keyof LedgerTotals, "rejected">;

const ZERO: LedgerTotals = {
  received: 0,
  merged: 0,
  tooLate: 0,
  unwindowed: 0,
  unreadable: 0,
  future: 0,
  foreignSite: 0,
  partlyRead: 0,
  skipped: 0,
  batches: 0,
  duplicates: 0,
  beyond: 0,
  rejected: {},
};

/** Counts per agent everything that arrived and what became of it; committed with the state it describes. */
export class CentralLedger {
  readonly #totals = new Map<string, LedgerTotals>();
  readonly #dirty = new Set<string>();

  restore(agent: string, totals: LedgerTotals): void {
    this.#totals.set(agent, { ...ZERO, ...totals });
  }

  totals(agent: string): LedgerTotals {
    return this.#totals.get(agent) ?? ZERO;
  }

  all(): ReadonlyMap<string, LedgerTotals> {
    return this.#totals;
  }

  add(agent: string, counts: Readonly<Partial<Record<Counter, number>>>): void {
    const totals = this.totals(agent);
    this.#set(agent, {
      received: totals.received + (counts.received ?? 0),
      merged: totals.merged + (counts.merged ?? 0),
      tooLate: totals.tooLate + (counts.tooLate ?? 0),
      unwindowed: totals.unwindowed + (counts.unwindowed ?? 0),
      unreadable: totals.unreadable + (counts.unreadable ?? 0),
      future: totals.future + (counts.future ?? 0),
      foreignSite: totals.foreignSite + (counts.foreignSite ?? 0),
      partlyRead: totals.partlyRead + (counts.partlyRead ?? 0),
      skipped: totals.skipped + (counts.skipped ?? 0),
      batches: totals.batches + (counts.batches ?? 0),
      duplicates: totals.duplicates + (counts.duplicates ?? 0),
      beyond: totals.beyond + (counts.beyond ?? 0),
      rejected: totals.rejected,
    });
  }

  reject(agent: string, reason: RejectReason): void {
    const totals = this.totals(agent);
    this.#set(agent, {
      ...totals,
      rejected: { ...totals.rejected, [reason]: (totals.rejected[reason] ?? 0) + 1 },
    });
  }

  /** Agents whose totals changed since the last call. */
  takeDirty(): string[] {
    const agents = [...this.#dirty];
    this.#dirty.clear();
    return agents;
  }

  #set(agent: string, totals: LedgerTotals): void {
    this.#totals.set(agent, totals);
    this.#dirty.add(agent);
  }
}
