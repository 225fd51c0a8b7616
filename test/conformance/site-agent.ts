import { RuleEngine } from "@millrace/detect";
import {
  type Frontier,
  mergeRanges,
  type PaneRows,
  PENDING_RANGES_MAX,
  type Reading,
  SeriesWatermarks,
  type TimeRange,
} from "@millrace/stream";
import { encodePaneBatch, Payload, payloadDecoder } from "@millrace/wire";
import { ClockGuard } from "../../edge-agent/src/clock-guard.ts";
import { Deduplicator } from "../../edge-agent/src/intake/deduplicator.ts";
import { Ledger } from "../../edge-agent/src/ledger.ts";
import { PaneEmission } from "../../edge-agent/src/panes/pane-emission.ts";
import { PaneTables } from "../../edge-agent/src/panes/pane-tables.ts";
import { ReadingIntake } from "../../edge-agent/src/intake/reading-intake.ts";
import { RedoBuffer } from "../../edge-agent/src/durability/redo-entry.ts";
import { SeriesRegistry } from "../../edge-agent/src/intake/series-registry.ts";
import type { CaseAgent, CaseReading, ConformanceCase } from "./load-cases.ts";
import { WorldClock } from "./world-clock.ts";

const DECODER = payloadDecoder({ kind: "number" });
/** A link that has been down for longer makes a backlog. */
const BACKLOG_AFTER_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const ROWS_MAX = 100_000;

interface Batch {
  readonly lane: "live" | "backfill";
  readonly sequence: number;
  /** A pane batch as on the wire; null once it has been given up. */
  readonly body: Uint8Array | null;
  /** Event time of its panes. */
  readonly ranges: readonly TimeRange[];
}

/** What comes to central of an agent. */
export type Delivery =
  | { readonly kind: "batch"; readonly batch: Batch }
  | { readonly kind: "frontier"; readonly frontier: Frontier; readonly clockMs: number };

/**
 * One site's agent in a case: its real guard, deduplication, watermarks, panes and emission; in place of outbox and uplink
 * two queues and a link that is up or down.
 */
export class SiteAgent {
  readonly name: string;
  readonly #case: ConformanceCase;
  readonly #agent: CaseAgent;
  readonly #clock: WorldClock;
  readonly #guard: ClockGuard;
  readonly #deduplicator: Deduplicator;
  readonly #watermarks: SeriesWatermarks;
  readonly #ledger = new Ledger();
  readonly #series = new SeriesRegistry({ seriesPerMetricMax: 1_000 });
  readonly #intake: ReadingIntake;
  readonly #emission: PaneEmission;

  readonly #queues: Record<Batch["lane"], Batch[]> = { live: [], backfill: [] };
  readonly #sealed: Record<Batch["lane"], number> = { live: 0, backfill: 0 };
  #backfillHeld = 0;
  #frontierNumber = 0;
  #heartbeatAtMs = -Infinity;
  #backlogBudget = 0;
  #onTheWay: { readonly atMs: number; readonly delivery: Delivery }[] = [];

  constructor(conformance: ConformanceCase, agent: CaseAgent) {
    const { limits, beginsMs } = conformance;
    this.name = agent.name;
    this.#case = conformance;
    this.#agent = agent;
    this.#clock = new WorldClock(beginsMs, agent.clock);
    this.#guard = new ClockGuard({
      clock: this.#clock,
      maxFutureMs: limits.maxFutureMs,
      floorMs: limits.clockFloorMs,
      durableTimeMs: null,
    });
    this.#deduplicator = new Deduplicator({ horizonMs: limits.dedupeHorizonMs, keysMax: 1_000_000 });
    this.#watermarks = new SeriesWatermarks(limits);
    const tables = PaneTables.of(agent.metrics, ROWS_MAX);
    const shared = { guard: this.#guard, watermarks: this.#watermarks, tables };
    this.#intake = new ReadingIntake({
      ...shared,
      clock: this.#clock,
      deduplicator: this.#deduplicator,
      rules: new RuleEngine({ rules: [], actionMaxAgeMs: 5_000, seriesMax: 1 }),
      ledger: this.#ledger,
      redo: new RedoBuffer(),
      redoLog: { next: 1 },
      watched: { add: () => undefined, has: () => false },
      held: null,
      recorder: null,
    });
    this.#emission = new PaneEmission({
      ...shared,
      metrics: agent.metrics,
      series: this.#series,
      outOfOrdernessMs: limits.outOfOrdernessMs,
      rowsMax: ROWS_MAX,
    });
  }

  /** What has become of its readings so far, by fate. */
  get fates() {
    const { duplicate, ruleOnly, rejected } = this.#ledger.totals;
    return {
      duplicate,
      rule_only: ruleOnly,
      future: rejected.future,
      before_floor: rejected.before_floor,
      refused: rejected.malformed + rejected.not_finite,
    };
  }

  /** The reading as it was taken in; undefined where it was not: refused, or a duplicate. */
  read(worldMs: number, reading: CaseReading): Reading | undefined {
    this.#clock.set(worldMs);
    const payload = new Payload(new TextEncoder().encode(reading.payload), this.#clock.nowMs());
    const [decoded] = DECODER.decode(payload);
    if (!decoded.ok) {
      this.#ledger.reject(decoded.reason);
      return undefined;
    }
    const series = this.#series.resolve(reading.metric, reading.labels);
    if (series === undefined) throw new Error("invariant: a case has few series");
    const { value } = decoded;
    const { metric, labels, quality } = reading;
    const { totals } = this.#ledger;
    const takenBefore = totals.aggregated + totals.ruleOnly;
    this.#intake.accept(
      {
        series,
        sourceTimeMs: reading.timeMs,
        value,
        quality,
        hasOwnTime: true,
        isRetained: false,
        arrivedMonotonicMs: this.#clock.monotonicMs(),
      },
      () => undefined,
    );
    if (totals.aggregated + totals.ruleOnly === takenBefore) return undefined;
    return { metric, labels, timeMs: Math.floor(reading.timeMs), value, quality, hasOwnTime: true };
  }

  /** Seals what leaves and carries what the link carries; what has arrived at central by now. */
  step(worldMs: number, centralMs: number): Delivery[] {
    this.#clock.set(worldMs);
    const down = this.#agent.down.find(({ fromMs, toMs }) => fromMs <= worldMs && worldMs < toMs);
    const isLive = down === undefined || worldMs - down.fromMs <= BACKLOG_AFTER_MS;
    const isHeartbeat = worldMs - this.#heartbeatAtMs >= HEARTBEAT_MS;
    if (isHeartbeat) this.#heartbeatAtMs = worldMs;
    if (isHeartbeat && down === undefined) this.#learnClock(centralMs);
    if (isLive || isHeartbeat) this.#seal(isLive ? "live" : "backfill");
    if (this.#agent.losesBacklogAtMs.includes(worldMs)) this.#loseBacklog();
    if (down !== undefined) return [];
    this.#carry(worldMs);
    const arrived = this.#onTheWay.filter(({ atMs }) => atMs <= worldMs);
    this.#onTheWay = this.#onTheWay.filter(({ atMs }) => atMs > worldMs);
    return arrived.map(({ delivery }) => delivery);
  }

  #learnClock(centralMs: number): void {
    const step = this.#guard.witness({ centralMs, roundTripMs: 0 });
    if (step === undefined) return;
    this.#watermarks.setClock(step);
    this.#deduplicator.forgetBeyond(step.latestMs);
  }

  #seal(lane: Batch["lane"]): void {
    const { sections } = this.#emission.take(lane === "live" ? "live" : "complete");
    if (sections.length === 0) return;
    const body = encodePaneBatch({ frontier: this.#frontier(), sections });
    this.#queues[lane].push({ lane, sequence: ++this.#sealed[lane], body, ranges: rangesOf(sections) });
  }

  #loseBacklog(): void {
    this.#queues.backfill = this.#queues.backfill.map((batch) => ({ ...batch, body: null }));
  }

  /** Live batches before the backlog, and after them how far everything is. */
  #carry(worldMs: number): void {
    const send = (batch: Batch) => {
      const times = this.#agent.repeatsBatches ? 2 : 1;
      for (let time = 0; time < times; time++)
        this.#onTheWay.push({
          atMs: worldMs + this.#agent.batchDelayMs,
          delivery: { kind: "batch", batch },
        });
    };
    for (const batch of this.#queues.live.splice(0)) send(batch);
    const { stepMs } = this.#case;
    const { backlogPerSecond } = this.#agent;
    this.#backlogBudget = Math.min(
      this.#backlogBudget + (backlogPerSecond * stepMs) / 1_000,
      backlogPerSecond,
    );
    const batches = this.#queues.backfill.splice(0, Math.floor(this.#backlogBudget));
    this.#backlogBudget -= batches.length;
    for (const batch of batches) send(batch);
    this.#backfillHeld = batches.at(-1)?.sequence ?? this.#backfillHeld;
    this.#onTheWay.push({
      atMs: worldMs,
      delivery: { kind: "frontier", frontier: this.#frontier(), clockMs: this.#guard.nowMs() },
    });
  }

  #frontier(): Frontier {
    const { watermarkMs, isIdle } = this.#watermarks.watermark(this.#guard.steadyMs(), this.#guard.isProven);
    return {
      epoch: 1,
      number: ++this.#frontierNumber,
      watermarkMs,
      isIdle,
      isClockSynchronised: this.#guard.isSynchronised,
      pending: mergeRanges(
        this.#queues.backfill.flatMap(({ ranges }) => ranges),
        PENDING_RANGES_MAX,
      ),
      holds: { alarm: 0, live: this.#sealed.live, backfill: this.#backfillHeld },
    };
  }
}

function rangesOf(sections: readonly PaneRows[]): TimeRange[] {
  return sections.flatMap(({ startMs, layout }) =>
    Array.from(startMs, (start) => ({ startMs: start, endMs: start + layout.paneMs })),
  );
}
