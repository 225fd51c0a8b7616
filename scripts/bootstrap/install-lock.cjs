// @ts-check
"use strict";
// One installation at a time per checkout: a file made atomically, holding the process id, touched while it is held.

const fs = require("node:fs");
const path = require("node:path");

const beatMs = 1_000;
/** A holder that has stopped beating for this long is taken over if its process is gone … */
const staleMs = 5_000;
/** … and after this long in any case (its id may belong to another process, or to another container, by now). */
const abandonedMs = 60_000;

/** @param {number} durationMs */
const pause = (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs));

/**
 * @param {string} folder where the lock file lives (made when missing)
 * @param {() => Promise<string | undefined>} work
 * @returns {Promise<string | undefined>} what went wrong, in a sentence
 */
async function withInstallLock(folder, work) {
  const file = path.join(folder, "install.lock");
  let hasTold = false;
  try {
    fs.mkdirSync(folder, { recursive: true });
    while (!(await acquire(file))) {
      const other = holder(file);
      if (other !== "" && !hasTold)
        process.stderr.write(`waiting: another command (process ${other}) is installing the packages\n`);
      hasTold ||= other !== "";
      await pause(300);
    }
  } catch (error) {
    return `cannot install the packages: ${String(error)}; the checkout must be writable for its first start`;
  }
  const beat = setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), beatMs);
  const release = () => {
    clearInterval(beat);
    if (holder(file) === String(process.pid)) fs.rmSync(file, { force: true });
  };
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/**
 * @param {string} file
 * @returns {Promise<boolean>}
 */
async function acquire(file) {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if (isStale(file)) fs.rmSync(file, { force: true });
    return false;
  }
  // Two that find the same stale file may both remove and make it; only the last writer goes on.
  await pause(100);
  return holder(file) === String(process.pid);
}

/** @param {string} file */
function isStale(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  const silentMs = Date.now() - stat.mtimeMs;
  return silentMs > abandonedMs || (silentMs > staleMs && !isAlive(Number(holder(file))));
}

/** @param {string} file */
function holder(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** @param {number} pid */
function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

module.exports = { withInstallLock };
