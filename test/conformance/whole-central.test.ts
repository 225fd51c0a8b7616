// The cases once more, through the whole of central: connections that say hello, sealed batches, heartbeats, its store and its API;
// once straight through, once killed again and again.
import type { WindowResult } from "@millrace/stream";
import { describe, expect, test } from "vitest";
import { problemsOf } from "./check-case.ts";
import { caseFiles, type ConformanceCase, loadCases } from "./load-cases.ts";
import { type PlayedCase, playCase } from "./play-case.ts";
import { StoredCountWindows } from "./stored-count-windows.ts";
import { WholeCentral } from "./whole-central.ts";

async function playedOf(conformance: ConformanceCase, isInterrupted: boolean) {
  const { countWindows, metrics } = conformance;
  const central = await WholeCentral.open(conformance, isInterrupted);
  const count = new StoredCountWindows(countWindows, metrics);
  return playCase(conformance, { central, count }, { isInterrupted });
}

/** A start is a tick of its own: a window that an agent has just passed may be shown a step earlier. */
function untimed({ published, asked, ...rest }: PlayedCase) {
  const without = ({ updatedAtMs: _, ...result }: WindowResult) => result;
  return {
    published: published.map(({ shownAtMs: _, ...result }) => without(result)),
    asked: asked.map(without),
    ...rest,
  };
}

/** What cannot happen with the whole of central, and what is to be seen of that. */
const UNPLAYABLE: Readonly<Record<string, { readonly because: string; readonly seen: RegExp }>> = {
  "an agent that nobody enrolled yet is not expected, and what it sends counts": {
    because: "central takes nothing of an agent that is not enrolled: its hello is refused",
    seen: /sum 1, expected 3/,
  },
  "where nobody is expected a window is complete after the grace": {
    because: "an agent may not name another site than its own: its readings of site ghost are refused",
    seen: /1 readings are refused_by_central/,
  },
  "a site retired inside a window that had passed all before is not missing": {
    because:
      "retiring ends the agent's connection, so that nothing tells any more that it had passed the window's first half",
    seen: /agents missing \["b"\], expected \[\]/,
  },
};

test("every case that is not played is there", () => {
  const names = caseFiles().flatMap((file) => loadCases(file).cases.map(({ name }) => name));
  expect(Object.keys(UNPLAYABLE).filter((name) => !names.includes(name))).toEqual([]);
});

for (const file of caseFiles()) {
  const { topic, cases } = loadCases(file);
  describe(topic, () => {
    for (const conformance of cases) {
      const unplayable = UNPLAYABLE[conformance.name];
      const title =
        unplayable === undefined ? conformance.name : `${conformance.name}: not here, ${unplayable.because}`;
      test(title, async () => {
        const played = await playedOf(conformance, false);
        const problems = problemsOf(conformance, played).join("\n");
        if (unplayable === undefined) expect(problems).toBe("");
        else expect(problems).toMatch(unplayable.seen);
        const interrupted = await playedOf(conformance, true);
        if (unplayable === undefined) expect(problemsOf(conformance, interrupted).join("\n")).toBe("");
        expect(untimed(interrupted)).toEqual(untimed(played));
      });
    }
  });
}
