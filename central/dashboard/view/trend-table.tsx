import type { TrendLine, TrendRing } from "../model/trend-ring.ts";
import type { Speaker } from "../text/speaker.ts";
import { LineSign } from "./trend-legend.tsx";
import type { TrendProps } from "./trend-panel.tsx";

const ROWS = 15;

/** The same numbers as the chart, for eyes and ears that prefer a table. Newest first. */
export function TrendTable({ trend, styles, page, speaker }: TrendProps) {
  const { ring } = trend;
  const lastSlot = ring.lastSlotAt(page.trendNowMs.value);
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
              {ring.lines.map((line) => (
                <td key={line.name} class="number">
                  <SlotValue ring={ring} line={line} slot={slot} unit={trend.unit} speaker={speaker} />
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
  readonly line: TrendLine;
  readonly slot: number;
  readonly unit: string;
  readonly speaker: Speaker;
}

function SlotValue({ ring, line, slot, unit, speaker }: SlotValueProps) {
  const place = ring.placeOf(line, slot);
  const value = line.values[place];
  if (place < 0 || value === undefined || Number.isNaN(value))
    return <i class="absent">{speaker.text("trends.noData")}</i>;
  return (
    <>
      {line.isProvisional[place] === 1 && <small>{speaker.text("trends.provisional")} </small>}
      {speaker.value(value)} <small>{unit}</small>
    </>
  );
}
