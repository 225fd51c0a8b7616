import type { AgentConfig } from "@millrace/config";
import type { Outcome, RuleEngine } from "@millrace/detect";
import type { Clock, Logger, Random } from "@millrace/runtime";
import {
  adjustValue,
  type Decoded,
  Payload,
  PlainReadings,
  type SparkplugHearing,
  type ValueAdjustment,
} from "@millrace/wire";
import type { MaintenanceDesk } from "../actions/maintenance-desk.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { DurabilityWaits } from "../durability/durability-waits.ts";
import type { EvidenceSealer } from "../evidence/evidence-sealer.ts";
import type { EvidenceArrival } from "../evidence/evidence-topics.ts";
import type { HostReading } from "../inputs/host-input.ts";
import type { Arrival, ArrivalRejection } from "../inputs/input.ts";
import type { Ledger, RejectionReason } from "../ledger.ts";
import type { OutboxRoom } from "../outbox/outbox-room.ts";
import type { SparkplugDesk } from "../sparkplug/sparkplug-desk.ts";
import { AwaitedArrivals } from "./awaited-arrivals.ts";
import { PayloadIntake } from "./payload-intake.ts";
import type { PayloadRejections } from "./payload-rejections.ts";
import type { PipelineReading } from "./pipeline-reading.ts";
import type { Quarantine } from "./quarantine.ts";
import type { ReadingIntake } from "./reading-intake.ts";
import { RefusedSeries } from "./refused-series.ts";
import { refusedTime } from "./refused-time.ts";
import type { SeriesRegistry } from "./series-registry.ts";
import { type Route, TOPIC_REFUSALS } from "./topic-routes.ts";

/** Settles when what arrived is durable, with what was wrong with it; undefined where nobody waits. */
export type Receipt = Promise<ArrivalRejection | void> | undefined;

export interface ReceptionOptions {
  readonly config: Pick<AgentConfig, "site" | "limits" | "outbox">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly reading: PipelineReading;
  readonly rules: RuleEngine;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly intake: ReadingIntake;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly maintenance: MaintenanceDesk;
  readonly sparkplug: SparkplugDesk;
  readonly sealer: EvidenceSealer;
  readonly room: OutboxRoom;
  readonly waits: DurabilityWaits;
  /** The store takes no writes, and memory no more readings. */
  isChoked(): boolean;
  readonly onOutcomes: (outcomes: readonly Outcome[]) => void;
}

/** What becomes of whatever arrives: readings, evidence, answers of machines, or a rejection that is counted. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #payloads: PayloadIntake;
  readonly #plainReadings = new PlainReadings();
  readonly refusedSeries = new RefusedSeries();
  readonly #awaited = new AwaitedArrivals();
  #reading: PipelineReading;
  /** Of the arrival in hand. */
  #rejection: ArrivalRejection | undefined;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#reading = options.reading;
    this.#payloads = new PayloadIntake({
      ...options,
      incoming: () => this.#reading.incoming,
      seriesRefused: (metric, arrival) => this.refusedSeries.add(metric, arrival, options.clock.nowMs()),
    });
  }

  /** Of the pipeline that runs. */
  get reading(): PipelineReading {
    return this.#reading;
  }

  adopt(reading: PipelineReading): void {
    this.#reading = reading;
  }

  /** Another pipeline may come that reads what these filters take: what the one that runs does not read of it is kept. */
  expect(filters: readonly string[]): void {
    this.#awaited.expect(filters);
  }

  /** The one that runs is the one that runs on. */
  settle(): void {
    this.#awaited.release((arrival) => this.receive(arrival));
  }

  /** See `Agent.receive`. */
  receive(arrival: Arrival): Receipt {
    const { rules, guard, sparkplug, maintenance, config, waits } = this.#options;
    const { topic, payload, isRetained, isFresh = false, mayBeOld = false } = arrival;
    const { correlation, arrivedMonotonicMs } = arrival;
    this.#rejection = undefined;
    if (rules.awaits(topic)) {
      const said = { topic, payload, correlation, arrivedMonotonicMs };
      const confirmation = { ...said, isRetained: mayBeOld || (isRetained && !isFresh) };
      this.#options.onOutcomes(rules.onConfirmation(confirmation, guard.nowMs()));
    }
    const evidence = this.#reading.evidence.resolve(topic);
    if (evidence !== undefined) {
      if ("reason" in evidence) return this.#reject(arrival, evidence.reason, evidence.detail);
      return this.#receiveEvidence(arrival, evidence);
    }
    if (sparkplug.takes(topic)) return this.#receiveSparkplug(arrival);
    if (arrival.isOversized || payload.length > config.limits.payloadBytesMax)
      return this.#reject(arrival, "oversized", `${payload.length} bytes or more`);
    if (arrival.malformed !== undefined) return this.#reject(arrival, "malformed", arrival.malformed);
    const isMaintenance = maintenance.hear(topic, payload);
    const routes = this.#reading.routes.resolve(topic);
    if (routes === "confirmation") return isMaintenance ? waits.untilDurable(arrival.qos) : undefined;
    if (typeof routes === "string" || routes.length === 0) {
      if (this.#awaited.takes(arrival)) return this.#awaited.hold(arrival);
      const { reason, detail } = TOPIC_REFUSALS[typeof routes === "string" ? routes : "unread"];
      return this.#reject(arrival, reason, detail);
    }
    return this.#options.isChoked() ? this.#onlyJudge(arrival, routes) : this.#takeIn(arrival, routes);
  }

  /** A reading of the gateway's own sensors; nobody waits for it. */
  receiveHost({ sensor, labels, value, timeMs }: HostReading): void {
    const { config, series: registry, ledger, clock, intake, onOutcomes, waits } = this.#options;
    const metric = this.#reading.hostMetrics.get(sensor);
    if (metric === undefined) return;
    if (this.#options.isChoked()) return ledger.reject("no_room");
    const series = registry.resolve(metric.name, { ...labels, site: config.site });
    if (series === undefined) {
      this.refusedSeries.add(metric.name, { topic: "", client: "host" }, clock.nowMs());
      return ledger.reject("series_cap");
    }
    const adjustment = metric.source.kind === "host" ? metric.source.adjustment : undefined;
    const adjusted = adjustment === undefined ? value : adjustValue(value, adjustment);
    if (!Number.isFinite(adjusted)) return ledger.reject("not_finite");
    const reading = {
      series,
      sourceTimeMs: timeMs,
      value: adjusted,
      quality: "good",
      hasOwnTime: true,
      isRetained: false,
      arrivedMonotonicMs: clock.monotonicMs(),
    } as const;
    intake.accept(reading, onOutcomes);
    void waits.untilDurable(0);
  }

  /** What time, or the end of a connection, has brought: nothing of it is in a payload. True where there was any. */
  heard(hearing: SparkplugHearing<Route>): boolean {
    const { ledger, log } = this.#options;
    const { failures, stale } = hearing;
    for (const { reason, detail, count } of failures) {
      ledger.reject(reason, count);
      log.repeated(`rejected:${reason}`, "rejected what had waited", { reason, detail });
    }
    this.#markStale(hearing);
    return failures.length + stale.length > 0;
  }

  /** A payload that is kept as it is: cut into parts, and durable with the last of them. */
  #receiveEvidence(arrival: Arrival, evidence: EvidenceArrival): Receipt {
    const { config, room, guard, random, sealer } = this.#options;
    const { source, labels, timeMs } = evidence;
    const { name, contentType } = source;
    const { payload, qos } = arrival;
    const bytesMax = Math.min(source.bytesMax, Math.floor(config.outbox.bytesMax / 2));
    if (payload.length > bytesMax) {
      const detail = `${name} takes at most ${bytesMax} bytes, and half of outbox.bytesMax; this has ${payload.length}`;
      return this.#reject(arrival, "oversized", detail);
    }
    if (room.isDiskLow)
      return this.#reject(arrival, "no_room", `${name}: the disk is low, and readings go before evidence`);
    const eventMs = timeMs ?? Math.floor(guard.nowMs());
    const verdict = guard.judge(eventMs);
    if (verdict !== "plausible")
      return this.#reject(arrival, verdict, refusedTime(eventMs, guard.nowMs(), null));
    const offered = sealer.offer({
      kind: "payload",
      name,
      labels,
      startMs: eventMs,
      endMs: eventMs,
      contentType,
      // What has a time of its own is the same when it comes again; everything else is new.
      identity: [arrival.topic, timeMs === null ? random.hex(16) : ""],
      // With QoS 0 nobody keeps it for us.
      payload: qos === 0 ? payload.slice() : payload,
    });
    if (offered !== undefined) return qos === 0 ? undefined : offered;
    return Promise.reject(new Error("too much evidence waits for the disk"));
  }

  #takeIn(arrival: Arrival, routes: readonly Route[]): Receipt {
    let left: Route[] | undefined;
    for (const route of routes) if (!this.#takePlain(arrival, route)) (left ??= []).push(route);
    if (left !== undefined)
      this.#quarantineParts(arrival, this.#payloads.take(arrival, left, left.length === routes.length));
    return this.#answer(arrival);
  }

  /** The quick way, of nearly all readings; false, and nothing has happened, where it does not serve. */
  #takePlain(arrival: Arrival, route: Route): boolean {
    const { guard, intake, onOutcomes } = this.#options;
    const { decoder, adjustment } = route;
    const readings = this.#plainReadings;
    if (decoder.plain === undefined || !decoder.plain.read(arrival.payload, readings)) return false;
    const { hasOwnTime } = decoder.plain;
    if (!hasOwnTime) readings.timeMs.fill(Math.floor(guard.nowMs()), 0, readings.count);
    if (adjustment !== undefined && !adjustAll(readings, adjustment)) return false;
    const series = this.#reading.incoming.seriesOf(route);
    if (series === undefined) return false;
    const { arrivedMonotonicMs } = arrival;
    const isRetained = arrival.isRetained || (arrival.mayBeOld === true && !hasOwnTime);
    const run = { series, readings, hasOwnTime, isRetained, arrivedMonotonicMs };
    return intake.acceptRun(run, onOutcomes);
  }

  #receiveSparkplug(arrival: Arrival): Receipt {
    const heard = this.#options.sparkplug.hear(arrival);
    if (heard === undefined) return undefined;
    if ("reason" in heard) return this.#reject(arrival, heard.reason, heard.detail);
    if (this.#options.isChoked()) {
      for (const { binding, decoded } of heard.readings) this.#judge(arrival, binding, decoded);
      return Promise.reject(new Error("the store takes no writes"));
    }
    this.#quarantineParts(arrival, this.#payloads.takeHeard(arrival, heard));
    this.#markStale(heard);
    return this.#answer(arrival);
  }

  #markStale(hearing: SparkplugHearing<Route>): void {
    if (!this.#options.isChoked()) this.#payloads.markStale(hearing);
  }

  /** The rules run, and the sensor sends again. */
  #onlyJudge(arrival: Arrival, routes: readonly Route[]): Promise<void> {
    const payload = new Payload(arrival.payload, this.#options.guard.nowMs());
    for (const route of routes) {
      for (const decoded of route.decoder.decode(payload)) this.#judge(arrival, route, decoded);
    }
    return Promise.reject(new Error("the store takes no writes"));
  }

  #judge(arrival: Arrival, route: Route, decoded: Decoded): void {
    const reading = decoded.ok ? this.#reading.incoming.toReading(arrival, route, decoded) : decoded;
    if (!("reason" in reading)) this.#options.onOutcomes(this.#options.intake.judgeAlone(reading));
  }

  #reject(arrival: Arrival, reason: RejectionReason, detail: string): Receipt {
    this.#options.ledger.reject(reason);
    this.#quarantined(arrival, reason, detail);
    return this.#answer(arrival);
  }

  #quarantineParts(arrival: Arrival, rejections: PayloadRejections): void {
    for (const { reason, detail, count } of rejections.list())
      this.#quarantined(arrival, reason, count === 1 ? detail : `${detail} (and ${count - 1} more)`);
  }

  #quarantined(arrival: Arrival, reason: RejectionReason, detail: string): void {
    const { quarantine, clock, log } = this.#options;
    const { topic, client, payload } = arrival;
    this.#rejection ??= { reason, detail };
    quarantine.add({ atMs: clock.nowMs(), topic, client, reason, detail }, payload);
    log.repeated(`rejected:${reason}`, "rejected a payload", { reason, topic, client, detail });
  }

  #answer({ qos }: Arrival): Receipt {
    const rejection = this.#rejection;
    const durable = this.#options.waits.untilDurable(qos);
    if (rejection === undefined) return durable;
    return durable === undefined ? Promise.resolve(rejection) : durable.then(() => rejection);
  }
}

/** False where a value is no number any more. */
function adjustAll({ count, value }: PlainReadings, adjustment: ValueAdjustment): boolean {
  let rest = 0;
  for (let at = 0; at < count; at += 1) {
    value[at] = adjustValue(value[at], adjustment);
    rest += value[at] - value[at];
  }
  return rest === 0;
}
