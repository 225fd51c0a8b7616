import { latestValue } from "../model/trend-gaps.ts";
import { isTotal, measureUnit } from "../model/measure.ts";
import type { TrendCurve, TrendRing } from "../model/trend-ring.ts";
import { measureNumber, measureText } from "../text/measure-text.ts";
import type { Speaker } from "../text/speaker.ts";
import type { LineStyle } from "./line-style.ts";

/** Of a value with its unit, as three of them fit beside each other on a phone. */
const NARROW_LENGTH_MAX = 8;

interface LegendScope {
  readonly ring: TrendRing;
  readonly measure: string;
  readonly unit: string;
  readonly speaker: Speaker;
}

interface TrendLegendProps extends LegendScope {
  readonly styles: readonly LineStyle[];
  readonly nowMs: number;
  /** The slot under the cursor: its values instead of the latest ones. */
  readonly cursorSlot: number | null;
}

/** The latest value of every line, big, with its age; a stale one is a dash that remembers. */
export function TrendLegend({ styles, nowMs, cursorSlot, ...scope }: TrendLegendProps) {
  const { ring, measure } = scope;
  const unit = measureUnit(measure, scope.unit);
  const readings = ring
    .curves(measure)
    .map((curve) =>
      cursorSlot === null ? latestReading(curve, nowMs, scope) : cursorReading(curve, cursorSlot, scope),
    );
  const isWide = readings.some(({ value }) => value.length + unit.length > NARROW_LENGTH_MAX);
  return (
    <ul class={`latest ${ring.lines.length > 4 ? "is-many" : ""} ${isWide ? "is-wide" : ""}`}>
      {readings.map((reading, at) => {
        const name = ring.lines[at]?.name;
        return (
          <li key={name} class={reading.isStale ? "is-stale" : ""} title={reading.hint}>
            <span class="name">
              <LineSign style={styles[at]} isHollow={reading.isProvisional} /> {name}
            </span>
            <b>
              {reading.value}
              <small> {unit}</small>
            </b>
            <span class="age">{reading.detail}</span>
          </li>
        );
      })}
    </ul>
  );
}

interface LegendReading {
  readonly value: string;
  readonly detail: string;
  readonly hint?: string;
  readonly isStale: boolean;
  readonly isProvisional: boolean;
}

function latestReading(
  curve: TrendCurve,
  nowMs: number,
  { ring, measure, unit, speaker }: LegendScope,
): LegendReading {
  const latest = latestValue(ring, curve, nowMs);
  if (latest === null) {
    const isOpen = isTotal(measure) && ring.timeOfSlotMs(curve.newestSlot) > nowMs;
    const detail = speaker.text(isOpen ? "trends.windowOpen" : "trends.noData");
    return { value: "–", detail, isStale: !isOpen, isProvisional: isOpen };
  }
  if (latest.isStale) {
    const value = measureText(latest.value, { measure, unit, speaker });
    const hint = speaker.text("trends.lastKnown", { value });
    const detail = speaker.text("trends.noDataFor", { age: speaker.age(latest.ageMs) });
    return { value: "–", detail, hint, isStale: true, isProvisional: false };
  }
  const age = speaker.text("trends.ago", { age: speaker.age(latest.ageMs) });
  return {
    value: measureNumber(latest.value, measure, speaker),
    detail: latest.isProvisional ? `${age} · ${speaker.text("trends.provisional")}` : age,
    isStale: false,
    isProvisional: latest.isProvisional,
  };
}

function cursorReading(
  curve: TrendCurve,
  slot: number,
  { ring, measure, speaker }: LegendScope,
): LegendReading {
  const detail = speaker.text("trends.at", { time: speaker.time(ring.timeOfSlotMs(slot)) });
  const value = ring.valueAt(curve, slot);
  if (value === null) {
    return {
      value: "–",
      detail: `${detail} · ${speaker.text("trends.noData")}`,
      isStale: true,
      isProvisional: false,
    };
  }
  const isProvisional = ring.isProvisionalAt(curve.line, slot);
  return {
    value: measureNumber(value, measure, speaker),
    detail: isProvisional ? `${detail} · ${speaker.text("trends.provisional")}` : detail,
    isStale: false,
    isProvisional,
  };
}

export function LineSign({
  style,
  isHollow = false,
}: {
  readonly style: LineStyle | undefined;
  readonly isHollow?: boolean;
}) {
  if (style === undefined) return null;
  return (
    <svg
      class={`line-sign ${isHollow ? "is-hollow" : ""}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
      data-colour={style.colour}
    >
      <path d={style.shape} style={{ "--colour": `var(${style.colour})` }} />
    </svg>
  );
}
