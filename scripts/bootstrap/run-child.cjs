// @ts-check
"use strict";

const { spawn } = require("node:child_process");

/**
 * Runs the entry in our place: its terminal, its signals, its end.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {(cause: string) => void} onCannotStart
 */
function runChild(command, args, env, onCannotStart) {
  const child = spawn(command, args, { stdio: "inherit", env });
  /** @type {NodeJS.Signals[]} */
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of forwarded) {
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal itself; passing it on would count as a second one.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => onCannotStart(error.message));
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exit(code ?? 1);
    }
    for (const name of forwarded) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

module.exports = { runChild };
