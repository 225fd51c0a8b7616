import { createBackoff, MillraceError, reasonOf } from "@millrace/runtime";
import type { Backoff, Clock, Logger, Random } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import type { WindowPage, WindowQuery } from "../api/central-reader.ts";
import type { SinkTarget } from "./sink-target.ts";
import { SINK_OUTCOMES } from "./sink-view.ts";
import type { SinkOutcome, SinkView } from "./sink-view.ts";

/** Windows whose latest revision waits; beyond them all is left to the history. */
export const WAITING_MAX = 50_000;
/** Results in one write. */
export const BATCH_RESULTS_MAX = 500;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 10_000;
const PRUNE_INTERVAL_MS = 10_000;
/** At a stop, for what waits. */
const FLUSH_MS_MAX = 2_000;

interface Waiting {
  readonly result: WindowResult;
  readonly sinceMs: number;
}

export interface SinkRunnerOptions {
  readonly target: SinkTarget;
  /** Those that go there, and how long one of them can be. */
  readonly windows: readonly { readonly name: string; readonly lengthMsMax: number }[];
  /** After its end, how long a window is kept there. */
  readonly retentionMs: number;
  readonly readHistory: (query: WindowQuery) => Promise<WindowPage>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * One sink beside the others: what is published waits here, of each window only its latest revision, and is written in batches.
 * While the target is away nothing else is held up; what does not fit any more is forgotten, and read from the history when
 * the target is back, as is everything when the target has lost something or central has started.
 */
export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #windows: ReadonlySet<string>;
  readonly #waiting = new Map<string, Waiting>();
  readonly #outcomes = Object.fromEntries(SINK_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
    SinkOutcome,
    number
  >;
  readonly #failures: Record<string, number> = {};
  readonly #backoff: Backoff;
  #state: SinkView["state"] = "connecting";
  #trouble: { readonly code: string; readonly reason: string } | null = null;
  #rebuilds = 0;
  /** The target lacks more than what waits; what is published is not kept, it comes from there too. */
  #isHistoryOwed = true;
  /** Where the rebuild is; null where none runs. */
  #rebuild: { window: number; cursor: string | null } | null = null;
  #prunedAtMs = Number.NEGATIVE_INFINITY;
  #stopAtMs: number | null = null;
  #published = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    this.#windows = new Set(options.windows.map(({ name }) => name));
    const { random } = options;
    this.#backoff = createBackoff({ random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Revisions that are durable. Never waits. */
  offer(results: readonly WindowResult[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const result of results) {
      if (!this.#windows.has(result.window)) continue;
      if (this.#isHistoryOwed) {
        this.#outcomes.deferred += 1;
        continue;
      }
      const key = `${result.window} ${result.startMs} ${labelsKey(result.group)}`;
      const earlier = this.#waiting.get(key);
      if (earlier !== undefined) this.#outcomes.superseded += 1;
      this.#waiting.set(key, { result, sinceMs: earlier?.sinceMs ?? nowMs });
    }
    if (this.#waiting.size > WAITING_MAX) this.#leaveToHistory();
    this.#published.resolve();
  }

  /** What waits is written if that can be done soon; the next start writes the history again anyway. */
  async stop(): Promise<void> {
    const { clock, target } = this.#options;
    this.#stopAtMs = clock.monotonicMs() + FLUSH_MS_MAX;
    this.#stopped.resolve();
    const timer = clock.after(FLUSH_MS_MAX, () => target.close());
    await this.#running;
    timer.cancel();
    this.#state = "stopped";
  }

  get view(): SinkView {
    const [oldest] = this.#waiting.values();
    const nowMs = this.#options.clock.monotonicMs();
    return {
      sink: this.#options.target.name,
      state: this.#state,
      reason: this.#trouble?.reason ?? "",
      code: this.#trouble?.code ?? "",
      waiting: this.#waiting.size,
      waitingMs: oldest === undefined ? 0 : nowMs - oldest.sinceMs,
      outcomes: { ...this.#outcomes },
      rebuilds: this.#rebuilds,
      failures: { ...this.#failures },
    };
  }

  async #run(): Promise<void> {
    const { target, log } = this.#options;
    while (this.#stopAtMs === null) {
      try {
        const { holdsAll } = await target.open();
        if (!holdsAll) this.#leaveToHistory();
        if (this.#trouble !== null) log.info("a sink is up again", { sink: target.name });
        this.#trouble = null;
        await this.#serve();
      } catch (error) {
        this.#fail(error);
        target.close();
        await this.#pause(this.#backoff.nextMs(), []);
      }
    }
    target.close();
  }

  /** Until it stops, or something fails. What is new goes first, and a page of the history after each batch of it. */
  async #serve(): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      if (this.#isHistoryOwed) {
        this.#isHistoryOwed = false;
        this.#rebuild = { window: 0, cursor: null };
        this.#rebuilds += 1;
      }
      this.#state = this.#rebuild === null ? "up" : "rebuilding";
      const isStopping = this.#stopAtMs !== null;
      if (isStopping && (this.#waiting.size === 0 || clock.monotonicMs() > (this.#stopAtMs ?? 0))) return;
      const hadWaiting = await this.#writeWaiting();
      if (!isStopping && this.#rebuild !== null) await this.#writePage(this.#rebuild);
      else if (!isStopping && clock.monotonicMs() - this.#prunedAtMs >= PRUNE_INTERVAL_MS)
        await this.#prune();
      else if (!hadWaiting && !isStopping) {
        await this.#pause(PRUNE_INTERVAL_MS, [this.#published.promise]);
        this.#published = Promise.withResolvers();
      }
      this.#backoff.reset();
    }
  }

  async #writeWaiting(): Promise<boolean> {
    const entries: [string, Waiting][] = [];
    for (const entry of this.#waiting) {
      if (entries.length >= BATCH_RESULTS_MAX) break;
      entries.push(entry);
    }
    if (entries.length === 0) return false;
    await this.#write(entries.map(([, { result }]) => result));
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, entry] of entries) {
      const latest = this.#waiting.get(key);
      this.#waiting.delete(key);
      // A later revision that came meanwhile waits behind the windows that have waited longer.
      if (latest !== undefined && latest !== entry)
        this.#waiting.set(key, { result: latest.result, sinceMs: nowMs });
    }
    return true;
  }

  async #writePage(at: { window: number; cursor: string | null }): Promise<void> {
    const window = this.#options.windows[at.window];
    if (window === undefined) {
      this.#rebuild = null;
      return;
    }
    const { windows, cursor } = await this.#options.readHistory({
      window: window.name,
      group: {},
      fromMs: this.#cutoffMs() - window.lengthMsMax,
      toMs: Number.POSITIVE_INFINITY,
      limit: BATCH_RESULTS_MAX,
      cursor: at.cursor,
    });
    await this.#write(windows);
    if (this.#rebuild !== at) return;
    this.#rebuild = { window: cursor === null ? at.window + 1 : at.window, cursor };
  }

  async #write(results: readonly WindowResult[]): Promise<void> {
    const cutoffMs = this.#cutoffMs();
    const kept = results.filter(({ endMs }) => endMs >= cutoffMs);
    this.#outcomes.expired += results.length - kept.length;
    if (kept.length === 0) return;
    const { taken } = await this.#options.target.write(kept);
    this.#outcomes.written += taken;
    this.#outcomes.stale += kept.length - taken;
  }

  async #prune(): Promise<void> {
    const { hasMore } = await this.#options.target.prune(this.#cutoffMs());
    if (!hasMore) this.#prunedAtMs = this.#options.clock.monotonicMs();
  }

  #cutoffMs(): number {
    return this.#options.clock.nowMs() - this.#options.retentionMs;
  }

  #leaveToHistory(): void {
    this.#outcomes.deferred += this.#waiting.size;
    this.#waiting.clear();
    this.#isHistoryOwed = true;
    this.#rebuild = null;
  }

  #fail(error: unknown): void {
    const { target, log } = this.#options;
    const code = error instanceof MillraceError ? error.code : "other";
    const reason = error instanceof MillraceError ? error.message : reasonOf(error);
    this.#failures[code] = (this.#failures[code] ?? 0) + 1;
    this.#trouble = { code, reason };
    this.#state = "down";
    const wayOut = error instanceof MillraceError ? { way_out: error.wayOut } : {};
    log.repeated(`sink ${target.name} ${code}`, "a sink does not take results; trying again", {
      sink: target.name,
      code,
      reason,
      ...wayOut,
    });
  }

  /** Until one of these comes, it stops, or this time is over. */
  async #pause(delayMs: number, sooner: readonly Promise<void>[]): Promise<void> {
    const isOver = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(delayMs, () => isOver.resolve());
    await Promise.race([isOver.promise, this.#stopped.promise, ...sooner]);
    timer.cancel();
  }
}
