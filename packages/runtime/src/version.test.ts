// Version: one number for the whole release, readable in one line.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatVersion, MILLRACE_VERSION, readVersion } from "./version.ts";

test("is the version in package.json", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8");
  expect(text).toContain(`"version": "${MILLRACE_VERSION}"`);
});

test("names wire and store where there are any", () => {
  const version = {
    program: "millrace-agent",
    version: "1.2.3",
    commit: "abc1234",
    wireVersion: 1,
    storeVersion: 2,
  };
  expect(formatVersion(version)).toBe(
    `millrace-agent 1.2.3 (commit abc1234, wire 1, store 2, node ${process.versions.node})`,
  );
  const bare = { ...version, commit: null, wireVersion: null, storeVersion: null };
  expect(formatVersion(bare)).toBe(`millrace-agent 1.2.3 (node ${process.versions.node})`);
  expect(readVersion({ program: "millrace-sim", wireVersion: null, storeVersion: null }).program).toBe(
    "millrace-sim",
  );
});
