// @ts-check
"use strict";

const fs = require("node:fs");
const path = require("node:path");

/** The line of Node whose features the code uses. */
const nodeMajorMin = 24;

/**
 * The Node to run under: the exact version that npm installed for this platform; where there is no such package
 * (macOS), or its build cannot run here (a Linux without glibc), the Node that is running if it is new enough.
 * @param {string} root
 * @returns {{ command: string, fault?: undefined } | { command?: undefined, fault: string }}
 */
function projectNode(root) {
  const isWindows = process.platform === "win32";
  const name = `node-${isWindows ? "win" : process.platform}-${process.arch}`;
  const own = path.join(root, "node_modules", name, "bin", isWindows ? "node.exe" : "node");
  if (fs.existsSync(own) && !isMusl()) return { command: own };
  if (Number(process.versions.node.split(".")[0]) >= nodeMajorMin) return { command: process.execPath };
  return {
    fault:
      `cannot run under Node ${process.versions.node}: Node ${nodeMajorMin} or newer is needed, and it does not come as a package ` +
      `for ${process.platform}-${process.arch}; install it (https://nodejs.org, or "brew install node@${nodeMajorMin}") and run the command again`,
  };
}

/** glibc builds do not start on musl, whose loader has this name. */
function isMusl() {
  return process.platform === "linux" && fs.existsSync("/etc/alpine-release");
}

module.exports = { projectNode };
