// @ts-check
"use strict";

/** What decides how the registry is reached and by whom; everything else that a caller set for npm is left out. */
const keptSettings = new Set([
  "registry",
  "cache",
  "userconfig",
  "globalconfig",
  "proxy",
  "http_proxy",
  "https_proxy",
  "noproxy",
  "ca",
  "cafile",
  "cert",
  "key",
  "strict_ssl",
  "otp",
  "local_address",
  "maxsockets",
  "offline",
  "prefer_offline",
  "prefer_online",
  "fetch_timeout",
]);

/**
 * The environment for an installation that always comes out the same: without the caller's choices of what to leave out
 * (npm_config_production, omit, workspace, …), with the caller's registry, cache, proxy and credentials.
 * @param {Record<string, string | undefined>} env
 * @returns {Record<string, string>}
 */
function npmEnvironment(env) {
  /** @type {Record<string, string>} */
  const clean = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name === "NODE_ENV") continue;
    const match = /^npm_config_(.*)$/i.exec(name);
    if (match === null || isKept(match[1])) clean[name] = value;
  }
  return clean;
}

/** @param {string} setting */
function isKept(setting) {
  const isForOneRegistry = setting.startsWith("//") || setting.startsWith("@"); // //host/:_authToken, @scope:registry
  return (
    isForOneRegistry || setting.startsWith("_") || keptSettings.has(setting.toLowerCase().replace(/-/g, "_"))
  );
}

module.exports = { npmEnvironment };
