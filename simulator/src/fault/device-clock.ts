import type { ClockFaultPlan } from "../plan/fault-plan.ts";
import type { FaultCourse } from "./fault-course.ts";

const HOUR_MS = 3_600_000;

/** What a clock says at `timeMs` with these faults: whole ms. */
export function stampOf(timeMs: number, faults: readonly FaultCourse<ClockFaultPlan>[]): number {
  let stampMs = timeMs;
  for (const course of faults) {
    const { offsetMs, driftMsPerHour } = course.fault;
    const hours = (timeMs - course.onsetMs) / HOUR_MS;
    stampMs += offsetMs * course.intensity(timeMs) + driftMsPerHour * hours;
  }
  return Math.floor(stampMs);
}
