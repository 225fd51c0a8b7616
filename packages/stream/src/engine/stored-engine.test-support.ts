import type { TimeRange } from "../event-time.ts";
import type { Frontier } from "../frontier.ts";
import { Membership } from "../membership.ts";
import type { PaneRows } from "../pane-rows.ts";
import type { WindowResult } from "../window-result.ts";
import type { StateRange } from "./state-key.ts";
import { decodeWindow } from "./window-codec.ts";
import type { ReachedMs } from "./view-entry.ts";
import { WindowEngine } from "./window-engine.ts";
import type { ApplyOutcome, StateChange, StateEntry, WindowEngineOptions } from "./window-engine.ts";

/** A window engine with a store in memory, called as central calls it, that can be stopped and restored at any point. */
export class StoredEngine {
  readonly store = new Map<string, Uint8Array>();
  #options: WindowEngineOptions;
  readonly #frontiers = new Map<string, Frontier>();
  readonly #lost = new Map<string, readonly TimeRange[]>();
  #panesLostToMs = -Infinity;
  #membership = new Membership();
  #engine: WindowEngine;

  constructor(options: WindowEngineOptions) {
    this.#options = options;
    this.#engine = new WindowEngine(options);
    this.restart();
  }

  get counts() {
    return this.#engine.counts;
  }

  apply(rows: PaneRows, nowMs: number): ApplyOutcome {
    this.#load(this.#engine.needs(rows));
    const outcome = this.#engine.apply(rows, nowMs);
    this.#commit();
    return outcome;
  }

  get isCutShort(): boolean {
    return this.#engine.isCutShort;
  }

  /** By kind of the key: entries that ticks have read since the start. */
  readonly readCounts = new Map<string, number>();

  /** The next starts die after so many commits that move panes, or make long ones: nothing can be done with the engine then. */
  startCommitsMax = Infinity;

  /** How many keys the last start, or `apply` since, has asked for. */
  neededCount = 0;

  /** Keys and values of the last commit. */
  committedBytes = 0;

  get waitedFor(): readonly WindowResult[] {
    return this.#engine.waitedFor;
  }

  tick(nowMs: number, trustedMs = nowMs): WindowResult[] {
    for (const range of this.#engine.dueRanges(trustedMs)) {
      const entries = this.#read(range);
      const kind = range.from[0];
      this.readCounts.set(kind, (this.readCounts.get(kind) ?? 0) + entries.length);
      this.#engine.loadRange(range, entries);
    }
    for (const key of this.#engine.dueKeys(trustedMs)) this.#engine.load(key, this.store.get(key));
    const results = this.#engine.tick(nowMs, trustedMs);
    this.#commit();
    return results;
  }

  setFrontier(agent: string, frontier: Frontier): void {
    this.#frontiers.set(agent, frontier);
    this.#engine.setFrontier(agent, frontier);
  }

  setLost(agent: string, lost: readonly TimeRange[]): void {
    this.#lost.set(agent, lost);
    this.#engine.setLost(agent, lost);
  }

  setPanesLost(toMs: number): void {
    this.#panesLostToMs = toMs;
    this.#engine.setPanesLost(toMs);
  }

  get keptWindows() {
    return this.#engine.keptWindows;
  }

  keptToMsOf(of: { readonly metric: string }, timeMs: number) {
    return this.#engine.keptToMsOf(of, timeMs);
  }

  get finalToMs(): number {
    return this.#engine.finalToMs;
  }

  setMembership(membership: Membership): void {
    this.#membership = membership;
    this.#engine.setMembership(membership);
  }

  /** Forgets everything but the store, and takes it up again, perhaps with other windows. */
  restart(options = this.#options, reachedMs?: ReachedMs): void {
    this.#options = options;
    this.#engine = new WindowEngine(options);
    if (!this.#prepareStore()) return;
    const entries = this.#engine.restoreRanges().flatMap((range) => this.#read(range));
    this.#load(this.#engine.restore(entries, reachedMs));
    this.#engine.setMembership(this.#membership);
    for (const [agent, frontier] of this.#frontiers) this.#engine.setFrontier(agent, frontier);
    for (const [agent, lost] of this.#lost) this.#engine.setLost(agent, lost);
    this.#engine.setPanesLost(this.#panesLostToMs);
  }

  /** The last results of all windows, as the store has them. */
  stored(): WindowResult[] {
    return this.#read({ from: "w|", to: "w}" }).map(({ bytes }) => decodeWindow(bytes));
  }

  /** What a query is told of all windows. */
  computed(nowMs: number): WindowResult[] {
    const results = this.stored();
    const found = new Map<string, Uint8Array>();
    for (const key of this.#engine.outdatedKeys(results)) {
      const bytes = this.store.get(key);
      if (bytes !== undefined) found.set(key, bytes);
    }
    return this.#engine.computed(results, found, nowMs);
  }

  /** False: it has died. */
  #prepareStore(): boolean {
    let commits = 0;
    const move = this.#engine.paneMove();
    for (let range = move.nextRange(); range !== null; range = move.nextRange()) {
      const keys = move.take(this.#read(range));
      if (keys.length === 0) continue;
      if (++commits > this.startCommitsMax) return false;
      this.#write(move.merge(keys.map((key) => this.store.get(key))));
    }
    const build = this.#engine.longPaneBuild();
    for (let range = build.nextRange(); range !== null; range = build.nextRange()) {
      const changes = build.take(this.#read(range));
      if (changes.length === 0) continue;
      if (++commits > this.startCommitsMax) return false;
      this.#write(changes);
    }
    return true;
  }

  #load(keys: readonly string[]): void {
    this.neededCount = keys.length;
    for (const key of keys) this.#engine.load(key, this.store.get(key));
  }

  #commit(): void {
    this.#write(this.#engine.takeChanges());
  }

  #write(changes: readonly StateChange[]): void {
    this.committedBytes = 0;
    for (const { key, bytes } of changes) {
      this.committedBytes += key.length + (bytes?.length ?? 0);
      if (bytes === null) this.store.delete(key);
      else this.store.set(key, bytes);
    }
  }

  #read(range: StateRange): StateEntry[] {
    const keys = [...this.store.keys()].filter((key) => range.from <= key && key < range.to).sort();
    if (range.isReverse === true) keys.reverse();
    return keys.slice(0, range.limit).map((key) => ({ key, bytes: this.store.get(key)! }));
  }
}
