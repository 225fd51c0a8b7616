import { SeededRandom } from "@millrace/testkit";
import type { ReadingColumns } from "@millrace/stream";

export interface ReadingStreamOptions {
  readonly series: number;
  readonly ticks: number;
  /** Each series is read once in a tick, in another order each time. */
  readonly tickMs: number;
  readonly startMs: number;
  /** Share of readings that come up to `disorderMs` late. */
  readonly disorderShare: number;
  readonly disorderMs: number;
  /** Share of readings that come `lateMs` late: behind the watermark. */
  readonly lateShare: number;
  readonly lateMs: number;
}

/** Readings of many series in order of arrival, one batch a tick. Values as sensors write them, with two decimals. */
export function readingStream(options: ReadingStreamOptions): ReadingColumns[] {
  const { series: seriesCount, ticks, tickMs, startMs } = options;
  const random = new SeededRandom(1, "reading-stream");
  const order = Uint32Array.from({ length: seriesCount }, (_, series) => series);
  return Array.from({ length: ticks }, (_, tick) => {
    shuffle(order, random);
    const timeMs = new Float64Array(seriesCount);
    const value = new Float64Array(seriesCount);
    for (let at = 0; at < seriesCount; at += 1) {
      const fate = random.next();
      const behindMs =
        fate < options.lateShare
          ? options.lateMs
          : fate < options.lateShare + options.disorderShare
            ? random.integer(1, options.disorderMs)
            : 0;
      timeMs[at] = startMs + tick * tickMs + random.integer(0, tickMs - 1) - behindMs;
      value[at] = random.integer(2_000, 8_000) / 100;
    }
    return { count: seriesCount, series: order.slice(), timeMs, value };
  });
}

function shuffle(order: Uint32Array, random: SeededRandom): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.integer(0, last);
    [order[last], order[other]] = [order[other], order[last]];
  }
}
