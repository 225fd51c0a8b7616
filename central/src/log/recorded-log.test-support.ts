import type { LogEntry, LogStart, LogTurn, LogView, UplinkLog } from "./uplink-log.ts";

/** A log apart in memory: one partition to a site, read in an order that a test chooses. */
export class RecordedLog implements UplinkLog {
  readonly isApart = true;
  readonly isEmpty = true;
  readonly partitions = new Map<string, LogEntry[]>();
  readonly #taken = new Map<string, number>();
  readonly #order: string[];
  readonly #isAnew: boolean;

  /**
   * @param before what another life has left, to be read anew.
   * @param order of each turn, the site whose next entry is read; then all that is left.
   */
  constructor(before?: RecordedLog, order: readonly string[] = []) {
    for (const [site, entries] of before?.partitions ?? []) this.partitions.set(site, [...entries]);
    this.#isAnew = before !== undefined;
    this.#order = [...order];
  }

  start({ positions }: LogStart): void {
    if (!this.#isAnew) return;
    for (const [partition, site] of [...this.partitions.keys()].entries())
      this.#taken.set(site, positions.get(partition)?.next ?? 0);
  }

  get hasRoom(): boolean {
    return this.isCaughtUp;
  }

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      entry.settled?.();
      const held = { ...entry, settled: undefined };
      this.partitions.set(entry.site, [...(this.partitions.get(entry.site) ?? []), held]);
    }
  }

  take(): LogTurn {
    const next = this.#isAnew ? this.#order.shift() : undefined;
    const entries: LogEntry[] = [];
    for (const [site, all] of this.partitions) {
      const from = this.#taken.get(site) ?? 0;
      const to = next === undefined ? all.length : next === site ? from + 1 : from;
      entries.push(...all.slice(from, to));
      this.#taken.set(site, Math.min(to, all.length));
    }
    const read = this.#isAnew
      ? entries.map((entry) => ({ ...entry, connection: null, isOld: true }))
      : entries;
    const positions = [...this.#taken.values()].map((at, partition) => ({ partition, next: at }));
    return { entries: read, positions, gaps: [], strange: [] };
  }

  get isCaughtUp(): boolean {
    return [...this.partitions].every(([site, all]) => (this.#taken.get(site) ?? 0) === all.length);
  }

  get takenToMs(): number {
    let takenToMs = Infinity;
    for (const [site, all] of this.partitions) {
      const at = this.#taken.get(site) ?? 0;
      if (at < all.length) takenToMs = Math.min(takenToMs, all[at - 1]?.atMs ?? -Infinity);
    }
    return takenToMs;
  }

  get view(): LogView {
    const state = this.isCaughtUp ? "up" : "catching_up";
    return { kind: "kafka", state, reason: "", lag: {}, leftOut: [], waitingBytes: 0, appendedEntries: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
