// Apps import packages, packages import packages below them, and nothing goes the other way.
import { expect, test } from "vitest";
import { importsAgainstDirection } from "./import-direction.ts";
import { repositoryFiles } from "./source-file.ts";

const planted = (path: string, name: string) =>
  importsAgainstDirection([{ path, text: `import { x } from "${name}";\n` }]);

test("the repository keeps the direction of its imports", () => {
  expect(importsAgainstDirection(repositoryFiles())).toEqual([]);
});

test.each([
  ["central/src/intake.ts", "@millrace/edge-agent"],
  ["central/src/intake.ts", "../../edge-agent/src/outbox/outbox.ts"],
  ["central/src/intake.ts", "@millrace/testkit"],
  ["central/src/intake.ts", "@millrace/wire/src/crc.ts"],
  ["packages/stream/src/pane.ts", "@millrace/runtime"],
  ["packages/wire/src/topic.ts", "@millrace/queue"],
  ["packages/queue/src/lane.ts", "@millrace/central"],
  ["packages/queue/src/lane.ts", "../../wire/src/crc.ts"],
  ["packages/queue/src/lane.test.ts", "@millrace/central"],
])("%s may not import %s", (path, name) => {
  expect(planted(path, name)).toHaveLength(1);
});

test.each([
  ["central/src/intake.ts", "@millrace/queue"],
  ["packages/queue/src/lane.ts", "@millrace/wire"],
  ["packages/queue/src/lane.test.ts", "@millrace/testkit"],
  ["packages/queue/src/lane.ts", "./trim.ts"],
  ["test/outage.e2e.test.ts", "../central/src/main.ts"],
])("%s may import %s", (path, name) => {
  expect(planted(path, name)).toEqual([]);
});
