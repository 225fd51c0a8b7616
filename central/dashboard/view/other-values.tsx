import type { WindowResult } from "@millrace/stream";
import { measureUnit } from "../model/measure.ts";
import { otherValues } from "../model/window-columns.ts";
import { measureName, measureNumber } from "../text/measure-text.ts";
import type { Speaker } from "../text/speaker.ts";

/** More are a histogram's; the API has all. */
const SHOWN_MAX = 6;

interface OtherValuesProps {
  readonly result: WindowResult;
  readonly unit: string;
  readonly speaker: Speaker;
}

/** The cell with what a window says beside its table's columns, each with its name. */
export function OtherValues({ result, unit, speaker }: OtherValuesProps) {
  const { values } = result;
  const others = otherValues(values);
  if (others.length === 0) {
    return (
      <td role="cell" class="others is-absent">
        –
      </td>
    );
  }
  // Beside a mean or sum its unit is known.
  const isUnitKnown = values["mean"] !== undefined || values["sum"] !== undefined;
  return (
    <td role="cell" class="others">
      <ul>
        {others.slice(0, SHOWN_MAX).map(([measure, value]) => {
          const ownUnit = measureUnit(measure, unit);
          return (
            <li key={measure}>
              <small>{measureName(measure, speaker)}</small> {numberText(measure, value, result, speaker)}
              {ownUnit !== "" && !(isUnitKnown && ownUnit === unit) && <small> {ownUnit}</small>}
            </li>
          );
        })}
        {others.length > SHOWN_MAX && (
          <li>
            <small>+{speaker.count(others.length - SHOWN_MAX)}</small>
          </li>
        )}
      </ul>
    </td>
  );
}

function numberText(measure: string, value: number, { values, top }: WindowResult, speaker: Speaker): string {
  const number = measureNumber(value, measure, speaker);
  const errorMean = values["distinctError"] ?? 0;
  if (measure === "distinct" && errorMean > 0)
    return `${number}\u00a0±\u00a0${speaker.count(Math.ceil(errorMean))}`;
  const [first] = top ?? [];
  return measure === "topCount" && first !== undefined ? `${first.input}: ${number}` : number;
}
