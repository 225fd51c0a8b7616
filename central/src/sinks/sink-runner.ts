import { createBackoff, MillraceError, reasonOf } from "@millrace/runtime";
import type { Backoff, Clock, Logger, Random, Timer } from "@millrace/runtime";
import { OwedHistory } from "./owed-history.ts";
import type { SinkMark } from "./sink-mark.ts";
import type { SinkStream } from "./sink-stream.ts";
import type { SinkTarget, SinkWritten } from "./sink-target.ts";
import { SINK_OUTCOMES } from "./sink-view.ts";
import type { SinkOutcome, SinkView } from "./sink-view.ts";

/** Items that wait; beyond them they are left to the history. */
export const WAITING_MAX = 50_000;
/** Of these; while more waits, a page of the history is written after so many batches only. */
const WAITING_BESIDE_PAGES = 0.1;
const BATCHES_BEFORE_PAGE = 4;
/** Items in one write. */
export const BATCH_ITEMS_MAX = 500;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 10_000;
const PRUNE_INTERVAL_MS = 10_000;
/** How much is written twice after `kill -9`, at most. */
const MARK_INTERVAL_MS = 1_000;
/** A clock is right all the while where it is set by less. */
const CLOCK_BACK_MS = 60_000;
/** Up for so long, it is said to be up again: what fails and works by turns would be said every moment. */
const STEADY_MS = 5_000;
/** What is owed for so long is no peak that passes. */
const OWED_MS_LONG = 900_000;
/** At a stop, for what waits. */
const FLUSH_MS_MAX = 2_000;

interface Waiting<Item> {
  readonly item: Item;
  readonly sinceMs: number;
}

export interface SinkRunnerOptions<Item> {
  readonly target: SinkTarget<Item>;
  readonly stream: SinkStream<Item>;
  /** Null: after each start all of the history is written again. */
  readonly mark: SinkMark | null;
  /** After its end, how long something is kept there. */
  readonly retentionMs: number;
  /** For tests: another bound than `WAITING_MAX`. */
  readonly waitingMax?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * One sink beside the others: what is published waits here, of each window or alarm only its latest revision, and is written in
 * batches. Nothing else is held up by a target that is away or slow: what does not fit any more is left out, and read from the
 * history later. So is everything when the target has lost something; and when central has started, what the mark does not say is
 * there.
 */
export class SinkRunner<Item> {
  readonly #options: SinkRunnerOptions<Item>;
  readonly #waiting = new Map<string, Waiting<Item>>();
  readonly #outcomes = Object.fromEntries(SINK_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
    SinkOutcome,
    number
  >;
  readonly #failures: Record<string, number> = {};
  readonly #backoff: Backoff;
  #state: SinkView["state"] = "connecting";
  #trouble: { readonly code: string; readonly reason: string } | null = null;
  /** Null where it is not about to be said that it is up again. */
  #steady: Timer | null = null;
  #rebuilds = 0;
  /** What the target lacks beside what waits. */
  readonly #owed = new OwedHistory();
  readonly #waitingMax: number;
  /** The mark as it is stored: after a start the history is read from there. Undefined: not read yet. */
  #markMs: number | null | undefined;
  /** The mark is to say no more than this: what was offered and changed before it, by a clock that was set back. */
  #markMsMax = Number.POSITIVE_INFINITY;
  #markedAtMs = Number.NEGATIVE_INFINITY;
  /** It is being written, beside what is published. */
  #marking: Promise<void> | null = null;
  /** Of what was offered last. Not the greatest: after a clock that was ahead, what comes now lies before what came then. */
  #offeredAtMs: number | null = null;
  /** The greatest that was read from the history. */
  #readAtMs: number | null = null;
  /** Since a page of the history was. */
  #batchesWritten = 0;
  #prunedAtMs = Number.NEGATIVE_INFINITY;
  /** What ended before this may have been left out, or removed. */
  #leftOutToMs = Number.NEGATIVE_INFINITY;
  #stopAtMs: number | null = null;
  #published = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;

  constructor(options: SinkRunnerOptions<Item>) {
    this.#options = options;
    const { random, clock, waitingMax = WAITING_MAX } = options;
    this.#waitingMax = waitingMax;
    this.#owed.oweAll(clock.monotonicMs());
    this.#backoff = createBackoff({ random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** What is durable. Never waits. */
  offer(items: readonly Item[]): void {
    const { clock, stream } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const item of items) {
      const key = stream.keyOf(item);
      if (key === null) continue;
      this.#offeredAtMs = stream.changedAtMs(item);
      if (this.#offeredAtMs < this.#saidMs) this.#markMsMax = Math.min(this.#markMsMax, this.#offeredAtMs);
      if (this.#owed.isLeavingOut) {
        this.#leaveOut(item);
        continue;
      }
      const earlier = this.#waiting.get(key);
      if (earlier !== undefined) this.#outcomes.superseded += 1;
      this.#waiting.set(key, { item, sinceMs: earlier?.sinceMs ?? nowMs });
      this.#boundWaiting();
    }
    this.#takeMarkBack();
    this.#published.resolve();
  }

  /** What waits is written if that can be done soon; the next start reads it from the history anyway. */
  async stop(): Promise<void> {
    const { clock, target } = this.#options;
    this.#stopAtMs = clock.monotonicMs() + FLUSH_MS_MAX;
    this.#stopped.resolve();
    const timer = clock.after(FLUSH_MS_MAX, () => target.close());
    await this.#running;
    await this.#marking;
    timer.cancel();
    this.#steady?.cancel();
    this.#state = "stopped";
  }

  get view(): SinkView {
    const nowMs = this.#options.clock.monotonicMs();
    let sinceMs = nowMs;
    for (const waiting of this.#waiting.values()) sinceMs = Math.min(sinceMs, waiting.sinceMs);
    return {
      sink: this.#options.target.name,
      state: this.#state,
      reason: this.#trouble?.reason ?? "",
      code: this.#trouble?.code ?? "",
      waiting: this.#waiting.size,
      waitingMs: nowMs - sinceMs,
      owed: this.#owed.count,
      owedMs: this.#owedMs,
      outcomes: { ...this.#outcomes },
      rebuilds: this.#rebuilds,
      failures: { ...this.#failures },
    };
  }

  async #run(): Promise<void> {
    const { target } = this.#options;
    while (this.#stopAtMs === null) {
      try {
        await this.#readMark();
        const { holdsAll } = await target.open();
        if (!holdsAll) await this.#writeMark(null);
        if (!holdsAll) this.#oweAll();
        await this.#serve();
      } catch (error) {
        this.#fail(error);
        await this.#pause(Math.max(this.#backoff.nextMs(), target.restMs?.() ?? 0), []);
      }
    }
    target.close();
  }

  /** Until it stops, or something fails. What is new goes first, and a page of the history after each batch of it. */
  async #serve(): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      await this.#watchClock();
      if (this.#owed.begin(this.#markMs ?? null).isBegun) this.#rebuilds += 1;
      const isIdle = this.#owed.page === null && this.#waiting.size === 0;
      // That it could be opened does not say yet that it takes anything.
      if (isIdle) this.#recover();
      this.#state = this.#trouble !== null ? "down" : this.#owed.page === null ? "up" : "rebuilding";
      this.#tellOwed();
      const isStopping = this.#stopAtMs !== null;
      if (isStopping && (this.#waiting.size === 0 || clock.monotonicMs() > (this.#stopAtMs ?? 0)))
        return await this.#advanceMark(true);
      await this.#advanceMark(false);
      const hadWaiting = await this.#writeWaiting();
      const isPruneDue = !isStopping && clock.monotonicMs() - this.#prunedAtMs >= PRUNE_INTERVAL_MS;
      if (isPruneDue) await this.#prune();
      if (!isStopping && this.#owed.page !== null) {
        if (this.#isPageDue()) await this.#writePage();
      } else if (!hadWaiting && !isPruneDue && !isStopping) {
        const isMarkBehind = this.#dueMarkMs(false) !== this.#markMs;
        await this.#pause(isMarkBehind ? MARK_INTERVAL_MS : PRUNE_INTERVAL_MS, [this.#published.promise]);
        this.#published = Promise.withResolvers();
      }
      this.#backoff.reset();
    }
  }

  async #writeWaiting(): Promise<boolean> {
    const entries: [string, Waiting<Item>][] = [];
    for (const entry of this.#waiting) {
      if (entries.length >= BATCH_ITEMS_MAX) break;
      entries.push(entry);
    }
    if (entries.length === 0) return false;
    const left = await this.#write(entries.map(([, { item }]) => item));
    this.#batchesWritten += 1;
    const kept = new Map<Item, () => void>();
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, entry] of entries) {
      const latest = this.#waiting.get(key);
      this.#waiting.delete(key);
      // A later revision that came meanwhile waits behind what has waited longer.
      if (latest !== undefined && latest !== entry)
        this.#waiting.set(key, { item: latest.item, sinceMs: nowMs });
      else if (latest !== undefined) kept.set(entry.item, () => this.#waiting.set(key, entry));
    }
    if (left === undefined) return true;
    for (const item of left.items) kept.get(item)?.();
    throw left.why;
  }

  /** What is new goes first where there is much of it, but what changes all the while does not keep the history back. */
  #isPageDue(): boolean {
    const isMuchNew = this.#waiting.size > this.#waitingMax * WAITING_BESIDE_PAGES;
    return !isMuchNew || this.#batchesWritten >= BATCHES_BEFORE_PAGE;
  }

  async #writePage(): Promise<void> {
    const { stream } = this.#options;
    this.#batchesWritten = 0;
    const { page } = this.#owed;
    if (page === null) return;
    const cutoffMs = this.#cutoffMs();
    this.#leftOutToMs = Math.max(this.#leftOutToMs, cutoffMs);
    const { items, cursor } = await stream.read({ ...page, cutoffMs, limit: BATCH_ITEMS_MAX });
    // What waits is that, or what has come of it since.
    const left = await this.#write(items.filter((item) => !this.#isWaiting(item)));
    for (const item of items) this.#readAtMs = Math.max(this.#readAtMs ?? 0, stream.changedAtMs(item));
    this.#owed.wasRead(items.length, cursor);
    if (left === undefined) return;
    this.#wait(left.items);
    throw left.why;
  }

  #isWaiting(item: Item): boolean {
    const key = this.#options.stream.keyOf(item);
    return key !== null && this.#waiting.has(key);
  }

  /** What a page of the history had, and is not written. Later ones may wait already; where they were left out, it is too. */
  #wait(items: readonly Item[]): void {
    const { clock, stream } = this.#options;
    for (const item of items) {
      const key = stream.keyOf(item);
      if (key === null || this.#waiting.has(key)) continue;
      if (this.#owed.isLeavingOut) this.#leaveOut(item);
      else this.#waiting.set(key, { item, sinceMs: clock.monotonicMs() });
    }
    this.#boundWaiting();
  }

  /** What is left, and why; undefined: nothing. */
  async #write(items: readonly Item[]): Promise<SinkWritten<Item>["left"]> {
    const { target, stream } = this.#options;
    const cutoffMs = this.#cutoffMs();
    const kept = items.filter((item) => !stream.isExpired(item, cutoffMs));
    this.#outcomes.expired += items.length - kept.length;
    if (kept.length < items.length) this.#leftOutToMs = Math.max(this.#leftOutToMs, cutoffMs);
    if (kept.length === 0) return undefined;
    const { taken, refused = 0, left } = await target.write(kept, (trouble) => this.#fail(trouble));
    if (left === undefined) this.#recover();
    this.#outcomes.written += taken;
    this.#outcomes.refused += refused;
    this.#outcomes.stale += kept.length - taken - refused - (left?.items.length ?? 0);
    return left;
  }

  async #prune(): Promise<void> {
    const { target } = this.#options;
    const cutoffMs = this.#cutoffMs();
    if (target.prune !== undefined) this.#leftOutToMs = Math.max(this.#leftOutToMs, cutoffMs);
    const { hasMore } = (await target.prune?.(cutoffMs)) ?? { hasMore: false };
    if (!hasMore) this.#prunedAtMs = this.#options.clock.monotonicMs();
  }

  /** What was left out, or removed, by a clock that was ahead is written again: the history still has it. */
  async #watchClock(): Promise<void> {
    if (this.#cutoffMs() >= this.#leftOutToMs - CLOCK_BACK_MS) return;
    this.#leftOutToMs = Number.NEGATIVE_INFINITY;
    await this.#writeMark(null);
    this.#oweAll();
  }

  /** One that lies ahead was made by a clock that was: nothing is known then. If it still is, the run before may have left things out. */
  async #readMark(): Promise<void> {
    if (this.#markMs !== undefined) return;
    const { mark, clock } = this.#options;
    const markMs = (await mark?.read()) ?? null;
    const isAhead = markMs !== null && markMs > clock.nowMs();
    if (isAhead) await this.#putMark(null);
    else this.#markMs = markMs;
    this.#leftOutToMs = this.#cutoffMs();
    this.#takeMarkBack();
  }

  /** What changed before this is passed over by the next start, as far as the mark says. */
  get #saidMs(): number {
    if (this.#markMs === undefined) return Number.POSITIVE_INFINITY;
    return this.#markMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether the target is up or not: it may be away until the next start, and the clock right again by then. */
  #takeMarkBack(): void {
    if (this.#markMs === undefined || this.#marking !== null) return;
    const toMs = this.#markMsMax;
    if (toMs < this.#saidMs) this.#markBeside(toMs);
    else this.#markMsMax = Number.POSITIVE_INFINITY;
  }

  /**
   * Before it lies nothing that waits, or is owed from the history. More may come of the millisecond that was seen last, until
   * central has stopped: then it is over.
   */
  #dueMarkMs(isLast: boolean): number | null {
    const { mark, stream } = this.#options;
    if (mark === null || this.#owed.isAll) return this.#markMs ?? null;
    const seenMs = this.#offeredAtMs ?? this.#readAtMs;
    let dueMs = seenMs === null ? (this.#markMs ?? null) : isLast ? seenMs + 1 : seenMs;
    for (const { item } of this.#waiting.values())
      dueMs = Math.min(dueMs ?? Number.POSITIVE_INFINITY, stream.changedAtMs(item));
    const { changedFromMs } = this.#owed;
    return changedFromMs === null ? dueMs : Math.min(dueMs ?? changedFromMs, changedFromMs);
  }

  /** What is published waits for it only where it says less than before. */
  async #advanceMark(isLast: boolean): Promise<void> {
    if (isLast) await this.#marking;
    const nowMs = this.#options.clock.monotonicMs();
    const dueMs = this.#dueMarkMs(isLast);
    if (dueMs === this.#markMs) return;
    // A clock that was set back: what comes now would be passed over.
    const isBack = dueMs !== null && dueMs < (this.#markMs ?? 0);
    if (isLast || isBack) await this.#writeMark(dueMs);
    else if (this.#marking === null && nowMs - this.#markedAtMs >= MARK_INTERVAL_MS) this.#markBeside(dueMs);
  }

  #markBeside(markMs: number | null): void {
    this.#marking = this.#putMark(markMs).then(
      () => {
        this.#marking = null;
        this.#takeMarkBack();
      },
      (error: unknown) => {
        this.#marking = null;
        this.#tellUnmarked(error);
      },
    );
  }

  async #writeMark(markMs: number | null): Promise<void> {
    await this.#marking;
    await this.#putMark(markMs);
  }

  async #putMark(markMs: number | null): Promise<void> {
    const before = this.#markMs;
    this.#markMs = markMs;
    try {
      await this.#options.mark?.write(markMs);
    } catch (error) {
      this.#markMs = before;
      throw error;
    }
    this.#markedAtMs = this.#options.clock.monotonicMs();
  }

  /** Central's own store fails, as on a full disk: the target takes everything all the same. */
  #tellUnmarked(error: unknown): void {
    const { target, log, clock } = this.#options;
    this.#markedAtMs = clock.monotonicMs();
    log.repeated(`mark of sink ${target.name}`, "cannot store how far a sink is; trying again", {
      sink: target.name,
      reason: reasonOf(error),
    });
  }

  #cutoffMs(): number {
    return this.#options.clock.nowMs() - this.#options.retentionMs;
  }

  /** Memory is bounded: all that waits is left out, so that what is kept and what is not are apart in time. */
  #boundWaiting(): void {
    if (this.#waiting.size <= this.#waitingMax) return;
    for (const { item } of this.#waiting.values()) this.#leaveOut(item);
    this.#waiting.clear();
  }

  #leaveOut(item: Item): void {
    const { clock, stream } = this.#options;
    this.#outcomes.deferred += 1;
    this.#owed.leaveOut(stream.changedAtMs(item), stream.placeOf(item), clock.monotonicMs());
  }

  #oweAll(): void {
    this.#outcomes.deferred += this.#waiting.size;
    this.#waiting.clear();
    this.#owed.oweAll(this.#options.clock.monotonicMs());
  }

  get #owedMs(): number {
    const nowMs = this.#options.clock.monotonicMs();
    return nowMs - (this.#owed.sinceMs ?? nowMs);
  }

  #tellOwed(): void {
    const { target, log } = this.#options;
    if (this.#trouble !== null || this.#owedMs < OWED_MS_LONG) return;
    log.repeated(
      `sink ${target.name} is behind`,
      "a sink is far behind; what it lacks is read from the history",
      {
        sink: target.name,
        owed: this.#owed.count,
        owed_for_s: Math.round(this.#owedMs / 1_000),
        waiting: this.#waiting.size,
      },
    );
  }

  #recover(): void {
    const { target, log, clock } = this.#options;
    if (this.#trouble === null) return;
    const { code } = this.#trouble;
    this.#trouble = null;
    this.#steady = clock.after(STEADY_MS, () => {
      log.ended(`sink ${target.name} ${code}`);
      log.info("a sink is up again", { sink: target.name });
    });
  }

  #fail(error: unknown): void {
    const { target, log } = this.#options;
    const code = error instanceof MillraceError ? error.code : "other";
    const reason = error instanceof MillraceError ? error.message : reasonOf(error);
    this.#failures[code] = (this.#failures[code] ?? 0) + 1;
    this.#trouble = { code, reason };
    this.#steady?.cancel();
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
