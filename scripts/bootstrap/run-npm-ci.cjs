// @ts-check
"use strict";

const fs = require("node:fs");
const { constants } = require("node:os");
const path = require("node:path");
const { spawn } = require("node:child_process");
const { npmEnvironment } = require("./npm-environment.cjs");
const { explainNpmFailure } = require("./npm-failure.cjs");

/** No package here needs an install script, so none is run. The rest undoes what a user's npmrc may say. */
const npmCi = [
  "ci",
  "--include=dev",
  "--include=optional",
  "--include=peer",
  "--ignore-scripts",
  "--location=project",
  "--package-lock=true",
  "--dry-run=false",
  "--engine-strict=false",
  "--legacy-peer-deps=false",
  "--audit=false",
  "--fund=false",
  "--progress=false",
  "--loglevel=error",
  "--fetch-retries=4",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=8000",
  "--fetch-retry-factor=2",
];

/** Enough of npm's output to find the cause; bounded because npm can be talkative. */
const outputCharsMax = 100_000;

/** npm gets this long to end after a signal: it first moves back what it was replacing. */
const endMsMax = 3_000;

/** What npm says when files stand where it wants to put its own: left by an installation that was killed. */
const inTheWay = /ENOTEMPTY|EEXIST|ENOTDIR/;

/**
 * @param {string} root
 * @param {number} packageCount for the progress line
 * @returns {Promise<string | undefined>} what went wrong, in a sentence
 */
async function runNpmCi(root, packageCount) {
  const first = await runOnce(root, packageCount);
  if (first === undefined || !inTheWay.test(first)) return first;
  process.stderr.write(
    "an interrupted installation left files in the way; removing node_modules and trying again\n",
  );
  fs.rmSync(path.join(root, "node_modules"), { recursive: true, force: true, maxRetries: 10 });
  return runOnce(root, packageCount);
}

/**
 * @param {string} root
 * @param {number} packageCount
 * @returns {Promise<string | undefined>}
 */
function runOnce(root, packageCount) {
  const startedAtMs = Date.now();
  const seconds = () => `${Math.round((Date.now() - startedAtMs) / 1000)} s`;
  const isLive = process.stderr.isTTY;
  const what = `installing ${packageCount} packages, first start only …`;
  if (!isLive) process.stderr.write(`${what}\n`);
  const ticker = setInterval(() => isLive && process.stderr.write(`\r${what} ${seconds()} `), 1_000);

  const bin = path.join(root, "node_modules", ".bin");
  const env = npmEnvironment(process.env);
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === "PATH") || "PATH";
  // npm empties node_modules, so it must not be run by the Node that lives there.
  env[pathName] = (env[pathName] || "")
    .split(path.delimiter)
    .filter((folder) => path.resolve(folder) !== bin)
    .join(path.delimiter);
  const [command, ...before] = npmCommand(process.env, path.join(root, "node_modules"));
  const child = spawn(command, [...before, ...npmCi], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32", // a process group of its own, so that a signal ends all of it
    shell: command === "npm" && process.platform === "win32", // npm is npm.cmd there
  });

  let output = "";
  /** @param {Buffer} chunk */
  const collect = (chunk) => {
    output = (output + chunk.toString()).slice(-outputCharsMax);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  let isInterrupted = false;
  /**
   * Ends only after npm: until then it still writes, and the lock must keep the next start waiting.
   * @param {NodeJS.Signals} signal
   */
  const interrupt = (signal) => {
    if (isInterrupted) return;
    isInterrupted = true;
    const exit = () => {
      killGroup(child, "SIGKILL");
      process.stderr.write(`\nstopped while installing; the next start begins again\n`);
      process.exit(128 + constants.signals[signal]);
    };
    if (child.exitCode !== null || child.signalCode !== null) return exit();
    child.once("exit", exit);
    killGroup(child, "SIGTERM");
    setTimeout(() => killGroup(child, "SIGKILL"), endMsMax);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, interrupt);

  return new Promise((resolve) => {
    child.on("error", (error) =>
      resolve(`cannot run npm: ${error.message}; npm comes with Node (https://nodejs.org)`),
    );
    child.on("close", (code) => {
      if (isInterrupted) return;
      const isDone = code === 0;
      if (isDone) process.stderr.write(`${isLive ? `\r${what} ` : "installed in "}${seconds()}\n`);
      else if (isLive) process.stderr.write("\n");
      resolve(isDone ? undefined : explainNpmFailure(output));
    });
  }).finally(() => {
    clearInterval(ticker);
    for (const signal of signals) process.off(signal, interrupt);
  });
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function killGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

/**
 * The npm that called us, under the Node that ran it; else the one on the PATH.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} modules
 * @returns {string[]}
 */
function npmCommand(env, modules) {
  const node = env.npm_node_execpath || process.execPath;
  const script = (env.npm_execpath || "").replace(/npx-cli\.js$/, "npm-cli.js");
  const isUsable = script.endsWith("npm-cli.js") && fs.existsSync(script) && fs.existsSync(node);
  return isUsable && !node.startsWith(modules) ? [node, script] : ["npm"];
}

module.exports = { runNpmCi };
