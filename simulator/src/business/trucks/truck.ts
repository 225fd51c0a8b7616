import { RandomStream, streamName } from "../../signal/random-stream.ts";
import { sineOfTurns } from "../../signal/portable-math.ts";
import type { RoutePlan, TruckEventPlan, TrucksPlan } from "../plan/business-plan.ts";
import { unitExponential } from "../unit-exponential.ts";
import type { RouteLine } from "./route-line.ts";
import type { TruckReport } from "./truck-report.ts";

export interface TruckOptions {
  readonly plan: TrucksPlan;
  /** Its place among the plan's routes. */
  readonly route: number;
  readonly line: RouteLine;
  readonly name: string;
  readonly seed: number;
  readonly startMs: number;
}

interface Episode {
  readonly fromMs: number;
  readonly endMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Forgotten after some twenty reports. */
const MEMORY = 0.95;
const INNOVATION = Math.sqrt(1 - MEMORY * MEMORY);
const SPEED_DEVIATION = 0.06;
const DEVIATIONS_MAX = 2;
const ACCELERATION_KMH_PER_S = 2;
const SPEEDING_SHARE = 1.15;
/** So much slower than cruising is a schedule made. */
const SCHEDULE_SHARE = 0.9;
const DETOUR_CORRIDORS = 3;
/** Reports that a truck keeps while it has no radio; older ones are lost. */
const KEPT_MAX = 2_160;

/**
 * One truck that goes to and fro on its route and reports at a fixed interval. Its reports are a function of (seed, name),
 * the plan and the start, whatever other trucks there are.
 */
export class Truck {
  readonly name: string;
  readonly #plan: TrucksPlan;
  readonly #routeNumber: number;
  readonly #route: RoutePlan;
  readonly #line: RouteLine;
  readonly #motion: RandomStream;
  readonly #events: readonly TruckEventPlan[];
  readonly #startMs: number;
  readonly #speeding: Episodes;
  readonly #detours: Episodes;
  readonly #ready: TruckReport[] = [];
  #timeMs: number;
  #km: number;
  #asideKm = 0;
  #isForward: boolean;
  #speedKmh = 0;
  #deviation: number;
  #odometerM: number;
  #drivenMs: number;
  #restUntilMs = -Infinity;
  /** By stop of the route, for this way. */
  #dueMs: number[] = [];
  #number = 0;

  constructor({ plan, route, line, name, seed, startMs }: TruckOptions) {
    this.name = name;
    this.#plan = plan;
    this.#routeNumber = route;
    this.#route = plan.routes[route];
    this.#line = line;
    this.#startMs = startMs;
    const random = (part: string): RandomStream => new RandomStream(streamName(seed, "trucks", name, part));
    const begin = random("begin");
    this.#timeMs = startMs + Math.floor(begin.uniform() * plan.everyMs);
    this.#km = begin.uniform() * line.lengthKm;
    this.#isForward = begin.uniform() < 0.5;
    this.#odometerM = Math.floor(begin.uniform() * 800_000_000);
    this.#drivenMs = Math.floor(begin.uniform() * plan.habits.restEveryMs);
    this.#motion = random("motion");
    this.#deviation = this.#motion.normal();
    this.#speedKmh = plan.cruiseKmh;
    const { speedingPerDay, detoursPerDay } = plan.habits;
    this.#speeding = new Episodes(random("speeding"), speedingPerDay, {
      minMs: 180_000,
      maxMs: 900_000,
      startMs,
    });
    this.#detours = new Episodes(random("detours"), detoursPerDay, {
      minMs: 900_000,
      maxMs: 2_400_000,
      startMs,
    });
    this.#events = plan.events.filter((event) => event.truck === name);
    this.#makeSchedule();
  }

  /** Of its next report. */
  get nextMs(): number {
    return this.#peek().timeMs;
  }

  next(): TruckReport {
    const report = this.#peek();
    this.#ready.shift();
    return report;
  }

  /** Where there is no radio the truck drives on until there is: only then is it known when its reports leave. */
  #peek(): TruckReport {
    const kept: Omit<TruckReport, "sentMs">[] = [];
    while (this.#ready.length === 0) {
      const report = this.#drive();
      if (report === null) continue;
      kept.push(report);
      if (this.#isWithoutRadio(report.timeMs)) {
        if (kept.length > KEPT_MAX) kept.shift();
        continue;
      }
      for (const each of kept) this.#ready.push({ ...each, sentMs: report.timeMs });
    }
    return this.#ready[0];
  }

  /** The next tick; null: the device is dead. */
  #drive(): Omit<TruckReport, "sentMs"> | null {
    const timeMs = this.#timeMs;
    const { everyMs } = this.#plan;
    this.#timeMs += everyMs;
    if (this.#number > 0) this.#move(timeMs, everyMs);
    this.#number += 1;
    if (this.#isAt("dead", timeMs)) return null;
    const at = this.#line.placeAt(this.#km, this.#isForward ? this.#asideKm : -this.#asideKm);
    const stop = this.#nextStop();
    return {
      truck: this.name,
      route: this.#routeNumber,
      number: this.#number,
      timeMs,
      longitude: Math.round(at.longitude * 1e5) / 1e5,
      latitude: Math.round(at.latitude * 1e5) / 1e5,
      speedKmh: Math.round(this.#speedKmh * 10) / 10,
      heading: Math.round(at.heading + (this.#isForward ? 0 : 180)) % 360,
      odometerM: this.#odometerM,
      to: this.#route.stops[stop].city,
      dueMs: this.#dueMs[stop],
    };
  }

  #move(timeMs: number, lengthMs: number): void {
    const { cruiseKmh, speedLimitKmh, habits, corridorKm } = this.#plan;
    this.#deviation = MEMORY * this.#deviation + INNOVATION * this.#motion.normal();
    const isSpeeding = this.#speeding.at(timeMs) !== null || this.#isAt("speeding", timeMs);
    const isResting = timeMs < this.#restUntilMs || this.#isAt("stop", timeMs);
    const usual = isSpeeding ? speedLimitKmh * SPEEDING_SHARE : cruiseKmh;
    const deviations = Math.min(DEVIATIONS_MAX, Math.max(-DEVIATIONS_MAX, this.#deviation));
    const target = isResting ? 0 : usual * (1 + SPEED_DEVIATION * deviations);
    const change = (ACCELERATION_KMH_PER_S * lengthMs) / 1_000;
    this.#speedKmh += Math.min(change, Math.max(-change, target - this.#speedKmh));
    const goneKm = (this.#speedKmh * lengthMs) / HOUR_MS;

    const detour = this.#detours.at(timeMs) ?? this.#episodeOf("detour", timeMs);
    const progress = detour === null ? 0 : (timeMs - detour.fromMs) / (detour.endMs - detour.fromMs);
    const asideKm = detour === null ? 0 : DETOUR_CORRIDORS * corridorKm * sineOfTurns(progress / 2);
    const sidewaysKm = asideKm - this.#asideKm;
    // A truck that stands does not go aside either.
    if (goneKm > 0) this.#asideKm = asideKm;
    this.#odometerM += Math.round(
      1_000 * (goneKm === 0 ? 0 : Math.sqrt(goneKm * goneKm + sidewaysKm * sidewaysKm)),
    );

    this.#km += this.#isForward ? goneKm : -goneKm;
    if (goneKm > 0) this.#drivenMs += lengthMs;
    if (this.#km >= this.#line.lengthKm || this.#km <= 0) this.#turnRound(timeMs);
    else if (this.#drivenMs >= habits.restEveryMs && !this.#isInTunnel()) this.#rest(timeMs);
  }

  #turnRound(timeMs: number): void {
    this.#km = this.#isForward ? this.#line.lengthKm : 0;
    this.#isForward = !this.#isForward;
    this.#rest(timeMs);
    this.#makeSchedule();
  }

  #rest(timeMs: number): void {
    this.#drivenMs = 0;
    this.#restUntilMs = timeMs + this.#plan.habits.restForMs;
  }

  /** When the truck should be at every stop before it, its rests with it. */
  #makeSchedule(): void {
    const { cruiseKmh, habits } = this.#plan;
    const leavesMs = Math.max(this.#timeMs, this.#restUntilMs);
    this.#dueMs = this.#line.stopsKm.map((stopKm) => {
      const drivenMs = (Math.abs(stopKm - this.#km) / (cruiseKmh * SCHEDULE_SHARE)) * HOUR_MS;
      const rests = Math.floor((this.#drivenMs + drivenMs) / habits.restEveryMs);
      return Math.round((leavesMs + drivenMs + rests * habits.restForMs) / 1_000) * 1_000;
    });
  }

  #nextStop(): number {
    const { stopsKm } = this.#line;
    if (this.#isForward) return stopsKm.findIndex((km) => km > this.#km);
    return stopsKm.findLastIndex((km) => km < this.#km);
  }

  #isWithoutRadio(timeMs: number): boolean {
    return this.#isInTunnel() || this.#isAt("silence", timeMs);
  }

  #isInTunnel(): boolean {
    return this.#route.tunnels.some(({ fromKm, toKm }) => this.#km >= fromKm && this.#km < toKm);
  }

  #isAt(event: TruckEventPlan["event"], timeMs: number): boolean {
    return this.#events.length > 0 && this.#episodeOf(event, timeMs) !== null;
  }

  #episodeOf(event: TruckEventPlan["event"], timeMs: number): Episode | null {
    for (const each of this.#events) {
      const fromMs = this.#startMs + each.atMs;
      if (each.event === event && timeMs >= fromMs && timeMs < fromMs + each.forMs)
        return { fromMs, endMs: fromMs + each.forMs };
    }
    return null;
  }
}

/** Spells that come at random, one after another. */
class Episodes {
  readonly #random: RandomStream;
  readonly #perDay: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #current: Episode;

  constructor(
    random: RandomStream,
    perDay: number,
    { minMs, maxMs, startMs }: { readonly minMs: number; readonly maxMs: number; readonly startMs: number },
  ) {
    this.#random = random;
    this.#perDay = perDay;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#current = { fromMs: startMs, endMs: startMs };
    this.#drawNext();
  }

  /** In order of time. */
  at(timeMs: number): Episode | null {
    while (timeMs >= this.#current.endMs) this.#drawNext();
    return timeMs >= this.#current.fromMs ? this.#current : null;
  }

  #drawNext(): void {
    if (this.#perDay === 0) {
      this.#current = { fromMs: Infinity, endMs: Infinity };
      return;
    }
    const [gap, length] = [this.#random.uniform(), this.#random.uniform()];
    const fromMs = this.#current.endMs + (unitExponential(gap) * DAY_MS) / this.#perDay;
    this.#current = { fromMs, endMs: fromMs + this.#minMs + (this.#maxMs - this.#minMs) * length };
  }
}
