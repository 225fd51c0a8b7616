// @ts-check
"use strict";

const fs = require("node:fs");
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

/**
 * @param {string} root
 * @param {number} packageCount for the progress line
 * @returns {Promise<string | undefined>} what went wrong, in a sentence
 */
function runNpmCi(root, packageCount) {
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
    shell: command === "npm" && process.platform === "win32", // npm is npm.cmd there
  });

  let output = "";
  /** @param {Buffer} chunk */
  const collect = (chunk) => {
    output = (output + chunk.toString()).slice(-outputCharsMax);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  /** @param {NodeJS.Signals} signal */
  const interrupt = (signal) => {
    child.kill(signal);
    process.stderr.write(`\nstopped while installing; the next start begins again\n`);
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);

  return new Promise((resolve) => {
    child.on("error", (error) =>
      resolve(`cannot run npm: ${error.message}; npm comes with Node (https://nodejs.org)`),
    );
    child.on("close", (code) => {
      const isDone = code === 0;
      if (isDone) process.stderr.write(`${isLive ? `\r${what} ` : "installed in "}${seconds()}\n`);
      else if (isLive) process.stderr.write("\n");
      resolve(isDone ? undefined : explainNpmFailure(output));
    });
  }).finally(() => {
    clearInterval(ticker);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  });
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
