import {
  FrontierTracker,
  type LaneSequences,
  Membership,
  mergeRanges,
  type TimeRange,
  type WindowResult,
} from "@millrace/stream";
import { decodePaneBatch } from "@millrace/wire";
import { SequenceSet } from "../../central/src/deduplication/sequence-set.ts";
import { TrustedTime } from "../../central/src/agents/trusted-time.ts";
import type { CaseCentral } from "./case-central.ts";
import type { ConformanceCase } from "./load-cases.ts";
import type { MergeEngine } from "./merge-engine.ts";
import type { Delivery } from "./site-agent.ts";
import { WorldClock } from "./world-clock.ts";

/** Most lost ranges of an agent that central keeps apart. */
const LOST_RANGES_MAX = 32;

/** Central without disk and network: what it does with what agents send before the engine sees it. */
export class EngineInbox implements CaseCentral {
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

  async asked(): Promise<readonly WindowResult[]> {
    return this.#engine.computed(this.nowMs(this.#case.endsMs));
  }

  #trustedMs(): number {
    return this.#trusted.nowMs({ nowMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() });
  }
}
