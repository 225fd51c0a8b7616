import type { WindowMemory } from "./window-memory.ts";
import type { WindowRecord } from "./window-track.ts";

/** Memory is cleared this many times per `hotMs`, and when more panes have come since than may: a backlog is faster. */
const SWEEPS_PER_HOT = 20;

export interface MemoryLimits {
  readonly hotMs: number;
  readonly hotPanesMax: number;
  readonly panesComeMax: number;
  readonly openWindowsMax: number;
}

/** Lets go of what is old and safely stored: complete windows whole, waiting ones down to their last result. */
export class MemorySweep {
  readonly #memory: WindowMemory;
  readonly #limits: MemoryLimits;
  #sweptAtMs = -Infinity;
  #panesKept = 0;
  #forgottenCount = 0;

  constructor(memory: WindowMemory, limits: MemoryLimits) {
    this.#memory = memory;
    this.#limits = limits;
  }

  /** Open windows let go because there were too many. */
  get forgottenCount(): number {
    return this.#forgottenCount;
  }

  /** Clears memory where it is time to. */
  run(nowMs: number): void {
    const { hotMs, hotPanesMax, panesComeMax } = this.#limits;
    const isEarly = nowMs >= this.#sweptAtMs && nowMs - this.#sweptAtMs < hotMs / SWEEPS_PER_HOT;
    if (isEarly && this.#paneCount() - this.#panesKept <= panesComeMax) return;
    this.#sweptAtMs = nowMs;
    let sizeInMemory = 0;
    for (const view of this.#memory.views.values()) for (const set of view.sets) sizeInMemory += set.size;
    const oldMs = nowMs - hotMs * Math.min(1, hotPanesMax / Math.max(1, sizeInMemory));
    this.#sweepRecords(oldMs);
    this.#forgetWaiting();
    this.#sweepPanes(oldMs);
    this.#panesKept = this.#paneCount();
  }

  #paneCount(): number {
    let count = 0;
    for (const view of this.#memory.views.values()) for (const { panes } of view.sets) count += panes.size;
    return count;
  }

  #sweepRecords(oldMs: number): void {
    for (const track of this.#memory.tracks.values()) {
      for (const record of track.records.before(oldMs)) {
        if (record.endMs >= oldMs || record.isDirty || this.#memory.isUnsaved(record)) continue;
        if (record.state !== "provisional") {
          if (!track.isHeld(record)) this.#memory.evict(record);
        } else if (record.hasPanes) this.#memory.setAside(record);
      }
    }
  }

  /** Keeps the number of waiting windows bounded: the oldest stay in the store only. */
  #forgetWaiting(): void {
    const { open, aside } = this.#memory;
    const excess = open.size - this.#limits.openWindowsMax;
    if (excess <= 0) return;
    const waiting: WindowRecord[] = [...aside]
      // One that no tick has had room for since it was due is still to be shown.
      .filter((record) => !this.#memory.isUnsaved(record) && record.nextCheckMs > -Infinity)
      .filter((record) => !record.track.isHeld(record))
      .sort((a, b) => a.endMs - b.endMs);
    for (const record of waiting.slice(0, excess)) {
      this.#memory.evict(record);
      this.#forgottenCount++;
    }
  }

  #sweepPanes(oldMs: number): void {
    for (const view of this.#memory.views.values()) {
      view.version++;
      for (const set of view.sets) {
        const tracks = view.tracks.filter(({ panes }) => panes === set);
        for (const pane of set.panes.before(oldMs - set.layout.paneMs)) {
          const isHeld = tracks.some((track) =>
            track
              .startsOver(pane.startMs, pane.group)
              .some((startMs) => track.records.get(startMs, pane.group)?.hasPanes === true),
          );
          if (pane.isChanged || isHeld) continue;
          set.drop(pane);
          set.residentFromMs = Math.max(set.residentFromMs, pane.startMs + set.layout.paneMs);
        }
        set.tidy();
      }
    }
  }
}
