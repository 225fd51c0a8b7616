import {
  FrontierTracker,
  type LaneSequences,
  Membership,
  mergeRanges,
  type TimeRange,
  type WindowResult,
} from "@millrace/stream";
import { decodePaneBatch } from "@millrace/wire";
import { SequenceSet } from "../../central/src/core/sequence-set.ts";
import { TrustedTime } from "../../central/src/core/trusted-time.ts";
import type { CountEngine, FullWindow } from "./count-engine.ts";
import type { ConformanceCase } from "./load-cases.ts";
import type { MergeEngine } from "./merge-engine.ts";
import { type Delivery, SiteAgent } from "./site-agent.ts";
import { WorldClock } from "./world-clock.ts";

export interface Published extends WindowResult {
  /** The world's time, which central's clock need not show. */
  readonly shownAtMs: number;
}

export interface ShownFullWindow extends FullWindow {
  readonly shownAtMs: number;
}

/** What plays a case: central's windows, and the agents' of so many readings. */
export interface CaseEngines {
  readonly merge: MergeEngine;
  readonly count: CountEngine;
}

export interface PlayedCase {
  readonly published: readonly Published[];
  /** What a query is told at the end. */
  readonly asked: readonly WindowResult[];
  /** Count windows, in the order in which they became full. */
  readonly full: readonly ShownFullWindow[];
  /** Readings that entered no window, by fate. */
  readonly fates: Readonly<Record<string, number>>;
}

/** Most lost ranges of an agent that central keeps apart. */
const LOST_RANGES_MAX = 32;

/**
 * Lets the world of a case take its course, in steps, with these engines. `isInterrupted`: they are stopped and restored before
 * everything that they are given.
 */
export async function playCase(
  conformance: ConformanceCase,
  { merge, count }: CaseEngines,
  { isInterrupted }: { readonly isInterrupted: boolean },
): Promise<PlayedCase> {
  const { beginsMs, endsMs, stepMs, agents: described } = conformance;
  const agents = described.map((agent) => new SiteAgent(conformance, agent));
  const inbox = new Inbox(conformance, merge, isInterrupted);
  const published: Published[] = [];
  const full: ShownFullWindow[] = [];
  let next = 0;
  for (let worldMs = beginsMs; worldMs <= endsMs; worldMs += stepMs) {
    for (; next < conformance.readings.length && conformance.readings[next].atMs <= worldMs; next++) {
      const reading = conformance.readings[next];
      const taken = agents.find(({ name }) => name === reading.agent)?.read(reading.atMs, reading);
      if (taken === undefined) continue;
      if (isInterrupted) await count.restart();
      for (const window of await count.add(reading.agent, taken))
        full.push({ ...window, shownAtMs: reading.atMs });
    }
    await inbox.enrol(worldMs);
    for (const agent of agents) {
      for (const delivery of agent.step(worldMs, inbox.nowMs(worldMs)))
        await inbox.take(agent.name, delivery, worldMs);
    }
    for (const result of await inbox.tick(worldMs)) published.push({ ...result, shownAtMs: worldMs });
  }
  const fates: Record<string, number> = { ...inbox.fates };
  for (const agent of agents) {
    for (const [fate, count] of Object.entries(agent.fates)) fates[fate] = (fates[fate] ?? 0) + count;
  }
  return { published, asked: await merge.computed(inbox.nowMs(endsMs)), full, fates };
}

/** Central without disk and network: what it does with what agents send before the engine sees it. */
class Inbox {
  readonly fates = { too_late: 0, unwindowed: 0 };
  readonly #case: ConformanceCase;
  readonly #engine: MergeEngine;
  readonly #isInterrupted: boolean;
  readonly #clock: WorldClock;
  readonly #trusted = new TrustedTime();
  readonly #membership = new Membership();
  readonly #agents = new Map<
    string,
    {
      readonly held: { live: SequenceSet; backfill: SequenceSet };
      tracker: FrontierTracker;
      lost: TimeRange[];
    }
  >();

  constructor(conformance: ConformanceCase, engine: MergeEngine, isInterrupted: boolean) {
    this.#case = conformance;
    this.#engine = engine;
    this.#isInterrupted = isInterrupted;
    this.#clock = new WorldClock(conformance.beginsMs, conformance.centralClock);
    for (const { name } of conformance.agents) {
      this.#agents.set(name, {
        held: { live: new SequenceSet(0), backfill: new SequenceSet(0) },
        tracker: new FrontierTracker(),
        lost: [],
      });
    }
  }

  nowMs(worldMs: number): number {
    this.#clock.set(worldMs);
    return this.#clock.nowMs();
  }

  /** Agents that have joined or been retired by now. */
  async enrol(worldMs: number): Promise<void> {
    let hasChanged = false;
    for (const { name, site, joinsMs, retiresMs } of this.#case.agents) {
      if (joinsMs <= worldMs && this.#membership.siteOf(name) === undefined)
        hasChanged = this.#membership.join(name, site, joinsMs);
      if (retiresMs !== null && retiresMs <= worldMs)
        hasChanged = this.#membership.retire(name, retiresMs) || hasChanged;
    }
    if (hasChanged) await this.#engine.setMembership(new Membership(this.#membership.export()));
  }

  async take(agent: string, delivery: Delivery, worldMs: number): Promise<void> {
    const known = this.#agents.get(agent);
    if (known === undefined) throw new Error(`invariant: ${agent} is described`);
    const { held, tracker } = known;
    const marks = (): LaneSequences => ({ alarm: 0, live: held.live.mark, backfill: held.backfill.mark });
    if (delivery.kind === "frontier") {
      this.#clock.set(worldMs);
      this.#trusted.heard(agent, delivery.clockMs, this.#clock.monotonicMs());
      if (tracker.offer(delivery.frontier, marks())) await this.#engine.setFrontier(agent, tracker.current!);
      return;
    }
    const { lane, sequence, body, ranges } = delivery.batch;
    if (held[lane].verdict(sequence) !== "new") return;
    held[lane].add(sequence, sequence);
    if (body === null) {
      known.lost = mergeRanges([...known.lost, ...ranges], LOST_RANGES_MAX);
      await this.#engine.setLost(agent, known.lost);
    }
    const nowMs = this.nowMs(worldMs);
    const decoded = body === null ? undefined : decodePaneBatch(body);
    if (decoded?.ok === false)
      throw new Error(`invariant: central reads what agents write: ${decoded.detail}`);
    for (const rows of decoded?.message.sections ?? []) {
      if (this.#isInterrupted) await this.#engine.restart();
      const outcome = await this.#engine.apply(rows, nowMs);
      this.fates.too_late += outcome.tooLate;
      this.fates.unwindowed += outcome.unwindowed;
    }
    if (tracker.advance(marks())) await this.#engine.setFrontier(agent, tracker.current!);
  }

  async tick(worldMs: number): Promise<readonly WindowResult[]> {
    if (this.#isInterrupted) await this.#engine.restart();
    const nowMs = this.nowMs(worldMs);
    return this.#engine.tick(nowMs, this.#trustedMs());
  }

  #trustedMs(): number {
    return this.#trusted.nowMs({ nowMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() });
  }
}
