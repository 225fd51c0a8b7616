import { sineOfTurns } from "../../signal/portable-math.ts";
import type { TrucksPlan } from "../plan/business-plan.ts";
import type { TruckReport } from "./truck-report.ts";

export const TRUCK_ALARMS = ["late", "silent", "speed", "detour"] as const;
export type TruckAlarmKind = (typeof TRUCK_ALARMS)[number];

export interface TruckAlarmStep {
  readonly alarm: TruckAlarmKind;
  readonly step: "alarm" | "cleared";
  readonly truck: string;
  readonly timeMs: number;
  /** What was measured, and its limit: km/h, km, or ms. */
  readonly value: number;
  readonly limit: number;
}

interface TruckState {
  last: TruckReport;
  /** What it has kept since it was last heard is not here yet. */
  burst: { readonly heardMs: number; readonly sentMs: number } | null;
  readonly active: Set<TruckAlarmKind>;
}

/**
 * Which alarms must happen, report by report and from nothing but the reports: late at a city, silent as the receiver
 * sees it, above the speed limit, beside the route. Its geometry is its own.
 */
export class TruckOracle {
  readonly #plan: TrucksPlan;
  readonly #trucks = new Map<string, TruckState>();

  constructor(plan: TrucksPlan) {
    this.#plan = plan;
  }

  /** In order of event time. Silence is told when it is over. */
  add(report: TruckReport): readonly TruckAlarmStep[] {
    const known = this.#trucks.get(report.truck);
    const state: TruckState = known ?? { last: report, burst: null, active: new Set() };
    this.#trucks.set(report.truck, state);
    const steps: TruckAlarmStep[] = [];
    const { last } = state;
    const { speedLimitKmh, corridorKm, lateAfterMs, routes } = this.#plan;
    if (state.burst !== null && report.timeMs >= state.burst.sentMs) {
      this.#hear(report.truck, state.burst, steps);
      state.burst = null;
    }
    if (report.sentMs > last.sentMs) {
      const silence = { heardMs: last.sentMs, sentMs: report.sentMs };
      if (report.sentMs > report.timeMs) state.burst = silence;
      else this.#hear(report.truck, silence, steps);
    }
    const { stops } = routes[report.route];
    const asideKm = Math.round(kmFromLine(report, stops) * 1_000) / 1_000;
    this.#judge(state, report, steps, { alarm: "speed", value: report.speedKmh, limit: speedLimitKmh });
    this.#judge(state, report, steps, { alarm: "detour", value: asideKm, limit: corridorKm });
    this.#judge(state, report, steps, {
      alarm: "late",
      value: report.timeMs - report.dueMs,
      limit: lateAfterMs,
    });
    state.last = report;
    return steps;
  }

  /** What trucks have kept leaves with the end, as all that is on its way; and who is silent then is told. */
  finish(endMs: number): readonly TruckAlarmStep[] {
    const steps: TruckAlarmStep[] = [];
    for (const [truck, { last, burst }] of this.#trucks) {
      if (burst !== null) this.#hear(truck, { ...burst, sentMs: Math.min(burst.sentMs, endMs) }, steps);
      else this.#hear(truck, { heardMs: last.sentMs, sentMs: endMs }, steps, true);
    }
    return steps;
  }

  /** Whether it was silent from when it was last heard until then. */
  #hear(
    truck: string,
    { heardMs, sentMs }: { readonly heardMs: number; readonly sentMs: number },
    steps: TruckAlarmStep[],
    isSilentStill = false,
  ): void {
    const { silentAfterMs: limit } = this.#plan;
    const silentMs = sentMs - heardMs;
    if (silentMs <= limit) return;
    const silence = { alarm: "silent", truck, limit } as const;
    steps.push({ ...silence, step: "alarm", timeMs: heardMs + limit, value: limit });
    if (!isSilentStill) steps.push({ ...silence, step: "cleared", timeMs: sentMs, value: silentMs });
  }

  #judge(
    { active }: TruckState,
    { truck, timeMs }: TruckReport,
    steps: TruckAlarmStep[],
    {
      alarm,
      value,
      limit,
    }: { readonly alarm: TruckAlarmKind; readonly value: number; readonly limit: number },
  ): void {
    const isOver = value > limit;
    if (isOver === active.has(alarm)) return;
    if (isOver) active.add(alarm);
    else active.delete(alarm);
    steps.push({ alarm, step: isOver ? "alarm" : "cleared", truck, timeMs, value, limit });
  }
}

interface Place {
  readonly longitude: number;
  readonly latitude: number;
}

/** Straight-line km between two places that are not far apart. */
export function kmBetween(one: Place, other: Place): number {
  const [east, north] = toKm(one, other);
  return Math.sqrt(east * east + north * north);
}

/** The shortest distance from the line through the stops. */
export function kmFromLine(place: Place, stops: readonly Place[]): number {
  let least = Infinity;
  for (let index = 1; index < stops.length; index += 1) {
    const [ax, ay] = toKm(place, stops[index - 1]);
    const [bx, by] = toKm(place, stops[index]);
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / length));
    const [x, y] = [ax + share * dx, ay + share * dy];
    least = Math.min(least, Math.sqrt(x * x + y * y));
  }
  return least;
}

/** [east, north] of `to` as seen from `from`, on a plane about `from`. */
function toKm(from: Place, to: Place): readonly [number, number] {
  return [
    (to.longitude - from.longitude) * 111.32 * sineOfTurns(from.latitude / 360 + 0.25),
    (to.latitude - from.latitude) * 110.574,
  ];
}
