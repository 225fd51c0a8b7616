// Cases that are written and that no engine passes yet: each file says why. They are read, so that they stay well-formed.
import { describe, test } from "vitest";
import { caseFiles, loadCases } from "./load-cases.ts";

for (const { pending, topic, names } of caseFiles().map((file) => loadCases(file))) {
  if (pending === undefined) continue; // conformance.test.ts runs these
  describe(`${topic}: ${pending}`, () => {
    for (const name of names) test.skipIf(pending !== undefined)(name, () => undefined);
  });
}
