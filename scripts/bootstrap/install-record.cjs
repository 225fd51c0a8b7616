// @ts-check
"use strict";
// Is node_modules what package-lock.json says? npm itself writes down what it installed
// (node_modules/.package-lock.json), so an `npm ci` by hand counts too, and one that was interrupted does not.

const fs = require("node:fs");
const path = require("node:path");

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean, os?: string | string[], cpu?: string | string[],
 *   libc?: string | string[], dependencies?: Record<string, string>, devDependencies?: Record<string, string>,
 *   optionalDependencies?: Record<string, string>, peerDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lockfile
 * @typedef {{ platform: string, arch: string }} Target
 */

const dependencyKinds = /** @type {const} */ ([
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
]);

/**
 * Folders under node_modules that this platform needs. What is optional without naming a platform belongs to some
 * other platform's package (WebAssembly fallbacks), and what is for one C library only is left to npm.
 * @param {Lockfile} lock
 * @param {Target} target
 * @returns {string[]}
 */
function expectedFolders(lock, target) {
  return Object.keys(lock.packages).filter((folder) => {
    const entry = lock.packages[folder];
    if (!folder.includes("node_modules/") || entry.libc !== undefined) return false;
    if (isOptional(entry) && entry.os === undefined && entry.cpu === undefined) return false;
    return admits(entry.os ?? [], target.platform) && admits(entry.cpu ?? [], target.arch);
  });
}

/** @param {LockEntry} entry */
function isOptional(entry) {
  return entry.optional === true || entry.devOptional === true;
}

/**
 * npm's os and cpu fields: names that are allowed, or names with "!" that are not.
 * @param {string | string[]} field
 * @param {string} name
 */
function admits(field, name) {
  const list = [field].flat();
  if (list.length === 0) return true;
  if (list.includes(`!${name}`)) return false;
  return list.includes(name) || list.every((item) => item.startsWith("!"));
}

/**
 * Folders that are missing or of another version. Optional ones do not count where `forgiveOptional`:
 * npm may leave them out for good reasons, and asking again at every start would not change that.
 * @param {{ lock: Lockfile, installed: Lockfile, target: Target, forgiveOptional: boolean, exists: (folder: string) => boolean }} input
 * @returns {string[]}
 */
function missingFolders({ lock, installed, target, forgiveOptional, exists }) {
  return expectedFolders(lock, target).filter((folder) => {
    const wanted = lock.packages[folder];
    if (forgiveOptional && isOptional(wanted)) return false;
    if (!exists(folder)) return true;
    const found = installed.packages[folder];
    return !wanted.link && (found === undefined || found.version !== wanted.version);
  });
}

/**
 * Workspaces whose package.json asks for something other than the lockfile holds, by folder ("" is the root).
 * @param {Lockfile} lock
 * @param {Record<string, LockEntry>} manifests package.json of the root and of each workspace, by folder
 * @returns {string[]}
 */
function workspacesOutOfStep(lock, manifests) {
  return Object.keys(manifests).filter((folder) => {
    const locked = lock.packages[folder];
    return (
      locked === undefined || dependencyKinds.some((kind) => !sameMap(manifests[folder][kind], locked[kind]))
    );
  });
}

/**
 * @param {Record<string, string>} [left]
 * @param {Record<string, string>} [right]
 */
function sameMap(left = {}, right = {}) {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/**
 * The package.json files of a checkout, by folder.
 * @param {string} root
 * @returns {Record<string, LockEntry>}
 */
function readManifests(root) {
  /** @type {Record<string, LockEntry>} */
  const manifests = { "": readJson(path.join(root, "package.json")) };
  /** @type {string[]} */
  const patterns = readJson(path.join(root, "package.json")).workspaces;
  for (const pattern of patterns) {
    const parent = pattern.replace(/\/\*$/, "");
    const folders =
      parent === pattern
        ? [pattern]
        : fs.readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`);
    for (const folder of folders) {
      const file = path.join(root, folder, "package.json");
      if (fs.existsSync(file)) manifests[folder] = readJson(file);
    }
  }
  return manifests;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(fs.readFileSync(file, "utf8"));
}

module.exports = { expectedFolders, missingFolders, workspacesOutOfStep, readManifests, readJson };
