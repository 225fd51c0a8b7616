// What is told where Maven cannot fetch: its reason, whole, without what it says around it.
import { expect, test } from "vitest";
import { mavenReason } from "./maven-reason.ts";

const NO_NETWORK = `\u001b[0m\u001b[0m[ERROR] No plugin found for prefix 'dependency' in the current project and in the plugin groups [org.apache.maven.plugins] available from the repositories [local (/root/.m2/repository), central (https://repository.example/maven2)] -> [Help 1]
[ERROR] 
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
[ERROR] For more information about the errors and possible solutions, please read the following articles:
[ERROR] [Help 1] http://cwiki.apache.org/confluence/display/MAVEN/NoPluginFoundForPrefixException
`;

test("without a network Maven's reason is not cut in the middle of a word, and no advice about Maven's switches is behind it", () => {
  expect(mavenReason(NO_NETWORK)).toBe(
    "No plugin found for prefix 'dependency' in the current project and in the plugin groups [org.apache.maven.plugins] available from the repositories [local (/root/.m2/repository), central (https://repository.example/maven2)]",
  );
});

test("a reason without end ends with a whole word; of an end without one that is said", () => {
  const long = mavenReason(`[ERROR] ${"word ".repeat(1_000)}`);
  expect(long).toMatch(/word…$/);
  expect(long.length).toBeLessThanOrEqual(600);
  expect(mavenReason("java: not enough memory\n\n")).toBe("java: not enough memory");
  expect(mavenReason("")).toBe("it ended without a word, or was ended after 10 minutes");
});
