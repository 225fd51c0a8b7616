// The meaning of windows, as cases that every engine passes alike: once straight through, once with the engine stopped and
// restored before everything that it is given. The batch oracle passes what they say of the end.
import { describe, expect, test } from "vitest";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { oracleProblemsOf, problemsOf } from "./check-case.ts";
import { caseFiles, type ConformanceCase, loadCases } from "./load-cases.ts";
import { playCase } from "./play-case.ts";

const engineOf = ({ windows, metrics, graceMs, limits }: ConformanceCase) =>
  new StoredEngine({ windows, metrics, graceMs, maxFutureMs: limits.maxFutureMs });

for (const file of caseFiles()) {
  const { topic, pending, cases } = loadCases(file);
  if (pending !== undefined) continue;
  describe(topic, () => {
    for (const conformance of cases) {
      test(conformance.name, async () => {
        const played = await playCase(conformance, engineOf(conformance), { isInterrupted: false });
        expect(problemsOf(conformance, played).join("\n")).toBe("");
        expect(oracleProblemsOf(conformance).join("\n")).toBe("");
        const interrupted = await playCase(conformance, engineOf(conformance), { isInterrupted: true });
        expect(interrupted).toEqual(played);
      });
    }
  });
}
