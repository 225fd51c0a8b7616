// npm ci refuses a lockfile that does not match the package.json files: a fresh checkout could not start.
import path from "node:path";
import { expect, test } from "vitest";
import { readJson, readManifests, workspacesOutOfStep } from "../../scripts/bootstrap/install-record.cjs";
import { repositoryRoot } from "./source-file.ts";

test("the lockfile matches every package.json", () => {
  const lock = readJson(path.join(repositoryRoot, "package-lock.json"));
  expect(workspacesOutOfStep(lock, readManifests(repositoryRoot))).toEqual([]);
});
