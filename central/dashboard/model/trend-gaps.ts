import type { TrendCurve, TrendRing } from "./trend-ring.ts";

/** A line that is late by less than this is not silent yet: windows need a moment to arrive. */
const SILENCE_MS_MIN = 3_000;
const SILENCE_INTERVALS = 2.5;

/** Event time for which a line has no value, though it had one before. */
export interface TrendGap {
  readonly startMs: number;
  readonly endMs: number;
  /** It reaches to now: the group is silent. */
  readonly isOpen: boolean;
}

/**
 * The gaps of one curve inside the ring's span at `nowMs`, oldest first. What lies before its first value is not
 * a gap: nothing is known of it. The same rule at every zoom and for every chart.
 */
export function trendGaps(ring: TrendRing, curve: TrendCurve, nowMs: number): readonly TrendGap[] {
  const { slideMs } = ring.window;
  const lastSlot = ring.lastSlotAt(curve.measure, nowMs);
  const firstSlot = lastSlot - ring.slotCount + 1;
  const gaps: TrendGap[] = [];
  const newestSlot = ring.newestSlotAt(curve, nowMs);
  let previousSlot = newestSlot < firstSlot ? newestSlot : -Infinity;
  for (let slot = firstSlot; slot <= lastSlot; slot++) {
    if (ring.valueAt(curve, slot) === null) continue;
    if (previousSlot > -Infinity && slot - previousSlot > 1) {
      gaps.push({
        startMs: ring.timeOfSlotMs(previousSlot),
        endMs: ring.timeOfSlotMs(slot) - slideMs,
        isOpen: false,
      });
    }
    previousSlot = slot;
  }
  if (previousSlot > -Infinity) {
    const lastEndMs = ring.timeOfSlotMs(previousSlot);
    // The same rule as for the line's latest value: a window that was never closed is silent since its last revision.
    const isSilent = latestValue(ring, curve, nowMs)?.isStale ?? true;
    if (isSilent && lastEndMs < nowMs) gaps.push({ startMs: lastEndMs, endMs: nowMs, isOpen: true });
  }
  return gaps;
}

/** How old a curve's newest value may be before the line counts as silent. */
function silenceMsMax(ring: TrendRing): number {
  return Math.max(SILENCE_MS_MIN, SILENCE_INTERVALS * ring.window.slideMs);
}

export interface LatestValue {
  readonly value: number;
  readonly isProvisional: boolean;
  /** Age of the data: since the window's end, or since its last revision while it is open. */
  readonly ageMs: number;
  readonly isStale: boolean;
}

/** The newest value of a curve, and how old it is. `null` before the first, or when it has left the ring. */
export function latestValue(ring: TrendRing, curve: TrendCurve, nowMs: number): LatestValue | null {
  const slot = ring.newestSlotAt(curve, nowMs);
  const value = ring.valueAt(curve, slot);
  if (value === null) return null;
  const endMs = ring.timeOfSlotMs(slot);
  const knownAtMs = slot === curve.newestSlot ? Math.min(endMs, curve.updatedAtMs) : endMs;
  const ageMs = Math.max(0, nowMs - knownAtMs);
  return {
    value,
    isProvisional: ring.isProvisionalAt(curve.line, slot),
    ageMs,
    isStale: ageMs > silenceMsMax(ring),
  };
}
