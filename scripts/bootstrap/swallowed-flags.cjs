// @ts-check
"use strict";
// `npm start --for 30s` without the `--` before it: npm takes the flag for its own setting. What is left of it, seen
// with npm 9, 10 and 11: `--for 30s` gives npm_config_for=true and the argument "30s"; `--for=30s` gives npm_config_for=30s;
// `--long` gives npm_config_long=true; `--no-open` gives an empty npm_config_open. npm 12 refuses such flags itself.

const flagsWithValue = ["for", "data", "port", "kills", "seeds", "seed"];
const switches = ["long", "quick", "open"];

/**
 * Puts flags that npm took back among the arguments.
 * @param {string[]} args
 * @param {Record<string, string | undefined>} env
 * @returns {{ args: string[], consumed: string[], note?: string, fault?: string }} `consumed`: variables that a child must
 *   not see, or it would read them again
 */
function recoverSwallowedFlags(args, env) {
  const isFromScript = ["start", "test", "run", "run-script"].includes(env.npm_command || "");
  /** @param {string} name */
  const isTaken = (name) =>
    env[`npm_config_${name}`] !== undefined &&
    !args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  const taken = isFromScript ? [...flagsWithValue, ...switches].filter(isTaken) : [];
  if (taken.length === 0) return { args, consumed: [] };

  const consumed = taken.map((name) => `npm_config_${name}`);
  const rest = [...args];
  const recovered = [];
  const isLoose = (/** @type {string} */ name) =>
    flagsWithValue.includes(name) && env[`npm_config_${name}`] === "true";
  for (const name of taken) {
    const value = env[`npm_config_${name}`] || "";
    if (switches.includes(name))
      recovered.push(value === "" || value === "false" ? `--no-${name}` : `--${name}`);
    else if (!isLoose(name)) recovered.push(`--${name}`, value);
    else if (rest.length === 1 && taken.filter(isLoose).length === 1)
      recovered.push(`--${name}`, ...rest.splice(0, 1));
    else {
      const script = env.npm_lifecycle_event === undefined ? "" : ` run ${env.npm_lifecycle_event}`;
      const fault = `npm kept ${taken.map((flag) => `--${flag}`).join(" ")} for itself; write "--" before flags: npm${script} -- --${name} …`;
      return { args, consumed, fault };
    }
  }
  const complete = [...recovered, ...rest];
  return {
    args: complete,
    consumed,
    note: `(npm took flags for its own; running with: ${complete.join(" ")})`,
  };
}

module.exports = { recoverSwallowedFlags };
