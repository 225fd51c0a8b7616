// Every workspace declares what it imports: what works here by luck of hoisting must work alone as well.
import { expect, test } from "vitest";
import { undeclaredImports } from "./declared-imports.ts";
import { repositoryFiles } from "./source-file.ts";

const manifests = [
  { path: "package.json", text: '{ "devDependencies": { "vitest": "1.0.0" } }' },
  {
    path: "packages/queue/package.json",
    text: '{ "dependencies": { "@millrace/wire": "*", "classic-level": "3.0.0" } }',
  },
];
const planted = (path: string, name: string) =>
  undeclaredImports([...manifests, { path, text: `import { x } from "${name}";\n` }]);

test("the repository declares what it imports", () => {
  expect(undeclaredImports(repositoryFiles())).toEqual([]);
});

test("an undeclared import is found", () => {
  expect(planted("packages/queue/src/lane.ts", "zod")).toHaveLength(1);
  expect(planted("packages/queue/src/lane.ts", "@millrace/stream")).toHaveLength(1);
  expect(planted("packages/queue/src/lane.ts", "vitest")).toHaveLength(1);
  expect(planted("packages/queue/src/lane.test.ts", "zod")).toHaveLength(1);
});

test("declared, built-in and test imports pass", () => {
  expect(planted("packages/queue/src/lane.ts", "classic-level")).toEqual([]);
  expect(planted("packages/queue/src/lane.ts", "@millrace/wire")).toEqual([]);
  expect(planted("packages/queue/src/lane.ts", "node:fs")).toEqual([]);
  expect(planted("packages/queue/src/lane.test.ts", "vitest")).toEqual([]);
});
