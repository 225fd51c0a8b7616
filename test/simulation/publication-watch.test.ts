// The watch over publications finds what it is there for, and nothing else.
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import { type HeldReading, PublicationWatch } from "./publication-watch.ts";

const HELD: readonly HeldReading[] = [
  { timeMs: 1_000, value: 50, watermarkMs: null },
  { timeMs: 9_000, value: 70, watermarkMs: 4_000 },
  // It came when the agent had passed the window: it may revise it, and owes nothing before.
  { timeMs: 2_000, value: 90, watermarkMs: 10_000 },
];

function watch(): PublicationWatch {
  return new PublicationWatch({ sites: ["alpha"], held: () => HELD });
}

function result(parts: Partial<WindowResult> = {}, agentsMissing: readonly string[] = []): WindowResult {
  return {
    window: "t_10s",
    metric: "t",
    group: { site: "alpha" },
    startMs: 0,
    endMs: 10_000,
    revision: 1,
    state: "complete",
    values: { count: 2, min: 50, max: 70 },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 1 - agentsMissing.length,
      agentsMissing,
      sitesExpected: 1,
      sitesReporting: 1 - agentsMissing.length,
      sitesMissing: agentsMissing,
    },
    updatedAtMs: 20_000,
    ...parts,
  };
}

function problemsOf(...published: readonly WindowResult[]): readonly string[] {
  const watched = watch();
  for (const each of published) watched.published(each);
  return watched.problems;
}

test("a window that grows, completes, is revised and becomes final is as it should be", () => {
  const late = { count: 3, min: 50, max: 90 };
  const watched = watch();
  watched.published(result({ state: "provisional", values: { count: 1, min: 50, max: 50 } }, ["alpha-1"]));
  watched.published(result({ revision: 2 }));
  watched.published(result({ revision: 3, values: late }));
  watched.published(result({ revision: 5, state: "final", values: late }));
  watched.kept(result({ revision: 5, state: "final", values: late }));
  expect(watched.problems).toEqual([]);
  expect(watched.completeCount).toBe(3);
});

test.each([
  ["count", { count: 1, min: 50, max: 70 }],
  ["min", { count: 2, min: 55, max: 70 }],
  ["max", { count: 2, min: 50, max: 69 }],
  ["count", {}],
])("a complete window lacks what its agent had accepted: %s", (what, values) => {
  expect(problemsOf(result({ values }))[0]).toContain(`${what} `);
});

test("an agent counts as reporting in a window that is not complete, or final, and lacks its readings", () => {
  for (const state of ["provisional", "final"] as const) {
    const values = { count: 1, min: 50, max: 70 };
    expect(problemsOf(result({ state, values }))).toHaveLength(1);
    expect(problemsOf(result({ state, values }, ["alpha-1"]))).toEqual([]);
  }
});

test("a revision that comes twice, a state that goes back, a final window that is published again", () => {
  expect(problemsOf(result(), result())).toHaveLength(1);
  expect(problemsOf(result({ revision: 2 }), result({ revision: 1 }))).toHaveLength(1);
  expect(problemsOf(result(), result({ revision: 2, state: "provisional" }))).toHaveLength(1);
  expect(problemsOf(result({ state: "final" }), result({ revision: 2, state: "final" }))).toHaveLength(1);
});

test("what is kept is older than what was published, or not what was final", () => {
  for (const [published, kept] of [
    [result({ revision: 2 }), result({ revision: 1 })],
    [result({ state: "final" }), result({ state: "final", values: { count: 3, min: 50, max: 90 } })],
  ] as const) {
    const watched = watch();
    watched.published(published);
    watched.kept(kept);
    expect(watched.problems).toHaveLength(1);
  }
});
