import { measureUnit } from "../model/measure.ts";
import type { TrendCurve, TrendRing } from "../model/trend-ring.ts";
import { measureNumber } from "../text/measure-text.ts";
import type { Speaker } from "../text/speaker.ts";
import { LineSign } from "./trend-legend.tsx";
import type { TrendProps } from "./trend-panel.tsx";

const ROWS = 15;

/** The same numbers as the chart, for eyes and ears that prefer a table. Newest first. */
export function TrendTable({ trend, measure, styles, page, speaker }: TrendProps) {
  const { ring } = trend;
  const curves = ring.curves(measure);
  const lastSlot = ring.lastSlotAt(measure, page.trendNowMs.value);
  return (
    <div class="trend-table">
      <table>
        <thead>
          <tr>
            <th>{speaker.text("trends.time")}</th>
            {ring.lines.map((line, at) => (
              <th key={line.name} class="number">
                <LineSign style={styles[at]} /> {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: ROWS }, (_, at) => lastSlot - at).map((slot) => (
            <tr key={slot}>
              <th scope="row">{speaker.time(ring.timeOfSlotMs(slot))}</th>
              {curves.map((curve) => (
                <td key={curve.line.name} class="number">
                  <SlotValue
                    ring={ring}
                    curve={curve}
                    slot={slot}
                    measure={measure}
                    unit={trend.unit}
                    speaker={speaker}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface SlotValueProps {
  readonly ring: TrendRing;
  readonly curve: TrendCurve;
  readonly slot: number;
  readonly measure: string;
  readonly unit: string;
  readonly speaker: Speaker;
}

function SlotValue({ ring, curve, slot, measure, unit, speaker }: SlotValueProps) {
  const value = ring.valueAt(curve, slot);
  if (value === null) return <i class="absent">{speaker.text("trends.noData")}</i>;
  return (
    <>
      {ring.isProvisionalAt(curve.line, slot) && <small>{speaker.text("trends.provisional")} </small>}
      {measureNumber(value, measure, speaker)} <small>{measureUnit(measure, unit)}</small>
    </>
  );
}
