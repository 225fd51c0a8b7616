// A page of series as it goes out: to the byte what JSON.stringify writes, and others have their turn between.
import { turnsDuring } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { SeriesColumns } from "../history/series-page.ts";
import { etag } from "./etag.ts";
import { seriesAnswer } from "./series-answer.ts";

const PAGE = {
  metric: "t",
  by: ["site"],
  stepMs: 1_000,
  level: "1s",
  keptFromMs: null,
  pendingFromMs: null,
  cursor: '["北京"]',
};

function columns(site: string, count: number, values = ["count", "mean"]): SeriesColumns {
  const startMs = Array.from({ length: count }, (_, index) => index * 1_000);
  const column = startMs.map((at) => (at % 7 === 0 ? null : at / 7));
  return { labels: { site }, startMs, values: Object.fromEntries(values.map((name) => [name, column])) };
}

test.each([
  ["nothing", []],
  ["points without values", [columns("alpha", 2, [])]],
  ["some", [columns("北京", 1), columns('"\\', 3)]],
  ["many", [columns("alpha", 12_345), columns("beta", 30_000)]],
  [
    "some at the same times, some not",
    ["a", "b", "c", "d"].map((site, index) => columns(site, index < 2 ? 9 : index)),
  ],
  ["great ones between small ones", [columns("a", 3), columns("b", 6_000), columns("c", 3), columns("d", 3)]],
])("%s: the text and its tag are those of the whole", async (_, series) => {
  const { tag, bytes, slices } = await seriesAnswer({ ...PAGE, series });
  const { cursor, ...rest } = PAGE;
  const text = JSON.stringify({ ...rest, cursor, series });
  expect(Buffer.concat(slices).toString()).toBe(text);
  expect([tag, bytes]).toEqual([etag(text), Buffer.byteLength(text)]);
});

test("a great page lets others have their turns", async () => {
  const series = [columns("alpha", 100_000)];
  const turns = await turnsDuring(() => seriesAnswer({ ...PAGE, series }));
  expect(turns).toBeGreaterThan(20);
});

test("a series whose points are at other times than those of the one before tells its own", async () => {
  const early = columns("alpha", 3);
  const late = { ...columns("beta", 3), startMs: [5_000, 6_000, 7_000] };
  const { slices } = await seriesAnswer({ ...PAGE, series: [early, late, early] });
  const { series } = JSON.parse(Buffer.concat(slices).toString());
  expect(series).toEqual([early, late, early]);
});
