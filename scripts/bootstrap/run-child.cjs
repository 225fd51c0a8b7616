// @ts-check
"use strict";

const { spawn } = require("node:child_process");

/** How often to look whether the npm that called us is still there. */
const orphanPollMs = 500;
const parentAtStart = process.ppid;

/** A signal to the whole process group comes from the sender and again from npm; within this time it counts once. */
const sameSignalMs = 1_000;

/**
 * Runs the entry in our place: its terminal, its signals, its end.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {(cause: string) => void} onCannotStart
 */
function runChild(command, args, env, onCannotStart) {
  const isFromNpm = env.npm_lifecycle_event !== undefined;
  const isOrphan = () => isFromNpm && process.ppid !== parentAtStart;
  if (isOrphan()) process.exit(143);
  const child = spawn(command, args, { stdio: "inherit", env });
  /** @type {NodeJS.Signals[]} */
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of forwarded) {
    let passedOnAtMs = -sameSignalMs;
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal itself; passing it on would count as a second one.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      if (performance.now() - passedOnAtMs < sameSignalMs) return;
      passedOnAtMs = performance.now();
      child.kill(signal);
    });
  }
  // An npm that is killed outright tells nobody: whoever is left without a parent stops in order.
  const poll = setInterval(() => {
    if (!isOrphan()) return;
    clearInterval(poll);
    child.kill("SIGTERM");
  }, orphanPollMs);
  child.on("error", (error) => onCannotStart(error.message));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of forwarded) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

module.exports = { runChild };
