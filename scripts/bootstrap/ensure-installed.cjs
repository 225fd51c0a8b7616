// @ts-check
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const crypto = require("node:crypto");
const {
  expectedFolders,
  missingFolders,
  workspacesOutOfStep,
  readManifests,
  readJson,
} = require("./install-record.cjs");
const { withInstallLock } = require("./install-lock.cjs");
const { runNpmCi } = require("./run-npm-ci.cjs");

/**
 * Brings node_modules in line with package-lock.json, once even when several commands start together.
 * @param {string} root
 * @returns {Promise<string | undefined>} what went wrong, in a sentence
 */
async function ensureInstalled(root) {
  const lockfile = path.join(root, "package-lock.json");
  const lockText = fs.readFileSync(lockfile, "utf8");
  /** @type {import("./install-record.cjs").Lockfile} */
  const lock = JSON.parse(lockText);
  const target = { platform: process.platform, arch: process.arch };

  // npm can leave an optional package out. The stamp remembers that this lockfile was tried here.
  const stampFile = path.join(root, "node_modules", ".millrace-installed");
  const stamp = `${crypto.createHash("sha256").update(lockText).digest("hex")} ${target.platform}-${target.arch}\n`;
  const isCurrent = () => {
    const record = path.join(root, "node_modules", ".package-lock.json");
    if (!fs.existsSync(record)) return false;
    const forgiveOptional = fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp;
    /** @param {string} folder */
    const exists = (folder) => fs.existsSync(path.join(root, folder));
    return (
      missingFolders({ lock, installed: readJson(record), target, forgiveOptional, exists }).length === 0
    );
  };
  const outOfStep = workspacesOutOfStep(lock, readManifests(root))
    .map((folder) => path.posix.join(folder, "package.json"))
    .join(", ");
  const advice = `package-lock.json does not match ${outOfStep}; run "npm install" to bring them together`;
  if (isCurrent()) {
    if (outOfStep !== "") process.stderr.write(`${advice}\n`);
    return undefined;
  }
  if (outOfStep !== "") return `cannot install the packages: ${advice}`;

  return withInstallLock(path.join(root, ".cache"), async () => {
    if (isCurrent()) return undefined; // another command has installed meanwhile
    const fault = await runNpmCi(root, expectedFolders(lock, target).length);
    if (fault === undefined) fs.writeFileSync(stampFile, stamp);
    return fault;
  });
}

module.exports = { ensureInstalled };
