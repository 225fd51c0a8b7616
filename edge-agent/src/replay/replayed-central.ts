import type { AgentConfig, Pipeline } from "@millrace/config";
import { type Frontier, Membership, type PaneRows, WindowEngine, type WindowResult } from "@millrace/stream";
import { WindowSpill } from "./window-spill.ts";

/** Readings by what became of them in the windows. */
export interface WindowCounts {
  merged: number;
  /** Of those: into windows that had been complete. */
  revising: number;
  tooLate: number;
  unwindowed: number;
}

/** A window that is complete, that has changed since, or that the recording's end has cut. */
export interface ToldWindow {
  readonly kind: "complete" | "revised" | "cut";
  readonly result: WindowResult;
}

/** A result that is not complete is of no interest before the end: each window's first, and no other. */
const PROVISIONAL_INTERVAL_MS = 365 * 86_400_000;

/** Central's window engine behind a link that takes no time, with this agent as the only one that is expected. */
export class ReplayedCentral {
  readonly #agent: string;
  readonly #engine: WindowEngine;
  readonly #spill = new WindowSpill();
  /** Shown once, and not complete yet. */
  readonly #provisional = new Map<string, WindowResult>();
  readonly counts: WindowCounts = { merged: 0, revising: 0, tooLate: 0, unwindowed: 0 };

  constructor({ config, pipeline }: { readonly config: AgentConfig; readonly pipeline: Pipeline }) {
    this.#agent = config.agent;
    this.#engine = new WindowEngine({
      windows: pipeline.windows,
      metrics: pipeline.metrics,
      emitIntervalMs: PROVISIONAL_INTERVAL_MS,
    });
    this.#engine.restore([]);
    const membership = new Membership();
    membership.join(config.agent, config.site, -Infinity);
    this.#engine.setMembership(membership);
  }

  /** What the agent has sent; the windows that are complete with it, or revised. */
  async step(
    sent: { readonly sections: readonly PaneRows[]; readonly frontier: Frontier },
    nowMs: number,
  ): Promise<readonly ToldWindow[]> {
    for (const rows of sent.sections) {
      await this.#load(this.#engine.needs(rows));
      const { merged, revising, tooLate, unwindowed } = this.#engine.apply(rows, nowMs);
      this.counts.merged += merged;
      this.counts.revising += revising;
      this.counts.tooLate += tooLate;
      this.counts.unwindowed += unwindowed;
    }
    this.#engine.setFrontier(this.#agent, sent.frontier);
    for (const range of this.#engine.dueRanges(nowMs))
      this.#engine.loadRange(range, await this.#spill.range(range));
    const results = this.#engine.tick(nowMs, nowMs);
    await this.#spill.put(this.#engine.takeChanges());
    return this.#news(results);
  }

  /** What was still to be told at the end of the recording, and the windows that it has cut. */
  rest(nowMs: number): readonly ToldWindow[] {
    const news = this.#news(this.#engine.tick(nowMs + PROVISIONAL_INTERVAL_MS, nowMs));
    const cut = Array.from(this.#provisional.values(), (result): ToldWindow => ({ kind: "cut", result }));
    return [...news, ...cut].map(({ kind, result }) => ({ kind, result: { ...result, updatedAtMs: nowMs } }));
  }

  /** A final result says once more what the last one said. */
  #news(results: readonly WindowResult[]): readonly ToldWindow[] {
    const told: ToldWindow[] = [];
    for (const result of results) {
      const key = JSON.stringify([result.window, result.startMs, result.group]);
      if (result.state === "provisional") {
        this.#provisional.set(key, result);
        continue;
      }
      const isFirst = this.#provisional.delete(key) || result.revision === 1;
      if (isFirst) told.push({ kind: "complete", result });
      else if (result.state === "complete") told.push({ kind: "revised", result });
    }
    return told;
  }

  close(): Promise<void> {
    return this.#spill.close();
  }

  async #load(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const values = await this.#spill.getMany(keys);
    for (const [index, key] of keys.entries()) this.#engine.load(key, values[index]);
  }
}
