// Loading never fails in any other way than a MillraceError with places, whatever the file holds.
import fc from "fast-check";
import { expect, test } from "vitest";
import { MillraceError } from "@millrace/runtime";
import { loadAgentConfig } from "./load-agent-config.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { agentTemplate, centralTemplate, pipelineTemplate } from "./templates.ts";

const cases = [
  { load: loadAgentConfig, template: agentTemplate() },
  { load: loadPipeline, template: pipelineTemplate() },
  { load: loadCentralConfig, template: centralTemplate() },
];

const PIECES = [
  "{",
  "}",
  "[",
  "]",
  ":",
  "- ",
  "\n",
  "&a ",
  "*a",
  "<<: ",
  "${X}",
  "!!set ",
  "~",
  "0x1f",
  "__proto__: ",
  '"',
  "'",
  "|",
  "#",
  "\t",
  "\u0000",
  "? ",
];

test.each(cases)("a template with pieces broken out or put in: $load.name", ({ load, template }) => {
  const broken = fc
    .array(fc.tuple(fc.nat(template.length), fc.nat(30), fc.constantFrom(...PIECES, "")), {
      minLength: 1,
      maxLength: 4,
    })
    .map((edits) =>
      edits.reduce((text, [at, cut, piece]) => text.slice(0, at) + piece + text.slice(at + cut), template),
    );
  fc.assert(
    fc.property(broken, (text) => {
      try {
        load("f.yaml", { env: {}, readFile: (path) => (path.endsWith(".yaml") ? text : "secret") });
      } catch (error) {
        expect(error).toBeInstanceOf(MillraceError);
        expect(String(error)).toMatch(/f\.yaml:\d+:\d+: /);
      }
    }),
    { numRuns: 150 },
  );
});
