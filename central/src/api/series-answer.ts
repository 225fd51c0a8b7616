import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { SeriesColumns, SeriesPage } from "../history/series-page.ts";
import { etagOf } from "./etag.ts";

/** Characters that are written in one turn of the event loop, and numbers at a time: a millisecond or two. */
const SLICE_CHARS = 65_536;
const SLICE_NUMBERS = 5_000;

/** A page of series as JSON, in pieces, with its entity tag. */
export interface SeriesAnswer {
  readonly tag: string;
  readonly bytes: number;
  readonly slices: readonly Uint8Array[];
}

/** As `JSON.stringify` writes it, but for the turns of the event loop between: a great page holds nobody up. */
export async function seriesAnswer(page: SeriesPage): Promise<SeriesAnswer> {
  const hash = createHash("sha256");
  const slices: Uint8Array[] = [];
  let bytes = 0;
  const add = (text: string) => {
    const slice = Buffer.from(text);
    hash.update(slice);
    slices.push(slice);
    bytes += slice.length;
  };
  let text = "";
  for (const piece of pieces(page)) {
    text += piece;
    if (text.length < SLICE_CHARS) continue;
    add(text);
    text = "";
    await setImmediate();
  }
  add(text);
  return { tag: etagOf(hash), bytes, slices };
}

function* pieces({ series, ...rest }: SeriesPage): Generator<string> {
  yield `${JSON.stringify(rest).slice(0, -1)},"series":[`;
  let starts: WrittenStarts = { startMs: [], text: "[]" };
  for (const [index, each] of series.entries()) {
    if (index > 0) yield ",";
    const { labels, startMs, values } = each;
    const columnCount = 1 + Object.keys(values).length;
    if (columnCount * startMs.length > SLICE_NUMBERS) {
      yield* piecesOf(each);
      continue;
    }
    if (!isSame(startMs, starts.startMs)) starts = { startMs, text: JSON.stringify(startMs) };
    yield `{"labels":${JSON.stringify(labels)},"startMs":${starts.text},"values":${JSON.stringify(values)}}`;
  }
  yield "]}";
}

/** Most series of a page have points at the same times: those are written once. */
interface WrittenStarts {
  readonly startMs: readonly number[];
  readonly text: string;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** Of a series that is too great to be written at once. */
function* piecesOf({ labels, startMs, values }: SeriesColumns): Generator<string> {
  yield `{"labels":${JSON.stringify(labels)},"startMs":[`;
  yield* numbers(startMs);
  let before = `],"values":{`;
  for (const [name, column] of Object.entries(values)) {
    yield `${before}${JSON.stringify(name)}:[`;
    yield* numbers(column);
    before = "],";
  }
  yield before === "]," ? "]}}" : `${before}}}`;
}

function* numbers(column: readonly (number | null)[]): Generator<string> {
  for (let from = 0; from < column.length; from += SLICE_NUMBERS) {
    const text = JSON.stringify(column.slice(from, from + SLICE_NUMBERS)).slice(1, -1);
    yield from === 0 ? text : `,${text}`;
  }
}
