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

/** Standing orders of people, and of topics, at once; more are refused. */
export const MAINTENANCES_MAX = 1000;

/** What is in maintenance. Times are steady: they go on through jumps of the wall clock, and over restarts. */
export class MaintenanceBook {
  readonly #entries = new Map<string, Maintenance>();
  /** Topics that still say so after their time was over: not believed again until they have said otherwise. */
  readonly #overdue = new Set<string>();
  /** As last told. */
  #steadyMs = Number.NEGATIVE_INFINITY;
  /** A witness has set the steady time: ends are right over a restart, too. */
  #isProven = false;
  /** Steady time of an earlier life, as last told there; what it had left counts from the first that is told in this one. */
  #storedAtMs: number | null = null;
  /** Proven ends of an earlier life, by key, until this one's time is proven. */
  readonly #provenUntilMs = new Map<string, number>();

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
    if (!isKnown && this.#countLike(entry) >= MAINTENANCES_MAX) return false;
    this.#entries.set(key, entry);
    this.#provenUntilMs.delete(key);
    this.#steadyMs = Math.max(this.#steadyMs, entry.sinceMs);
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

  /** Topics that are not believed until they have said otherwise. */
  overdueTopics(): readonly string[] {
    return [...this.#overdue].map((key) => key.slice(TOPIC_PREFIX.length));
  }

  expire(steadyMs: number): readonly Maintenance[] {
    this.#goOn(steadyMs);
    if (this.#entries.size === 0) return NONE;
    const over = this.#remove((entry) => entry.untilMs <= steadyMs);
    for (const entry of over) if (entry.topic !== null) this.#overdue.add(keyOf(entry));
    return over;
  }

  /** A witness has set the steady time: what was to last an hour still does, and what an earlier life had proven holds. */
  shift(byMs: number): void {
    for (const [key, entry] of this.#entries) {
      const untilMs = this.#provenUntilMs.get(key) ?? entry.untilMs + byMs;
      this.#entries.set(key, { ...entry, untilMs });
    }
    this.#provenUntilMs.clear();
    this.#steadyMs += byMs;
    this.#isProven = true;
  }

  export(): MaintenanceState {
    const time = Number.isFinite(this.#steadyMs)
      ? { steadyMs: this.#steadyMs, isProven: this.#isProven }
      : {};
    return { entries: this.list(), overdue: [...this.#overdue], ...time };
  }

  restore(state: MaintenanceState): void {
    for (const entry of state.entries) {
      this.#entries.set(keyOf(entry), entry);
      if (state.isProven === true) this.#provenUntilMs.set(keyOf(entry), entry.untilMs);
    }
    for (const key of state.overdue) this.#overdue.add(key);
    this.#steadyMs = state.steadyMs ?? this.#steadyMs;
    this.#storedAtMs = state.steadyMs ?? null;
  }

  /** Whatever the clock says of the time that nobody was there, what is left counts from here, until a witness comes. */
  #goOn(steadyMs: number): void {
    const byMs = this.#storedAtMs === null ? 0 : steadyMs - this.#storedAtMs;
    this.#storedAtMs = null;
    this.#steadyMs = steadyMs;
    if (byMs === 0) return;
    for (const [key, entry] of this.#entries)
      this.#entries.set(key, { ...entry, untilMs: entry.untilMs + byMs });
  }

  /** Of people, or of topics, which may not keep people from theirs. */
  #countLike({ topic }: Maintenance): number {
    let count = topic === null ? 0 : this.#overdue.size;
    for (const entry of this.#entries.values()) if ((entry.topic === null) === (topic === null)) count += 1;
    return count;
  }

  #remove(isOver: (entry: Maintenance, key: string) => boolean): readonly Maintenance[] {
    const removed: Maintenance[] = [];
    for (const [key, entry] of this.#entries) {
      if (!isOver(entry, key)) continue;
      this.#entries.delete(key);
      this.#provenUntilMs.delete(key);
      removed.push(entry);
    }
    return removed;
  }
}

export interface MaintenanceState {
  readonly entries: readonly Maintenance[];
  readonly overdue: readonly string[];
  /** When that was so. Absent in states of before it was kept, and where nothing is known of the time. */
  readonly steadyMs?: number;
  readonly isProven?: boolean;
}

const TOPIC_PREFIX = "topic ";
const NONE: readonly Maintenance[] = Object.freeze([]);

/** Whether a series has all these labels. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

function keyOf({ topic, labels }: { readonly topic: string | null; readonly labels: Labels }): string {
  return topic === null ? `labels ${labelsKey(labels)}` : `${TOPIC_PREFIX}${topic}`;
}
