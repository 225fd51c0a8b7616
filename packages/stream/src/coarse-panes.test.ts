// Panes are made as coarse as the windows of their length bear, and what lies across a boundary is told.
import { expect, test } from "vitest";
import { addCoarse, COARSE_RANGES_MAX, coarsePaneMs, isStraddled } from "./coarse-panes.ts";
import type { WindowSpec } from "./window-spec.ts";

function aligned(sizeMs: number, slideMs = sizeMs): WindowSpec {
  return {
    name: `w${sizeMs}`,
    metric: "t",
    by: [],
    kind: "aligned",
    sizeMs,
    slideMs,
    offsetMs: 0,
    latenessMs: 0,
  };
}

test.each([
  // Windows that are as long as the coarse pane, or longer, keep their boundaries.
  { windows: [aligned(1_000), aligned(60_000)], paneMs: 1_000, levelMs: 10_000, coarseMs: 10_000 },
  { windows: [aligned(1_000), aligned(60_000)], paneMs: 10_000, levelMs: 60_000, coarseMs: 60_000 },
  { windows: [aligned(1_000), aligned(90_000)], paneMs: 1_000, levelMs: 60_000, coarseMs: 45_000 },
  { windows: [aligned(25_000), aligned(5_000)], paneMs: 5_000, levelMs: 10_000, coarseMs: 5_000 },
  // Finer ones do not.
  { windows: [aligned(60_000, 10_000)], paneMs: 10_000, levelMs: 60_000, coarseMs: 60_000 },
  { windows: [aligned(7_000)], paneMs: 7_000, levelMs: 60_000, coarseMs: 56_000 },
  { windows: [aligned(60_000)], paneMs: 60_000, levelMs: 10_000, coarseMs: 60_000 },
])("panes of $paneMs ms become $coarseMs at $levelMs", ({ windows, paneMs, levelMs, coarseMs }) => {
  expect(coarsePaneMs(windows, paneMs, levelMs)).toBe(coarseMs);
});

test("a boundary of a window as long as the pane, or longer, never falls into one", () => {
  for (const sizeMs of [10_000, 25_000, 60_000, 90_000, 7_000]) {
    for (const levelMs of [10_000, 60_000]) {
      const coarseMs = coarsePaneMs([aligned(sizeMs), aligned(1_000)], 1_000, levelMs);
      if (sizeMs >= levelMs) expect([sizeMs, sizeMs % coarseMs]).toEqual([sizeMs, 0]);
    }
  }
});

test("no pane grows longer than the gap of a session", () => {
  const session: WindowSpec = {
    name: "s",
    metric: "t",
    by: [],
    kind: "session",
    gapMs: 5_000,
    lengthMsMax: 3_600_000,
    latenessMs: 0,
  };
  expect(coarsePaneMs([aligned(1_000), session], 1_000, 60_000)).toBe(5_000);
});

test("a window is straddled where a boundary of it lies inside a coarse pane, and only then", () => {
  const coarse = [{ metric: "t", paneMs: 60_000, startMs: 60_000, endMs: 180_000 }];
  const straddled = (startMs: number, endMs: number, metric = "t") =>
    isStraddled(coarse, metric, { startMs, endMs });
  expect(straddled(60_000, 120_000)).toBe(false);
  expect(straddled(0, 300_000)).toBe(false);
  expect(straddled(60_000, 70_000)).toBe(true);
  expect(straddled(110_000, 120_000)).toBe(true);
  expect(straddled(150_000, 210_000)).toBe(true);
  expect(straddled(50_000, 60_000)).toBe(false);
  expect(straddled(180_000, 190_000)).toBe(false);
  expect(straddled(60_000, 70_000, "other")).toBe(false);
});

test("what is kept of coarse panes is bounded, and never marks less", () => {
  let coarse = addCoarse([], []);
  for (let at = 0; at < 500; at += 1) {
    const paneMs = 10_000 * (1 + (at % 20));
    const startMs = 20 * at * paneMs;
    coarse = addCoarse(coarse, [{ metric: "t", paneMs, startMs, endMs: startMs + paneMs }]);
    expect(isStraddled(coarse, "t", { startMs: startMs + 5_000, endMs: startMs + paneMs })).toBe(true);
  }
  expect(coarse.length).toBeLessThanOrEqual(9 * COARSE_RANGES_MAX);
});
