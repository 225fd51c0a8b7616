import { type Labels, labelsKey } from "@millrace/stream";

/** Series whose alarms are suppressed and never act: those that have all these labels; none means every series. */
export interface Maintenance {
  readonly labels: Labels;
  /** Steady time, ms, at which it ends by itself. */
  readonly untilMs: number;
  readonly sinceMs: number;
  /** Who said so. */
  readonly by: string;
  /** The topic that said so; null: a person, who also ends it. */
  readonly topic: string | null;
}

/** Standing orders at once; more are refused. */
export const MAINTENANCES_MAX = 1000;

/** What is in maintenance. Times are steady: they go on through jumps of the wall clock, and over restarts. */
export class MaintenanceBook {
  readonly #entries = new Map<string, Maintenance>();
  /** Topics that still say so after their time was over: not believed again until they have said otherwise. */
  readonly #overdue = new Set<string>();

  /** Without those that are over. */
  list(): readonly Maintenance[] {
    return [...this.#entries.values()];
  }

  covers(labels: Labels): boolean {
    if (this.#entries.size === 0) return false;
    for (const entry of this.#entries.values()) if (hasLabels(labels, entry.labels)) return true;
    return false;
  }

  /** A person's word replaces their last one for the same labels; a topic's stands as it began. False: nothing changed. */
  begin(entry: Maintenance): boolean {
    const key = keyOf(entry);
    const isKnown = this.#entries.has(key);
    if (entry.topic !== null && (isKnown || this.#overdue.has(key))) return false;
    if (!isKnown && this.#entries.size + this.#overdue.size >= MAINTENANCES_MAX) return false;
    this.#entries.set(key, entry);
    return true;
  }

  /** What a topic has said ends with the topic; what people have said with the same labels, or all of it for `all`. */
  end(which: { readonly topic: string } | { readonly labels: Labels } | "all"): readonly Maintenance[] {
    if (which !== "all" && "topic" in which) this.#overdue.delete(keyOf({ ...which, labels: {} }));
    return this.#remove((entry, key) => {
      if (which === "all") return entry.topic === null;
      return key === keyOf("topic" in which ? { ...which, labels: {} } : { ...which, topic: null });
    });
  }

  expire(steadyMs: number): readonly Maintenance[] {
    if (this.#entries.size === 0) return NONE;
    const over = this.#remove((entry) => entry.untilMs <= steadyMs);
    for (const entry of over) if (entry.topic !== null) this.#overdue.add(keyOf(entry));
    return over;
  }

  /** The steady time was set: what was to last an hour still does. */
  shift(byMs: number): void {
    for (const [key, entry] of this.#entries)
      this.#entries.set(key, { ...entry, untilMs: entry.untilMs + byMs });
  }

  export(): MaintenanceState {
    return { entries: this.list(), overdue: [...this.#overdue] };
  }

  restore(state: MaintenanceState): void {
    for (const entry of state.entries) this.#entries.set(keyOf(entry), entry);
    for (const key of state.overdue) this.#overdue.add(key);
  }

  #remove(isOver: (entry: Maintenance, key: string) => boolean): readonly Maintenance[] {
    const removed: Maintenance[] = [];
    for (const [key, entry] of this.#entries) {
      if (!isOver(entry, key)) continue;
      this.#entries.delete(key);
      removed.push(entry);
    }
    return removed;
  }
}

export interface MaintenanceState {
  readonly entries: readonly Maintenance[];
  readonly overdue: readonly string[];
}

const NONE: readonly Maintenance[] = Object.freeze([]);

/** Whether a series has all these labels. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

function keyOf({ topic, labels }: { readonly topic: string | null; readonly labels: Labels }): string {
  return topic === null ? `labels ${labelsKey(labels)}` : `topic ${topic}`;
}
