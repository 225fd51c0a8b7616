// Lines over time: a missing window is a gap and never a number, memory is fixed, provisional is told from complete.
import type { WindowResult } from "@millrace/stream";
import { describe, expect, test } from "vitest";
import type { WindowView } from "../feed/live-frames.ts";
import { ChartColumns, DASHED, HIGH, LOW, SOLID } from "./chart-columns.ts";
import { latestValue, trendGaps } from "./trend-gaps.ts";
import { TREND_LINES_MAX, TrendRing } from "./trend-ring.ts";
import type { TrendCurve } from "./trend-ring.ts";
import { trendSource } from "./trend-source.ts";

const WINDOW: WindowView = { name: "t_5s", metric: "t", sizeMs: 5_000, slideMs: 5_000, by: ["site"] };
/** Some grid-aligned time; slots below count from it. */
const ORIGIN_MS = 1_700_000_000_000;

function result(slot: number, mean: number | undefined, parts: Partial<WindowResult> = {}): WindowResult {
  const startMs = ORIGIN_MS + slot * 5_000;
  return {
    window: "t_5s",
    metric: "t",
    group: { site: "alpha" },
    startMs,
    endMs: startMs + 5_000,
    revision: 1,
    state: "complete",
    values: mean === undefined ? { count: 0 } : { count: 5, mean, min: mean - 1, max: mean + 1 },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 1,
      agentsMissing: [],
      sitesExpected: 1,
      sitesReporting: 1,
      sitesMissing: [],
    },
    updatedAtMs: startMs + 6_000,
    ...parts,
  };
}

interface Held {
  readonly ring: TrendRing;
  /** The means of its first line. */
  readonly curve: TrendCurve;
}

function ringOf(...results: readonly WindowResult[]): Held {
  const ring = new TrendRing(WINDOW);
  for (const each of results) ring.put(each);
  return { ring, curve: curveOf(ring, "mean") };
}

function curveOf(ring: TrendRing, measure: string): TrendCurve {
  const [curve] = ring.curves(measure);
  if (curve === undefined) throw new Error("cannot read ring: no line");
  return curve;
}

function gapsAt(nowMs: number, { ring, curve }: Held): string[] {
  return trendGaps(ring, curve, nowMs).map(
    (gap) =>
      `${(gap.startMs - ORIGIN_MS) / 1_000}..${(gap.endMs - ORIGIN_MS) / 1_000}${gap.isOpen ? " open" : ""}`,
  );
}

const at = (second: number) => ORIGIN_MS + second * 1_000;

describe("gaps", () => {
  test("none while windows follow one another", () => {
    expect(gapsAt(at(16), ringOf(result(0, 1), result(1, 2), result(2, 3)))).toEqual([]);
  });

  test("one missing window is a gap from the last window's end to the next one's start", () => {
    expect(gapsAt(at(16), ringOf(result(0, 1), result(2, 3)))).toEqual(["5..10"]);
  });

  test("a window without readings is a gap too", () => {
    expect(gapsAt(at(16), ringOf(result(0, 1), result(1, undefined), result(2, 3)))).toEqual(["5..10"]);
  });

  test("silence opens a gap only after two and a half intervals, and then from the last window's end", () => {
    const held = ringOf(result(0, 1));
    expect(gapsAt(at(17), held)).toEqual([]);
    expect(gapsAt(at(18), held)).toEqual(["5..18 open"]);
  });

  test("nothing before the first window is called a gap", () => {
    expect(gapsAt(at(16), ringOf(result(2, 3)))).toEqual([]);
  });

  test("late windows close the gap", () => {
    const held = ringOf(result(0, 1), result(3, 4));
    expect(gapsAt(at(21), held)).toEqual(["5..15"]);
    held.ring.put(result(1, 2));
    held.ring.put(result(2, 3));
    expect(gapsAt(at(21), held)).toEqual([]);
  });

  test("a line that fell silent before the ring's span is silent over all of it", () => {
    const held = ringOf(result(0, 1));
    expect(gapsAt(at(2_000), held)).toEqual(["5..2000 open"]);
  });
});

describe("ring", () => {
  test("holds a fixed number of slots; what is older than the span is let go and not taken", () => {
    const { ring, curve } = ringOf(...Array.from({ length: 200 }, (_, slot) => result(slot, slot)));
    expect(curve.values).toHaveLength(60);
    const slotOf = (slot: number) => ORIGIN_MS / 5_000 + slot;
    expect(curve.values[ring.placeOf(curve.line, slotOf(199))]).toBe(199);
    expect(ring.placeOf(curve.line, slotOf(139))).toBe(-1);
    ring.put(result(10, 5));
    expect(ring.placeOf(curve.line, slotOf(10))).toBe(-1);
  });

  test("a greater or equal revision replaces; after a snapshot any does", () => {
    const { ring, curve } = ringOf(result(0, 1, { revision: 4 }));
    ring.put(result(0, 2, { revision: 3 }));
    expect(latestValue(ring, curve, at(6))?.value).toBe(1);
    ring.forgetRevisions();
    ring.put(result(0, 3, { revision: 1 }));
    expect(latestValue(ring, curve, at(6))?.value).toBe(3);
  });

  test("lines are bounded, and what is left out is counted", () => {
    const groups = Array.from({ length: TREND_LINES_MAX + 3 }, (_, n) =>
      result(0, n, { group: { site: `s${n}` } }),
    );
    const { ring } = ringOf(...groups, ...groups);
    expect(ring.lines).toHaveLength(TREND_LINES_MAX);
    expect(ring.linesLeftOut).toBe(3);
  });

  test("the latest value ages from its window's end, and from its last revision while the window is open", () => {
    const { ring, curve } = ringOf(result(0, 1), result(1, 2, { state: "provisional", updatedAtMs: at(7) }));
    expect(latestValue(ring, curve, at(8))).toEqual({
      value: 2,
      isProvisional: true,
      ageMs: 1_000,
      isStale: false,
    });
    expect(latestValue(ring, curve, at(23))?.isStale).toBe(true);
  });
});

test("columns: solid where complete, dashed from the complete neighbour through provisional, null where missing", () => {
  const provisional = { state: "provisional" } as const;
  const { ring } = ringOf(
    result(0, 1),
    result(1, 2),
    result(2, 3, provisional),
    result(3, 4, provisional),
    result(5, 6),
  );
  const columns = new ChartColumns(ring);
  columns.fill("mean", at(30));
  const tail = (kind: number) => columns.columns[kind]?.slice(-6);
  expect(tail(SOLID)).toEqual([1, 2, null, null, null, 6]);
  expect(tail(DASHED)).toEqual([null, 2, 3, 4, null, null]);
  expect(tail(LOW)).toEqual([0, 1, 2, 3, null, 5]);
  expect(tail(HIGH)).toEqual([2, 3, 4, 5, null, 7]);
  expect(columns.times.slice(-2)).toEqual([at(25) / 1_000, at(30) / 1_000]);
});

describe("values", () => {
  const orders = (slot: number, values: Readonly<Record<string, number>>, revision = 1) =>
    result(slot, undefined, { values, revision });

  test("all that windows have had may be chosen, in one order, and is drawn from the first window on", () => {
    const { ring } = ringOf(
      orders(0, { mean: 20, sum: 60, count: 3, p95: 40, le_10: 1, le_inf: 3 }),
      orders(1, { distinct: 2, distinctError: 0.1, sum: 0, rate: Number.NaN, inexact: 0, novel: 7 }),
    );
    expect(ring.measures).toEqual(["count", "sum", "mean", "p95", "distinct", "novel"]);
    const columns = new ChartColumns(ring);
    const drawn = (measure: string) => {
      columns.fill(measure, at(10));
      return columns.columns.map((column) => column.slice(-2));
    };
    const none = [null, null];
    expect(drawn("sum")).toEqual([none, none, [60, 0], none]);
    expect(drawn("p95")).toEqual([none, none, [40, null], none]);
    expect(drawn("distinct")).toEqual([none, none, [null, 2], none]);
  });

  test("a window without the value is a gap of its curve alone, and the latest is the value's own", () => {
    const { ring } = ringOf(
      orders(0, { count: 3, mean: 2 }),
      orders(1, { count: 0 }),
      orders(2, { count: 1, mean: 4 }),
      orders(3, { count: 0 }),
    );
    const [counts, means] = [curveOf(ring, "count"), curveOf(ring, "mean")];
    expect(gapsAt(at(21), { ring, curve: counts })).toEqual([]);
    expect(gapsAt(at(21), { ring, curve: means })).toEqual(["5..10"]);
    expect([counts, means].map((curve) => latestValue(ring, curve, at(21))?.value)).toEqual([0, 4]);
  });

  test("a revision takes back a value that it does not have", () => {
    const { ring } = ringOf(orders(0, { count: 1, mean: 5 }), orders(0, { count: 0 }, 2));
    expect(latestValue(ring, curveOf(ring, "mean"), at(6))).toBeNull();
    expect(latestValue(ring, curveOf(ring, "count"), at(6))?.value).toBe(0);
  });

  test("a total of a window that has not ended is none yet; a level is", () => {
    const open = { state: "provisional", updatedAtMs: at(12) } as const;
    const { ring } = ringOf(
      orders(0, { sum: 50, mean: 5 }),
      orders(1, { sum: 60, mean: 6 }),
      result(2, undefined, { ...open, values: { sum: 7, mean: 7 } }),
    );
    const latest = (measure: string, nowMs: number) =>
      latestValue(ring, curveOf(ring, measure), nowMs)?.value;
    expect([latest("sum", at(12)), latest("mean", at(12))]).toEqual([60, 7]);
    expect([latest("sum", at(15)), latest("mean", at(15))]).toEqual([7, 7]);
    const columns = new ChartColumns(ring);
    const drawn = (measure: string, nowMs: number) => {
      columns.fill(measure, nowMs);
      return [columns.columns[SOLID]?.slice(-2), columns.columns[DASHED]?.slice(-2)];
    };
    expect(drawn("sum", at(12))).toEqual([
      [50, 60],
      [null, null],
    ]);
    expect(drawn("sum", at(15))).toEqual([
      [60, null],
      [60, 7],
    ]);
    expect(drawn("mean", at(12))).toEqual([
      [6, null],
      [6, 7],
    ]);
    expect(gapsAt(at(12), { ring, curve: curveOf(ring, "sum") })).toEqual([]);
  });

  test("they are bounded", () => {
    const names = Array.from({ length: 100 }, (_, n) => [`v${n}`, n] as const);
    expect(ringOf(orders(0, Object.fromEntries(names))).ring.measures).toHaveLength(24);
  });
});

test("a metric is drawn from its shortest tumbling window by site alone, else from the nearest thing there is", () => {
  const windows: WindowView[] = [
    { ...WINDOW, name: "sliding", sizeMs: 60_000, slideMs: 1_000 },
    { ...WINDOW, name: "by_line", sizeMs: 1_000, slideMs: 1_000, by: ["site", "line"] },
    { ...WINDOW, name: "minute", sizeMs: 60_000, slideMs: 60_000 },
    WINDOW,
    { ...WINDOW, name: "other", metric: "u", by: [] },
  ];
  expect(trendSource({ metrics: [], windows }, "t")?.name).toBe("t_5s");
  expect(trendSource({ metrics: [], windows: windows.slice(0, 2) }, "t")?.name).toBe("sliding");
  expect(trendSource({ metrics: [], windows }, "u")?.name).toBe("other");
  expect(trendSource({ metrics: [], windows }, "v")).toBeNull();
});

test("a chart begins with a minute and grows with its data up to the ring's span", () => {
  const { ring } = ringOf(result(0, 1));
  expect(ring.shownSpanMs(at(5))).toBe(60_000);
  expect(ring.shownSpanMs(at(125))).toBe(120_000);
  ring.put(result(10, 1));
  expect(ring.shownSpanMs(at(125))).toBe(120_000);
  expect(ring.shownSpanMs(at(3_600))).toBe(ring.spanMs);
  expect(new TrendRing(WINDOW).shownSpanMs(at(5))).toBe(60_000);
});

test("an open window that is no longer revised is a gap from its end on, as soon as its value counts as stale", () => {
  const open = ringOf(result(0, 1), result(1, 2, { state: "provisional", updatedAtMs: at(6) }));
  const staleAt = (second: number) => latestValue(open.ring, open.curve, at(second))?.isStale;
  expect([staleAt(18), gapsAt(at(18), open)]).toEqual([false, []]);
  expect([staleAt(19), gapsAt(at(19), open)]).toEqual([true, ["10..19 open"]]);
});
