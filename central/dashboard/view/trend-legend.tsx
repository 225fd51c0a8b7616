import { latestValue } from "../model/trend-gaps.ts";
import type { TrendLine, TrendRing } from "../model/trend-ring.ts";
import type { Speaker } from "../text/speaker.ts";
import type { LineStyle } from "./line-style.ts";

interface TrendLegendProps {
  readonly ring: TrendRing;
  readonly unit: string;
  readonly styles: readonly LineStyle[];
  readonly nowMs: number;
  /** The slot under the cursor: its values instead of the latest ones. */
  readonly cursorSlot: number | null;
  readonly speaker: Speaker;
}

/** The latest value of every line, big, with its age; a stale one is a dash that remembers. */
export function TrendLegend({ ring, unit, styles, nowMs, cursorSlot, speaker }: TrendLegendProps) {
  return (
    <ul class={`latest ${ring.lines.length > 4 ? "is-many" : ""}`}>
      {ring.lines.map((line, at) => {
        const reading =
          cursorSlot === null
            ? latestReading(ring, line, nowMs, speaker, unit)
            : cursorReading(ring, line, cursorSlot, speaker);
        return (
          <li key={line.name} class={reading.isStale ? "is-stale" : ""} title={reading.hint}>
            <span class="name">
              <LineSign style={styles[at]} isHollow={reading.isProvisional} /> {line.name}
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
  ring: TrendRing,
  line: TrendLine,
  nowMs: number,
  speaker: Speaker,
  unit: string,
): LegendReading {
  const latest = latestValue(ring, line, nowMs);
  if (latest === null)
    return { value: "–", detail: speaker.text("trends.noData"), isStale: true, isProvisional: false };
  if (latest.isStale) {
    const hint = speaker.text("trends.lastKnown", { value: `${speaker.value(latest.value)} ${unit}` });
    const detail = speaker.text("trends.noDataFor", { age: speaker.age(latest.ageMs) });
    return { value: "–", detail, hint, isStale: true, isProvisional: false };
  }
  const age = speaker.text("trends.ago", { age: speaker.age(latest.ageMs) });
  return {
    value: speaker.value(latest.value),
    detail: latest.isProvisional ? `${age} · ${speaker.text("trends.provisional")}` : age,
    isStale: false,
    isProvisional: latest.isProvisional,
  };
}

function cursorReading(ring: TrendRing, line: TrendLine, slot: number, speaker: Speaker): LegendReading {
  const detail = speaker.text("trends.at", { time: speaker.time(ring.timeOfSlotMs(slot)) });
  const place = ring.placeOf(line, slot);
  const value = line.values[place];
  if (place < 0 || value === undefined || Number.isNaN(value)) {
    return {
      value: "–",
      detail: `${detail} · ${speaker.text("trends.noData")}`,
      isStale: true,
      isProvisional: false,
    };
  }
  const isProvisional = line.isProvisional[place] === 1;
  return {
    value: speaker.value(value),
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
