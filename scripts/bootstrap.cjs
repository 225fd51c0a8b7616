#!/usr/bin/env node
// @ts-check
"use strict";
// The way in for every command of a checkout: `node scripts/bootstrap.cjs <entry.ts> [args…]`.
// Installs what is missing, then runs the entry under the project's own Node, whatever Node called it.
// Plain CommonJS without dependencies, readable by Node 18: it runs before anything is installed.

const path = require("node:path");
const fs = require("node:fs");
const { ensureInstalled } = require("./bootstrap/ensure-installed.cjs");
const { recoverSwallowedFlags } = require("./bootstrap/swallowed-flags.cjs");
const { projectNode } = require("./bootstrap/project-node.cjs");
const { runChild } = require("./bootstrap/run-child.cjs");

const root = path.resolve(__dirname, "..");

/**
 * Runs `entry` (relative to the repository) with `args`; the process then ends as the entry ends.
 * @param {string} entry
 * @param {string[]} args
 */
async function bootstrap(entry, args) {
  const entryPath = path.join(root, entry);
  if (!fs.existsSync(entryPath)) return fail(`cannot run ${entry}: no such file in this checkout`);

  const flags = recoverSwallowedFlags(args, process.env);
  if (flags.fault !== undefined) return fail(flags.fault, 2);
  if (flags.note !== undefined) process.stderr.write(`${flags.note}\n`);

  const fault = await ensureInstalled(root);
  if (fault !== undefined) return fail(fault);

  const node = projectNode(root);
  if (node.fault !== undefined) return fail(node.fault);

  const env = { ...process.env };
  for (const name of flags.consumed) delete env[name];
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === "PATH") || "PATH";
  env[pathName] = [path.join(root, "node_modules", ".bin"), env[pathName]]
    .filter(Boolean)
    .join(path.delimiter);
  runChild(node.command, [entryPath, ...flags.args], env, (cause) =>
    fail(`cannot start ${node.command}: ${cause}`),
  );
}

/**
 * @param {string} sentence
 * @param {number} [exitCode]
 */
function fail(sentence, exitCode = 1) {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = exitCode;
}

module.exports = { bootstrap };

if (require.main === module) {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) fail("usage: node scripts/bootstrap.cjs <entry.ts> [args…]", 2);
  else void bootstrap(entry, args);
}
