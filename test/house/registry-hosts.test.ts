// The lockfile and every other file work with whatever registry this machine uses.
import { expect, test } from "vitest";
import { registryHosts } from "./registry-hosts.ts";
import { repositoryFiles } from "./source-file.ts";

test("no file names a registry", () => {
  // This folder spells the hosts out in order to find them.
  expect(
    registryHosts(repositoryFiles().filter((file) => !file.path.startsWith("test/house/registry-hosts"))),
  ).toEqual([]);
});

test.each([
  ["package-lock.json", '      "resolved": "https://mirror.example/zod/-/zod-4.0.0.tgz",'],
  ["docs/operations.md", `npm config set registry https://${["registry", "npmjs", "org"].join(".")}`],
  [".npmrc", "registry=https://mirror.example/"],
  ["packages/wire/.npmrc", "//mirror.example/:_authToken=secret"],
])("%s with a registry is found", (path, text) => {
  expect(registryHosts([{ path, text }])).toHaveLength(1);
});

test("a link to a workspace is none", () => {
  expect(registryHosts([{ path: "package-lock.json", text: '      "resolved": "packages/wire",' }])).toEqual(
    [],
  );
});
