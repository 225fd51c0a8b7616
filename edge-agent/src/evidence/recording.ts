import type { AlarmEvent } from "@millrace/detect";
import type { Labels } from "@millrace/stream";
import type { ReadingRing } from "./reading-ring.ts";

/** What one alarm's recording is made of. */
export interface RecordingPlan {
  readonly alarm: AlarmEvent;
  /** Event time [fromMs, toMs]. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Whose readings, by their numbers. */
  readonly series: ReadonlyMap<number, RecordedSeries>;
  /** Nothing from before this is in the ring: the agent was not running. */
  readonly ringSinceMs: number;
  /** It is sealed before `toMs` has passed: the agent stops. */
  readonly isEarly: boolean;
}

export interface RecordedSeries {
  readonly metric: string;
  readonly labels: Labels;
  readonly unit: string;
}

/** Most readings of one recording; of more the latest. */
export const RECORDING_READINGS_MAX = 200_000;
/** What is done at once, so that no reading waits behind a recording. */
const SCANNED_AT_ONCE = 5_000;
const WRITTEN_AT_ONCE = 2_000;

const QUALITIES = ["good", "uncertain", "bad"] as const;

interface Column {
  readonly timeMs: number[];
  readonly values: number[];
  readonly qualities: number[];
}

/**
 * Makes the recording: JSON, in UTF-8, a column of times and one of values for each series, in order of arrival. Stops for a
 * breath between its steps; what the ring overwrites meanwhile is not in it.
 *
 *   { "alarm": { id, rule, metric, labels, activeAtMs, value, limit, message },
 *     "fromMs", "toMs",
 *     "isCut": true where readings of that time are missing: the ring did not reach as far, or the agent stopped,
 *     "series": [{ "metric", "labels", "unit", "timeMs": […], "values": […], "quality": […] only where not all are good }] }
 */
export function* makeRecording(ring: ReadingRing, plan: RecordingPlan): Generator<void, Uint8Array> {
  const { alarm, fromMs, toMs, series, ringSinceMs, isEarly } = plan;
  const columns = new Map<number, Column>();
  let count = 0;
  let number = ring.total - 1;
  for (; number >= ring.oldest && count < RECORDING_READINGS_MAX; number -= 1) {
    if (number % SCANNED_AT_ONCE === 0) yield;
    // While it waited more readings may have come.
    if (number < ring.oldest) break;
    const timeMs = ring.timeMsOf(number);
    if (timeMs < fromMs || timeMs > toMs) continue;
    const index = ring.seriesOf(number);
    if (!series.has(index)) continue;
    let column = columns.get(index);
    if (column === undefined) columns.set(index, (column = { timeMs: [], values: [], qualities: [] }));
    column.timeMs.push(timeMs);
    column.values.push(ring.valueOf(number));
    column.qualities.push(ring.qualityOf(number));
    count += 1;
  }
  const isOverwritten = number >= 0;
  const isCut = isEarly || ringSinceMs > fromMs || (isOverwritten && !reachesBehind(ring, number, fromMs));
  const { id, rule, metric, labels, activeAtMs, value, limit, message } = alarm;
  const head = {
    alarm: { id, rule, metric, labels, activeAtMs, value, limit, message },
    fromMs,
    toMs,
    isCut,
  };
  const text: string[] = [JSON.stringify(head).slice(0, -1), ',"series":['];
  let isFirst = true;
  for (const [index, recorded] of series) {
    const column = columns.get(index);
    if (column === undefined) continue;
    text.push(isFirst ? "" : ",", JSON.stringify(recorded).slice(0, -1));
    yield* writeColumn(text, "timeMs", column.timeMs);
    yield* writeColumn(text, "values", column.values);
    if (column.qualities.some((quality) => quality !== 0))
      yield* writeColumn(
        text,
        "quality",
        column.qualities.map((quality) => QUALITIES[quality]),
      );
    text.push("}");
    isFirst = false;
  }
  text.push("]}");
  return new TextEncoder().encode(text.join(""));
}

/** The oldest reading that is left is from before the recording: all of its time was still there. */
function reachesBehind(ring: ReadingRing, number: number, fromMs: number): boolean {
  return number < ring.oldest && ring.timeMsOf(ring.oldest) <= fromMs;
}

/** They were gathered from the newest on. */
function* writeColumn(
  text: string[],
  name: string,
  newestFirst: readonly (number | string)[],
): Generator<void, void> {
  const values = newestFirst.toReversed();
  text.push(`,${JSON.stringify(name)}:[`);
  for (let at = 0; at < values.length; at += WRITTEN_AT_ONCE) {
    if (at > 0) {
      text.push(",");
      yield;
    }
    text.push(JSON.stringify(values.slice(at, at + WRITTEN_AT_ONCE)).slice(1, -1));
  }
  text.push("]");
  yield;
}
