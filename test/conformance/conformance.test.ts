// The meaning of windows, as cases that every engine passes alike: once straight through, once with the engine stopped and
// restored before everything that it is given. The batch oracle passes what they say of the end.
import { describe, expect, test } from "vitest";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { oracleProblemsOf, problemsOf } from "./check-case.ts";
import { caseFiles, type ConformanceCase, loadCases } from "./load-cases.ts";
import { type CaseEngines, playCase } from "./play-case.ts";
import { StoredCountWindows } from "./stored-count-windows.ts";

const enginesOf = ({ windows, countWindows, metrics, graceMs, limits }: ConformanceCase): CaseEngines => ({
  merge: new StoredEngine({ windows, metrics, graceMs, maxFutureMs: limits.maxFutureMs }),
  count: new StoredCountWindows(countWindows, metrics),
});

for (const file of caseFiles()) {
  const { topic, cases } = loadCases(file);
  describe(topic, () => {
    for (const conformance of cases) {
      test(conformance.name, async () => {
        const played = await playCase(conformance, enginesOf(conformance), { isInterrupted: false });
        expect(problemsOf(conformance, played).join("\n")).toBe("");
        expect(oracleProblemsOf(conformance).join("\n")).toBe("");
        const interrupted = await playCase(conformance, enginesOf(conformance), { isInterrupted: true });
        expect(interrupted).toEqual(played);
      });
    }
  });
}
