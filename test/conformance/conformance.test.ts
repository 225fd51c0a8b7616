// The meaning of windows, as cases that every engine passes alike: once straight through, once with the engine stopped and
// restored before everything that it is given. The batch oracle passes what they say of the end.
import { describe, expect, test } from "vitest";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { oracleProblemsOf, problemsOf } from "./check-case.ts";
import { caseFiles, type ConformanceCase, loadCases } from "./load-cases.ts";
import { EngineInbox } from "./engine-inbox.ts";
import { playCase } from "./play-case.ts";
import { StoredCountWindows } from "./stored-count-windows.ts";

function playedOf(conformance: ConformanceCase, isInterrupted: boolean) {
  const { windows, countWindows, metrics, graceMs, limits } = conformance;
  const engine = new StoredEngine({ windows, metrics, graceMs, maxFutureMs: limits.maxFutureMs });
  const central = new EngineInbox(conformance, engine, isInterrupted);
  const count = new StoredCountWindows(countWindows, metrics);
  return playCase(conformance, { central, count }, { isInterrupted });
}

for (const file of caseFiles()) {
  const { topic, cases } = loadCases(file);
  describe(topic, () => {
    for (const conformance of cases) {
      test(conformance.name, async () => {
        const played = await playedOf(conformance, false);
        expect(problemsOf(conformance, played).join("\n")).toBe("");
        expect(oracleProblemsOf(conformance).join("\n")).toBe("");
        const interrupted = await playedOf(conformance, true);
        expect(interrupted).toEqual(played);
      });
    }
  });
}
